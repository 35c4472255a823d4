package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// eachStore runs a test on every store that sessions are kept in.
func eachStore(t *testing.T, test func(t *testing.T, store rotation.Store)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, denylist.NewMemory(denylist.MemoryOptions{}))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		store, _ := newRedis(t, denylist.RedisOptions{})
		test(t, store)
	})
}

// newRedis is a store of its own on a real server. Its deadlines leave room
// for a busy machine.
func newRedis(t *testing.T, opts denylist.RedisOptions) (*denylist.Redis, *redistest.Server) {
	t.Helper()
	server := redistest.Shared(t)
	opts.Prefix, opts.CheckTimeout, opts.WriteTimeout = server.Prefix(), 10*time.Second, 10*time.Second
	store, err := denylist.NewRedis(server.Client(), opts)
	require.NoError(t, err)
	return store, server
}

// A session costs one chain, however often it exchanges, and the entries of
// its old access tokens.
func TestR8_AThousandExchangesLeaveOneChain(t *testing.T) {
	t.Parallel()
	store, server := newRedis(t, denylist.RedisOptions{})
	f := newFleet(t, store, rotation.Options{RotateEvery: -1, KeepOldAccess: true})
	tokens := login(t, f.nodes[0], "s")
	for i := range 1000 {
		next, err := f.nodes[i%3].Exchange(t.Context(), tokens.Refresh, rotation.Attempt{})
		require.NoError(t, err)
		tokens = next
	}
	assert.EqualValues(t, 1000, member(t, tokens.Refresh, 1)["rot"])
	client := server.Client()
	chains, err := client.Keys(t.Context(), server.Prefix()+":{0}:c:*").Result()
	require.NoError(t, err)
	assert.Len(t, chains, 1)
	entries, err := client.Keys(t.Context(), server.Prefix()+":{0}:t:*").Result()
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestR11_WindowIsRedissTime(t *testing.T) {
	t.Parallel()
	store, _ := newRedis(t, denylist.RedisOptions{})
	const window = 500 * time.Millisecond
	f := newFleet(t, store, rotation.Options{ReplayWindow: window})
	first := login(t, f.nodes[0], "s")
	second, err := f.nodes[0].Exchange(t.Context(), first.Refresh, rotation.Attempt{})
	require.NoError(t, err)
	spent := time.Now()
	for {
		again, err := f.nodes[1].Exchange(t.Context(), first.Refresh, rotation.Attempt{})
		if err != nil {
			require.ErrorIs(t, err, denylist.ErrReused)
			break
		}
		sameSuccessor(t, second, again)
		require.Less(t, time.Since(spent), 10*window)
		time.Sleep(window / 20)
	}
	assert.GreaterOrEqual(t, time.Since(spent), window-50*time.Millisecond)
	_, err = f.api.Verify(t.Context(), second.Access)
	assert.ErrorIs(t, err, denylist.ErrRevoked)
}

// Logins read Redis's clock, so it does not matter that the nodes' are apart.
func TestR6_CutoffOnRedissClock(t *testing.T) {
	t.Parallel()
	store, _ := newRedis(t, denylist.RedisOptions{})
	skewed := func(by time.Duration) *fleet {
		return newFleet(t, store, rotation.Options{Leeway: 5 * time.Second, Now: func() time.Time { return time.Now().Add(by) }})
	}
	fast, slow := skewed(time.Second), skewed(-time.Second)
	before := login(t, fast.nodes[0], "alice")
	waitFor(t, store, 5*time.Millisecond)
	require.NoError(t, slow.nodes[0].LogoutAll(t.Context(), login(t, slow.nodes[0], "alice").Access))
	waitFor(t, store, 5*time.Millisecond)
	after := login(t, slow.nodes[0], "alice")

	_, err := fast.nodes[0].Exchange(t.Context(), before.Refresh, rotation.Attempt{})
	assert.ErrorIs(t, err, denylist.ErrRevoked)
	_, err = slow.nodes[0].Exchange(t.Context(), after.Refresh, rotation.Attempt{})
	assert.NoError(t, err)
}

// waitFor waits until the store's clock has moved.
func waitFor(t *testing.T, store rotation.Store, d time.Duration) {
	t.Helper()
	start, err := store.Now(t.Context())
	require.NoError(t, err)
	for {
		now, err := store.Now(t.Context())
		require.NoError(t, err)
		if now.Sub(start) >= d {
			return
		}
	}
}

// With 16 partitions the entry of a single token and its chain are not one
// step, so the style is refused, and so are such tokens from earlier.
func TestNew_SingleStyleNeedsOnePartition(t *testing.T) {
	t.Parallel()
	store, _ := newRedis(t, denylist.RedisOptions{Partitions: 16})
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = rotation.New(ring, store, rotation.Options{Issuer: issuer, Style: rotation.Single})
	assert.Error(t, err)

	old, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{Issuer: issuer, Style: rotation.Single})
	require.NoError(t, err)
	pairs, err := rotation.New(ring, store, rotation.Options{Issuer: issuer})
	require.NoError(t, err)
	_, err = pairs.Exchange(t.Context(), login(t, old, "s").Access, rotation.Attempt{})
	assert.ErrorIs(t, err, rotation.ErrNotExchangeable)
	_, err = pairs.Exchange(t.Context(), login(t, pairs, "s").Refresh, rotation.Attempt{})
	assert.NoError(t, err)
}
