// Package adapters shows rescind's middleware in routers that people have:
// gorilla/mux, chi, gin and echo. It is of the form
//
//	func(http.Handler) http.Handler
//
// as is most of what net/http's users wrote, so there is nothing to import for
// a router, and no adapter that could be wrong about a refusal. The package is a
// module of its own: no router gets into anybody's build by way of rescind.
//
// All four serve the same two routes to tokens that are locked to a cookie and
// renewed by the way: GET /hello to each of them, and GET /jobs to those that
// have the scope "jobs".
package adapters
