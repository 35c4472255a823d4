//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package lab

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClaimWithoutLocks: a file system that has none keeps nobody from starting
// servers, and what is there then is nobody's to remove.
func TestClaimWithoutLocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := claimBy(dir, func(int, int) error { return syscall.ENOLCK })
	require.NoError(t, err)
	assert.Nil(t, lock)
	assert.NoFileExists(t, filepath.Join(dir, lockName))
	_, ok := abandoned(dir)
	assert.False(t, ok)

	dir = t.TempDir()
	lock, err = claim(dir)
	require.NoError(t, err)
	_, ok = abandoned(dir)
	assert.False(t, ok, "its owner lives")
	require.NoError(t, lock.Close())
	lock, ok = abandoned(dir)
	require.True(t, ok)
	require.NoError(t, lock.Close())
}
