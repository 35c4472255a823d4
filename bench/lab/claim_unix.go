//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package lab

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// claim makes a directory's lock, and holds it. It has its name only once it is
// held: before, nobody takes it for one that its owner has left.
func claim(dir string) (*os.File, error) { return claimBy(dir, syscall.Flock) }

// claimBy returns no lock where the file system has none: then nobody can tell
// whether its owner lives, and it keeps a name that nobody looks for.
func claimBy(dir string, flock func(fd, how int) error) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, lockName+".new"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil, lock.Close()
	}
	if _, err = lock.WriteString(ownText()); err == nil {
		err = os.Rename(lock.Name(), filepath.Join(dir, lockName))
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// abandoned reports whether a directory is this user's and a server's of this
// machine, and nobody holds its lock, which is then held here. One without a lock
// is not known to be anybody's.
func abandoned(dir string) (lock *os.File, ok bool) {
	if !mine(dir, os.ModeDir) || !mine(filepath.Join(dir, lockName), 0) {
		return nil, false
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	if !says(lock, ownText()) || syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = lock.Close()
		return nil, false
	}
	return lock, true
}

// says reports whether a file has a text, and nothing else.
func says(file io.Reader, text string) bool {
	found, err := io.ReadAll(io.LimitReader(file, int64(len(text))+1))
	return err == nil && text != "" && string(found) == text
}

// mine reports whether a path is of a type, no link, and this user's.
func mine(path string, of os.FileMode) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != of {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}
