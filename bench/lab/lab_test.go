package lab_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/lab"
)

// executable is a Redis to start.
func executable(t *testing.T) string {
	t.Helper()
	path, err := lab.Find(os.Getenv("REDIS_SERVER"))
	require.NoError(t, err)
	return path
}

func open(t *testing.T, watched bool) *lab.Lab {
	t.Helper()
	l, err := lab.Open(t.Context(), executable(t), watched)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// impatient is a client that sees a fault at once.
func impatient(t *testing.T, l *lab.Lab) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(l.URL())
	require.NoError(t, err)
	o.MaxRetries, o.ReadTimeout, o.DialerRetries = -1, 100*time.Millisecond, 1
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestHungAndBack(t *testing.T) {
	t.Parallel()
	l := open(t, false)
	client := impatient(t, l)
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	before := time.Now()
	from, err := l.Hang()
	require.NoError(t, err)
	assert.False(t, from.Before(before))
	assert.ErrorIs(t, client.Get(t.Context(), "k").Err(), os.ErrDeadlineExceeded)
	until, err := l.Resume()
	require.NoError(t, err)
	assert.True(t, until.After(from))
	assert.Equal(t, "v", client.Get(t.Context(), "k").Val())
}

// However long the name of the directory for temporary files is, and whatever is
// in it, servers start.
func TestStartsAnywhere(t *testing.T) {
	for _, name := range []string{"two words", strings.Repeat("long", 20)} {
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		t.Setenv("TMPDIR", dir)
		s, err := lab.Start(t.Context(), executable(t), lab.Socket)
		require.NoError(t, err, name)
		assert.NoError(t, s.Close())
		l, err := lab.Open(t.Context(), executable(t), true)
		require.NoError(t, err, name)
		assert.NoError(t, l.Close())
	}
}

// What is killed comes back with what it had acknowledged.
func TestKilledAndBack(t *testing.T) {
	t.Parallel()
	l := open(t, false)
	client := impatient(t, l)
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, l.Sync(t.Context()))
	l.Kill()
	assert.Error(t, client.Get(t.Context(), "k").Err())
	_, err := l.Revive(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "v", client.Get(t.Context(), "k").Val())
}

// The replica takes the primary's place, and whoever is killed then comes back
// as what it has become.
func TestFailedOver(t *testing.T) {
	t.Parallel()
	l := open(t, true)
	client := l.Client()
	defer func() { _ = client.Close() }()
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, l.Sync(t.Context()))
	from, err := l.Depose(t.Context())
	require.NoError(t, err)
	until, err := l.Succeed(t.Context())
	require.NoError(t, err)
	assert.True(t, until.After(from))
	require.NoError(t, l.Rejoin(t.Context()))
	soon, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, lab.Poll(soon, func() error { return client.Set(soon, "k", "w", 0).Err() }))

	l.Kill() // while the Sentinel sleeps
	_, err = l.Revive(t.Context())
	require.NoError(t, err)
	require.NoError(t, lab.Poll(soon, func() error { return client.Set(soon, "k", "x", 0).Err() }))
}

func TestNobodyToFailOverTo(t *testing.T) {
	t.Parallel()
	_, err := open(t, false).Depose(t.Context())
	assert.ErrorContains(t, err, "nobody watches")
}

// A hung server is ended like any other, and its directory with it.
func TestClosedWhileHung(t *testing.T) {
	t.Parallel()
	s, err := lab.Start(t.Context(), executable(t), lab.Socket)
	require.NoError(t, err)
	require.NoError(t, s.Hang())
	require.NoError(t, s.Close())
	assert.NoDirExists(t, s.Dir())
	require.NoError(t, s.Close(), "closing twice")
}

// An executable that is no server leaves nothing behind.
func TestNoServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, path := range []string{"/no/such/server", "/bin/false"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := lab.Open(ctx, path, true)
		cancel()
		assert.Error(t, err, path)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Servers run in directories of their own: what is named relative to this one is
// found there too.
func TestFindRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Symlink(executable(t), "own-redis"))
	path, err := lab.Find("./own-redis")
	require.NoError(t, err)
	s, err := lab.Start(t.Context(), path, lab.Port)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// One that cannot start has ended, and that is what is told.
func TestEndedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := lab.Start(t.Context(), executable(t), lab.Port, "--no-such-setting", "1")
	assert.ErrorContains(t, err, "does not answer: it ended")
	assert.NotErrorIs(t, err, context.Canceled)
}

func TestFind(t *testing.T) {
	_, err := lab.Find("/no/such/server")
	assert.ErrorIs(t, err, os.ErrNotExist)
	t.Setenv("PATH", t.TempDir())
	_, err = lab.Find("")
	assert.ErrorIs(t, err, lab.ErrNoServer)
	assert.False(t, errors.Is(err, os.ErrNotExist))
}
