//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package rotation

import (
	"errors"
	"io/fs"
	"os"
)

const nonblock = 0

// flock refuses: without a lock, two writers would lose each other's keys.
func flock(*os.File) error { return errors.ErrUnsupported }

func inode(fs.FileInfo) uint64 { return 0 }

// ownLike has nothing to do where nothing is written.
func ownLike(*os.File, string) error { return nil }
