//go:build !race

package proofs

var raceFlag []string
