//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package server

import (
	"errors"
	"fmt"
	"time"
)

const lockWait = 0

// lockFile refuses: without a lock that ends with its holder, a file of users
// can be read here and not written.
func lockFile(path string, _ time.Duration) (unlock func(), err error) {
	return nil, fmt.Errorf("lock %s: %w", path, errors.ErrUnsupported)
}
