//go:build !race

package scenario

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// What an operation allocates is what the same call allocates without the
// harness around it. Not parallel: everybody's allocations count. Not under the
// race detector either, which makes a sync.Pool forget.
func TestHarnessAllocatesNothing(t *testing.T) {
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Revoked = 0.01
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	s := openStand(t, withoutURL(), k)
	p, ctx := s.population, t.Context()
	v, err := p.verifier(s.memory)
	require.NoError(t, err)
	first, err := p.verifier(s.redis.store)
	require.NoError(t, err)
	mirrored, err := p.verifier(s.mirrored.Mirror)
	require.NoError(t, err)
	strict, err := verifier.New(s.redis.store, []verifier.Issuer{p.issuer()}, verifier.Options{})
	require.NoError(t, err)
	sessions, err := newSessions(verifier.HS256, s.redis.store, k.Lifetime)
	require.NoError(t, err)
	old, err := sessions.Login(ctx, rotation.Login{At: p.tokens[0].known.Login, Subject: "rescind-bench", Scope: []string{"read", "write"}})
	require.NoError(t, err)
	living, dead := &p.tokens[p.living[0]], &p.tokens[p.revoked[0]]
	room := newCheckRoom(p.keys)
	bytes, err := living.signed()
	require.NoError(t, err)
	fresh := &freshIDs{from: stream(99, "fresh", 0)}

	bare := map[string]func() error{
		"signature": func() error { _, err := v.Authenticate(ctx, living.raw); return err },
		"memory":    func() error { _, err := v.Verify(ctx, living.raw); return err },
		"verify":    func() error { _, err := strict.Verify(ctx, living.raw); return err },

		"verify-first":  func() error { _, err := first.Verify(ctx, living.raw); return err },
		"verify-mirror": func() error { _, err := mirrored.Verify(ctx, living.raw); return err },
		"verify-cached": func() error { return nil },
		"hash":          func() error { return nil },
		"check-mirror":  func() error { return s.mirrored.Mirror.Check(ctx, living.known) },
		"check-miss":    func() error { return s.redis.store.Check(ctx, living.known) },
		"check-hit":     func() error { _ = s.redis.store.Check(ctx, dead.known); return nil },
		"exists":        func() error { return s.redis.plain.Exists(ctx, s.redis.plainKey(living.known.ID)).Err() },
		"crypto":        func() error { room.valid(&bytes); return nil },
		"revoke": func() error {
			_, err := s.redis.store.Revoke(ctx, denylist.TokenEntry(issuer, fresh.next(), p.expiresAt))
			return err
		},
		"rotate": func() error {
			next, err := sessions.Exchange(ctx, old.Refresh, rotation.Attempt{})
			old = next
			return err
		},
	}
	for _, c := range s.Contenders() {
		call, ok := bare[c.Name]
		if !ok {
			continue // naive is nothing but its own code
		}
		do, err := c.Scenario.Operation(0, 1)
		require.NoError(t, err)
		got := allocations(t, func() error { return do(ctx) })
		assert.LessOrEqual(t, got, allocations(t, call), c.Name)
		if c.Name == "verify-cached" {
			t.Logf("allocations: %s %v", c.Name, got) // which .ci/bench reads
		}
	}
}

// allocations is how often a call allocates, the least of a few looks: the
// runtime allocates now and then too.
func allocations(t *testing.T, call func() error) float64 {
	t.Helper()
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(100, func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		}))
	}
	return least
}
