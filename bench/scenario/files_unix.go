//go:build unix

package scenario

import "golang.org/x/sys/unix"

// openFiles is how many files this process may have open; false: any number, or
// not known.
func openFiles() (uint64, bool) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0, false
	}
	return uint64(limit.Cur), true // #nosec G115 -- FreeBSD's is signed, and never negative
}
