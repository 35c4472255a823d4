package redistest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestServer_Faults(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := s.Client()
	require.NoError(t, c.Set(t.Context(), "k", "v", 0).Err())

	s.Stop()
	assert.ErrorIs(t, c.Get(deadline(t, 50*time.Millisecond), "k").Err(), os.ErrDeadlineExceeded)
	s.Continue()
	require.NoError(t, redistest.Poll(deadline(t, time.Minute), func() error { return c.Get(t.Context(), "k").Err() }))

	s.Kill()
	assert.Error(t, c.Get(t.Context(), "k").Err())
	s.Restart()
	require.NoError(t, redistest.Poll(deadline(t, time.Minute), func() error { return c.Ping(t.Context()).Err() }))
	assert.Zero(t, c.Exists(t.Context(), "k").Val(), "the server restarts empty")
}

func TestShared_HandlesHaveTheirOwnPrefix(t *testing.T) {
	t.Parallel()
	a, b := redistest.Shared(t), redistest.Shared(t)
	assert.Equal(t, a.URL(), b.URL())
	assert.NotEqual(t, a.Prefix(), b.Prefix())
}

func TestProxy_LoseReply(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s)
	c := p.Client()
	require.NoError(t, c.Set(t.Context(), "k", "1", 0).Err())

	p.LoseReply("incr")
	assert.Error(t, c.Incr(t.Context(), "k").Err(), "the reply was to be lost")
	assert.Zero(t, p.Pending())
	assert.Equal(t, "2", s.Client().Get(t.Context(), "k").Val(), "the command was to reach the server")
	assert.Equal(t, "2", c.Get(t.Context(), "k").Val(), "the next command has a new connection")

	p.Refuse()
	assert.Error(t, c.Get(t.Context(), "k").Err())
	p.Allow()
	assert.NoError(t, c.Get(t.Context(), "k").Err())
}

func TestCluster_ServesEverySlot(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t).Client()
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		assert.NoError(t, c.Set(t.Context(), key, "v", 0).Err())
	}
}

func TestSentinel_Failover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	c := s.Client()
	require.NoError(t, c.Set(t.Context(), "k", "v", 0).Err())
	require.NoError(t, c.Wait(t.Context(), 1, time.Second).Err())
	s.Failover()
	require.NoError(t, redistest.Poll(deadline(t, time.Minute), func() error { return c.Set(t.Context(), "k", "w", 0).Err() }))
}
