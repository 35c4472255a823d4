package verifier

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// newMirror returns a running mirror of a Redis of its own, and another
// process's store on the same.
func newMirror(tb testing.TB) (mirror *denylist.Mirror, elsewhere *denylist.Redis) {
	tb.Helper()
	server := redistest.Start(tb)
	opts := denylist.RedisOptions{CheckTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	store, err := denylist.NewRedis(server.Client(), opts)
	require.NoError(tb, err)
	elsewhere, err = denylist.NewRedis(server.Client(), opts)
	require.NoError(tb, err)
	mirror, err = denylist.NewMirror(store, denylist.MirrorOptions{})
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mirror.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	require.Eventually(tb, func() bool { return mirror.State() == denylist.MirrorFresh }, time.Minute, time.Millisecond)
	return mirror, elsewhere
}

func TestCache_WithAMirror(t *testing.T) {
	t.Parallel()
	mirror, elsewhere := newMirror(t)
	f := newForge(t, ES256)
	v := f.verifier(mirror, Options{Now: time.Now})
	raw := benchToken(f, 1)
	claims, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	for range 10 {
		_, err = v.Verify(t.Context(), raw)
		require.NoError(t, err)
	}
	assert.Equal(t, uint64(10), v.CacheStats().Hits)
	assert.NotZero(t, mirror.Stats().Answered)

	// What this process revokes is denied at once, whatever is in the cache.
	_, err = mirror.Revoke(t.Context(), denylist.TokenEntry(claims.Issuer(), claims.ID(), claims.ExpiresAt()))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), raw)
	require.ErrorIs(t, err, denylist.ErrRevoked)

	// What another one revokes, once its barrier has answered.
	other := benchToken(f, 2)
	claims, err = v.Verify(t.Context(), other)
	require.NoError(t, err)
	_, err = elsewhere.Revoke(t.Context(), denylist.TokenEntry(claims.Issuer(), claims.ID(), claims.ExpiresAt()))
	require.NoError(t, err)
	require.NoError(t, elsewhere.Barrier(t.Context()))
	_, err = v.Verify(t.Context(), other)
	require.ErrorIs(t, err, denylist.ErrRevoked)
}

// A hit costs no memory with a mirror either.
func TestCache_HitsOfAMirrorAllocateNothing(t *testing.T) {
	mirror, _ := newMirror(t)
	f := newForge(t, ES256)
	v := f.verifier(mirror, Options{Now: time.Now})
	raw := benchToken(f, 1)
	_, err := v.Verify(t.Context(), raw)
	require.NoError(t, err)
	// The mirror's own goroutine allocates too, but not for each of these.
	allocs := testing.AllocsPerRun(10_000, func() { _, err = v.Verify(t.Context(), raw) })
	require.NoError(t, err)
	assert.Zero(t, allocs)
}
