package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// dirHead is what the names of servers' directories begin with.
	dirHead = "rescind-lab"
	// lockName is a file in each that is locked as long as its owner lives: the
	// process that started the server, and the server itself, which inherits it.
	lockName = "owner"
	// lockText is what such a file begins with; the machine's name follows. Where a
	// file system is shared, others may not see that it is locked.
	lockText = "a server of rescind bench, on "
)

// claimedDir makes a directory in a room, with the lock that says that it is ours.
func claimedDir(room string) (dir string, lock *os.File, err error) {
	if dir, err = os.MkdirTemp(room, dirHead); err != nil {
		return "", nil, fmt.Errorf("lab: %w", err)
	}
	if lock, err = claim(dir); err != nil {
		_ = os.RemoveAll(dir) // the error is what is told
		return "", nil, fmt.Errorf("lab: %w", err)
	}
	return dir, lock, nil
}

// sweep removes the directories in a room that a process left behind which was
// killed. What it cannot tell for sure, or is not this user's, it leaves alone, and
// none of that is an error: it is not what anybody asked for.
func sweep(room string) {
	entries, _ := os.ReadDir(room)
	for _, e := range entries {
		// As os.MkdirTemp calls them: others may call theirs so, too.
		number, ok := strings.CutPrefix(e.Name(), dirHead)
		if _, err := strconv.ParseUint(number, 10, 32); !ok || err != nil {
			continue
		}
		dir := filepath.Join(room, e.Name())
		if lock, ok := abandoned(dir); ok {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// ownText is what a lock of this machine says; empty: the machine has no name, and
// nothing is known to be its own.
func ownText() string {
	if host, err := os.Hostname(); err == nil && host != "" {
		return lockText + host + "\n"
	}
	return ""
}
