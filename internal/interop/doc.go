// Package interop runs third-party programs against the real rescind serve on
// a real Redis: the proxies of deploy/, with those very files, and the client
// libraries of other languages. It is a module of its own, so that nobody's
// build of rescind sees what they need:
//
//	make interop
//
// A program that is missing fails the test that needs it, by its name.
package interop
