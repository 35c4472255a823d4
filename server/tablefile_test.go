//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package server

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What root changes, such as who is gone, a server under an account of its own
// must be able to read.
func TestTableFile_StaysItsOwners(t *testing.T) {
	t.Parallel()
	c, path := openClients(t)
	_, _, err := c.Add("web", nil, false)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o640))
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if uid == 0 {
		uid, gid = 65534, 65533
		require.NoError(t, os.Chown(path, int(uid), int(gid)))
	}

	_, err = c.Remove("web")
	require.NoError(t, err)
	for _, name := range []string{path, path + lockSuffix} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, []uint32{uid, gid}, []uint32{owner.Uid, owner.Gid}, name)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Who writes waits for the lock, and nobody waits for him.
func TestTableFile_NoRequestWaitsForAWriter(t *testing.T) {
	t.Parallel()
	c, path := openClients(t)
	web, key, err := c.Add("web", nil, false)
	require.NoError(t, err)
	_, err = c.AuthenticateClient(t.Context(), web.ID, key)
	require.NoError(t, err)
	unlock, err := lockFile(path+lockSuffix, lockWait) // another process that hangs
	require.NoError(t, err)
	defer unlock()

	written := make(chan error, 1)
	go func() { written <- c.RecordUse(t.Context()) }()
	for c.writing.TryLock() { // until it waits for the lock
		c.writing.Unlock()
	}
	start := time.Now()
	_, err = c.AuthenticateClient(t.Context(), web.ID, key)
	require.NoError(t, err)
	assert.Less(t, time.Since(start), lockWait/2)
	assert.ErrorIs(t, <-written, ErrClientsFile)
}
