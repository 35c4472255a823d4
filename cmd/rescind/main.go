// Command rescind revokes JSON Web Tokens.
package main

func main() {}
