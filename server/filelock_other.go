//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package server

import (
	"errors"
	"fmt"
	"os"
	"time"
)

const lockWait = 0

// lockFile refuses: without a lock that ends with its holder, a file of users
// can be read here and not written.
func lockFile(path string, _ time.Duration) (unlock func(), err error) {
	return nil, fmt.Errorf("lock %s: %w", path, errors.ErrUnsupported)
}

// chownLike has nothing to do where nothing is written.
func chownLike(*os.File, os.FileInfo) error { return nil }
