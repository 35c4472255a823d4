//go:build !race

package docs_test

var raceFlag []string
