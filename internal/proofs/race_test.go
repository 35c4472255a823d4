//go:build race

package proofs

// raceFlag builds the command like the test: with the race detector.
var raceFlag = []string{"-race"}
