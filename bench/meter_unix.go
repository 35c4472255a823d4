//go:build unix

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// clientCPU is the CPU time of this process: of all its threads, in the kernel
// too.
func clientCPU() (time.Duration, bool) {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}
