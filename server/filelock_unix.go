//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package server

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// lockWait is how long a writer waits for another one.
const lockWait = 2 * time.Second

// lockFile takes the lock that all writers of a file share. It is a file of
// its own, since the one that it guards is replaced, and it ends with its
// holder, however that ends.
func lockFile(path string, wait time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// One that root has made is not to lock the owner out. Who cannot change
	// that is not root.
	if guarded, err := os.Stat(strings.TrimSuffix(path, lockSuffix)); err == nil {
		_ = chownLike(f, guarded)
	}
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(end) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}

// chownLike gives f the owner and the group of another file.
func chownLike(f *os.File, other os.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mine, ok := info.Sys().(*syscall.Stat_t)
	theirs, known := other.Sys().(*syscall.Stat_t)
	if !ok || !known {
		return errors.ErrUnsupported
	}
	if mine.Uid == theirs.Uid && mine.Gid == theirs.Gid {
		return nil
	}
	return f.Chown(int(theirs.Uid), int(theirs.Gid))
}
