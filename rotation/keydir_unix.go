//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package rotation

import (
	"io/fs"
	"os"
	"syscall"
)

// nonblock keeps a FIFO in the file's place from holding the reader up.
const nonblock = syscall.O_NONBLOCK

// flock waits for the lock, which the kernel gives back when its holder dies.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
