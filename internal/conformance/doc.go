// Package conformance holds the verifier against Project Wycheproof's JOSE
// vectors (https://github.com/C2SP/wycheproof). It is a module of its own, so
// that nobody's build of rescind ever sees the vectors:
//
//	cd internal/conformance && go test -v ./...
package conformance
