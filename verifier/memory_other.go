//go:build !linux

package verifier

// physicalMemory is the machine's, in bytes; 0 where it cannot be told.
func physicalMemory() int64 { return 0 }
