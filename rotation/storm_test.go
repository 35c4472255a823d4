package rotation_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// fleet is three nodes on one store, in real time.
type fleet struct {
	t     *testing.T
	nodes [3]*rotation.Sessions
	api   *verifier.Verifier
}

func newFleet(t *testing.T, store rotation.Store, opts rotation.Options) *fleet {
	t.Helper()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	require.NoError(t, err)
	opts.Issuer = issuer
	f := &fleet{t: t}
	for i := range f.nodes {
		f.nodes[i], err = rotation.New(ring, store, opts)
		require.NoError(t, err)
	}
	f.api, err = verifier.New(store, []verifier.Issuer{f.nodes[0].Issuer()}, verifier.Options{})
	require.NoError(t, err)
	return f
}

// storm exchanges one token many times at once, on all nodes.
func (f *fleet) storm(raw string, n int, attempt func(i int) rotation.Attempt) (won []rotation.Tokens, refused []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			tokens, err := f.nodes[i%len(f.nodes)].Exchange(context.Background(), raw, attempt(i))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused = append(refused, err)
				return
			}
			won = append(won, tokens)
		})
	}
	close(start)
	wg.Wait()
	return won, refused
}

func noKey(int) rotation.Attempt { return rotation.Attempt{} }

const storm = 200

func TestR8_OneWinnerOfMany(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		f := newFleet(t, store, rotation.Options{})
		first := login(t, f.nodes[0], "s")
		won, refused := f.storm(first.Refresh, storm, noKey)
		require.Len(t, won, 1)
		assert.Len(t, refused, storm-1)
		for _, err := range refused {
			assert.ErrorIs(t, err, denylist.ErrReused)
		}
		_, err := f.api.Verify(t.Context(), won[0].Access)
		assert.ErrorIs(t, err, denylist.ErrRevoked, "199 replays ended the session")
	})
}

func TestR11_OneSuccessorForMany(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		for _, style := range []rotation.Style{rotation.Pair, rotation.Single} {
			f := newFleet(t, store, rotation.Options{Style: style, ReplayWindow: time.Minute})
			won, refused := f.storm(carrier(login(t, f.nodes[0], "s", "read")), storm, noKey)
			require.Empty(t, refused)
			minted := 0
			for _, tokens := range won {
				if !tokens.Replayed {
					minted++
				}
				sameSuccessor(t, won[0], tokens)
				require.Equal(t, member(t, won[0].Access, 1), member(t, tokens.Access, 1))
			}
			assert.Equal(t, 1, minted)
			_, err := f.api.Verify(t.Context(), won[0].Access)
			assert.NoError(t, err)
		}
	})
}

func TestR11_OneKeyOfMany(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		f := newFleet(t, store, rotation.Options{ReplayWindow: time.Minute})
		won, refused := f.storm(login(t, f.nodes[0], "s").Refresh, storm, func(i int) rotation.Attempt {
			return rotation.Attempt{IdempotencyKey: []string{"a", "b"}[i%2]}
		})
		require.NotEmpty(t, won)
		assert.GreaterOrEqual(t, len(refused), storm/2)
		for _, tokens := range won {
			sameSuccessor(t, won[0], tokens)
		}
		for _, err := range refused {
			// The other key is a replay; after that the session is dead for
			// the key that won as well.
			assert.True(t, errors.Is(err, denylist.ErrReused) || errors.Is(err, denylist.ErrRevoked), "%v", err)
		}
	})
}

func TestR9_LogoutInAStormLeavesNoOneAlive(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		f := newFleet(t, store, rotation.Options{ReplayWindow: time.Minute})
		first := login(t, f.nodes[0], "s")
		var out sync.WaitGroup
		out.Go(func() { assert.NoError(t, f.nodes[1].Logout(context.Background(), first.Access)) })
		won, refused := f.storm(first.Refresh, 50, noKey)
		out.Wait()
		for _, err := range refused {
			assert.ErrorIs(t, err, denylist.ErrRevoked)
		}
		for _, tokens := range won {
			_, err := f.api.Verify(t.Context(), tokens.Access)
			assert.ErrorIs(t, err, denylist.ErrRevoked)
			_, err = f.nodes[2].Exchange(t.Context(), tokens.Refresh, rotation.Attempt{})
			assert.ErrorIs(t, err, denylist.ErrRevoked)
		}
	})
}

// The last instants of a token, asked from all sides: its successor is minted
// once or never, and not after its exp on any clock (SET NX PXAT with an
// instant that has passed would let every caller win).
func TestR7_ExpiryEdge(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		f := newFleet(t, store, rotation.Options{RefreshTTL: time.Second})
		first := login(t, f.nodes[0], "s")
		edge := first.RefreshExpiresAt
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for i := range 60 {
			wg.Go(func() {
				time.Sleep(time.Until(edge.Add(time.Duration(i-30) * time.Millisecond)))
				asked := time.Now()
				_, err := f.nodes[i%3].Exchange(context.Background(), first.Refresh, rotation.Attempt{})
				if err == nil {
					assert.Less(t, asked, edge, "exchanged after its end")
					mu.Lock()
					defer mu.Unlock()
					won++
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, won, 1)
		_, err := f.nodes[0].Exchange(t.Context(), first.Refresh, rotation.Attempt{})
		assert.ErrorIs(t, err, verifier.ErrExpired)
	})
}

// TestSession_Life takes a session through its days with every default in
// force, on a clock that passes.
func TestSession_Life(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{})
		tokens := login(t, f.nodes[0], "s")
		end := tokens.SessionExpiresAt
		exchanges := 0
		for time.Until(end) > time.Second {
			time.Sleep(min(23*time.Hour, time.Until(end)-time.Second))
			next, err := f.nodes[exchanges%3].Exchange(t.Context(), tokens.Refresh, rotation.Attempt{})
			require.NoError(t, err)
			_, err = f.api.Verify(t.Context(), next.Access)
			require.NoError(t, err)
			tokens = next
			exchanges++
		}
		assert.Equal(t, 32, exchanges)
		time.Sleep(time.Until(end))
		_, err := f.nodes[0].Exchange(t.Context(), tokens.Refresh, rotation.Attempt{})
		assert.ErrorIs(t, err, verifier.ErrExpired)
		_, err = f.api.Verify(t.Context(), tokens.Access)
		assert.ErrorIs(t, err, verifier.ErrExpired)
	})
}
