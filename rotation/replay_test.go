package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestR11_ReplayRevokesSession(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, ReplayWindow: 10 * time.Second})
		first := h.login()
		second := h.exchange(carrier(first))
		h.clock.Advance(10 * time.Second)
		h.accepts(second.Access)
		h.refuses(carrier(first), denylist.ErrReused)
		h.denies(second.Access)
		h.refuses(carrier(second), denylist.ErrRevoked)

		entry, err := h.list.Get(t.Context(), denylist.ScopeSession, issuer, first.Session)
		require.NoError(t, err)
		assert.Equal(t, "replay", entry.Revoked.Reason)
		assert.Equal(t, first.SessionExpiresAt.Add(denylist.MaxLeeway+time.Minute), entry.ExpiresAt)
	})
}

func TestR11_WindowGivesTheSameSuccessor(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, ReplayWindow: 10 * time.Second})
		first := h.login("read")
		second := h.exchange(carrier(first))
		h.clock.Advance(10*time.Second - time.Millisecond)
		again := h.exchange(carrier(first))
		assert.True(t, again.Replayed)
		sameSuccessor(t, second, again)
		assert.Equal(t, second.Access, again.Access, "HS256 is deterministic")
		assert.Equal(t, second.Refresh, again.Refresh)
		h.exchange(carrier(again))
	})
}

func TestR11_SameSuccessorUnderOtherSettingsAndKeys(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, ReplayWindow: 10 * time.Second})
		first := h.login("read")
		second := h.exchange(carrier(first))
		_, err := h.ring.Generate(verifier.ES256)
		require.NoError(t, err)
		_, err = h.ring.Rotate()
		require.NoError(t, err)
		other := h.node(h.list, func(o *rotation.Options) {
			o.AccessTTL, o.RefreshTTL, o.SessionTTL = time.Minute, time.Hour, day
		})
		h.clock.Advance(time.Second)
		again, err := other.Exchange(t.Context(), carrier(first), rotation.Attempt{})
		require.NoError(t, err)
		sameSuccessor(t, second, again)
		assert.Equal(t, member(t, second.Access, 1), member(t, again.Access, 1))
		assert.Equal(t, "ES256", member(t, again.Access, 0)["alg"])
		if style == rotation.Pair {
			assert.Equal(t, member(t, second.Refresh, 1), member(t, again.Refresh, 1))
		}
	})
}

func TestR11_SpentSuccessorIsAReplayInsideTheWindow(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, ReplayWindow: 10 * time.Second})
		first := h.login()
		third := h.exchange(carrier(h.exchange(carrier(first))))
		h.refuses(carrier(first), denylist.ErrReused)
		h.denies(third.Access)
	})
}

func TestR11_IdempotencyKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	first := h.login()
	mine := rotation.Attempt{IdempotencyKey: "7d1f"}
	second, err := h.Exchange(t.Context(), first.Refresh, mine)
	require.NoError(t, err)
	h.clock.Advance(time.Hour) // no window, no limit: as long as the successor is unspent
	again, err := h.Exchange(t.Context(), first.Refresh, mine)
	require.NoError(t, err)
	sameSuccessor(t, second, again)

	_, err = h.Exchange(t.Context(), first.Refresh, rotation.Attempt{IdempotencyKey: "7d20"})
	assert.ErrorIs(t, err, denylist.ErrReused)
	h.refuses(second.Refresh, denylist.ErrRevoked)
}

func TestR11_IdempotencyKeyIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens := h.login()
	for _, key := range []string{"a\n", "\x00", "caf\u00e9", "\x7f", strings.Repeat("k", 257)} {
		_, err := h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{IdempotencyKey: key})
		assert.ErrorIs(t, err, rotation.ErrInvalid, "key %q", key)
	}
	_, err := h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{IdempotencyKey: strings.Repeat("~", 256)})
	assert.NoError(t, err)
}

func TestR12_OverlapLetsRequestsInFlightFinish(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, VerifyOverlap: 10 * time.Second})
		first := h.login()
		h.exchange(carrier(first))
		h.clock.Advance(10*time.Second - time.Millisecond)
		h.accepts(first.Access)
		h.clock.Advance(time.Millisecond)
		h.denies(first.Access)
	})
}

func TestR12_ExplicitRevocationActsAtOnce(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, VerifyOverlap: time.Minute})
		first := h.login()
		second := h.exchange(carrier(first))
		require.NoError(t, h.Logout(t.Context(), second.Access))
		h.denies(first.Access)
		h.denies(second.Access)
	})
}

func TestR13_SessionEnds(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, AccessTTL: time.Hour, RefreshTTL: time.Hour, SessionTTL: 90 * time.Minute})
		tokens := h.login()
		end := tokens.SessionExpiresAt
		h.clock.Advance(50 * time.Minute)
		tokens = h.exchange(carrier(tokens))
		assert.Equal(t, end, tokens.AccessExpiresAt.UTC())
		if style == rotation.Pair {
			assert.Equal(t, end, tokens.RefreshExpiresAt.UTC())
		}
		h.clock.Set(end.Add(-time.Second))
		tokens = h.exchange(carrier(tokens))
		h.clock.Advance(time.Millisecond) // a successor would live less than a second
		h.refuses(carrier(tokens), denylist.ErrExpired)
		h.accepts(tokens.Access)
	})
}

func TestR13_TokensOfOneSecondLiveOne(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style, AccessTTL: time.Second, RefreshTTL: time.Second})
		tokens := h.login()
		for range 5 {
			assert.GreaterOrEqual(t, tokens.AccessExpiresAt.Sub(h.clock.Now()), time.Second)
			h.clock.Advance(900 * time.Millisecond)
			tokens = h.exchange(carrier(tokens))
		}
	})
}

func TestR13_TooOften(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{RotateEvery: 5 * time.Second, ReplayWindow: time.Minute})
	tokens := h.login()
	for range 20 {
		tokens = h.exchange(tokens.Refresh)
	}
	h.refuses(tokens.Refresh, rotation.ErrTooOften)
	h.clock.Advance(5*time.Second - time.Millisecond)
	h.refuses(tokens.Refresh, rotation.ErrTooOften)
	h.clock.Advance(time.Millisecond)
	next := h.exchange(tokens.Refresh)
	assert.Equal(t, next.RefreshID, h.exchange(tokens.Refresh).RefreshID, "a retry counts once")
	h.refuses(next.Refresh, rotation.ErrTooOften)
	h.accepts(next.Access)
}
