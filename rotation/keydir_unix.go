//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package rotation

import (
	"errors"
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

// ownLike gives f the owner and the group of another file, if there is one.
func ownLike(f *os.File, path string) error {
	other, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	own, err := f.Stat()
	if err != nil {
		return err
	}
	mine, ok := own.Sys().(*syscall.Stat_t)
	theirs, known := other.Sys().(*syscall.Stat_t)
	if !ok || !known {
		return errors.ErrUnsupported
	}
	if mine.Uid == theirs.Uid && mine.Gid == theirs.Gid {
		return nil
	}
	return f.Chown(int(theirs.Uid), int(theirs.Gid))
}
