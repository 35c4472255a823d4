package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestLogout_AnyTokenOfTheSession(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(h *house, first, second rotation.Tokens) string{
		"access":  func(_ *house, _, second rotation.Tokens) string { return second.Access },
		"refresh": func(_ *house, _, second rotation.Tokens) string { return second.Refresh },
		"spent":   func(_ *house, first, _ rotation.Tokens) string { return first.Refresh },
		"denied":  func(_ *house, first, _ rotation.Tokens) string { return first.Access },
		"expired": func(h *house, _, second rotation.Tokens) string {
			h.clock.Set(second.AccessExpiresAt.Add(time.Minute))
			return second.Access
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, rotation.Options{})
			first := h.login()
			bystander := h.login()
			second := h.exchange(first.Refresh)
			require.NoError(t, h.Logout(t.Context(), pick(h, first, second)))
			h.refuses(second.Refresh, denylist.ErrRevoked)
			h.exchange(bystander.Refresh)

			entry, err := h.list.Get(t.Context(), denylist.ScopeSession, issuer, first.Session)
			require.NoError(t, err)
			assert.Equal(t, "logout", entry.Revoked.Reason)
		})
	}
}

func TestLogout_OfASessionThatIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{SessionTTL: time.Hour})
	tokens := h.login()
	h.clock.Set(tokens.SessionExpiresAt.Add(day))
	require.NoError(t, h.Logout(t.Context(), tokens.Refresh))
	h.noEntries()
}

func TestLogout_ForeignTokenWritesNothing(t *testing.T) {
	t.Parallel()
	h, other := newHouse(t, rotation.Options{}), newHouse(t, rotation.Options{})
	foreign := other.login()
	for _, raw := range []string{foreign.Access, foreign.Refresh, "", "x.y.z", foreign.Access + "x"} {
		assert.Error(t, h.Logout(t.Context(), raw))
		assert.Error(t, h.LogoutAll(t.Context(), raw))
	}
	assert.ErrorIs(t, h.Logout(t.Context(), foreign.Access), verifier.ErrUnknownKey)
	h.noEntries()
}

func TestLogout_TokenWithoutASession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	now := h.clock.Now().Unix()
	raw, err := h.ring.Sign("at+jwt", []byte(`{"iss":"`+issuer+`","aud":"rescind","jti":"j","iat":`+itoa(now)+`,"exp":`+itoa(now+60)+`}`))
	require.NoError(t, err)
	h.accepts(raw)
	assert.ErrorIs(t, h.LogoutAll(t.Context(), raw), rotation.ErrInvalid)
	require.NoError(t, h.Logout(t.Context(), raw))
	h.denies(raw)
}

func TestLogoutAll_EverySessionThatHasBegun(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		one, two, bystander := h.loginAs("alice"), h.loginAs("alice"), h.loginAs("bob")
		next := h.exchange(carrier(two))
		require.NoError(t, h.LogoutAll(t.Context(), carrier(two)), "a spent one")
		for _, tokens := range []rotation.Tokens{one, two, next} {
			h.denies(tokens.Access)
		}
		h.refuses(carrier(next), denylist.ErrRevoked)
		h.accepts(bystander.Access)
		h.clock.Advance(time.Millisecond)
		h.accepts(h.loginAs("alice").Access)
	})
}

func TestR5_LogoutAllOutlivesTokensOfAnEarlierPolicy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{RefreshTTL: time.Minute, MaxRefreshLifetime: 60 * day})
	require.NoError(t, h.LogoutAll(t.Context(), h.loginAs("alice").Access))
	entry, err := h.list.Get(t.Context(), denylist.ScopeSubject, issuer, "alice")
	require.NoError(t, err)
	assert.Equal(t, h.clock.Now().Add(60*day+denylist.MaxLeeway+time.Minute), entry.ExpiresAt)
	assert.Equal(t, h.clock.Now(), entry.Revoked.Cutoff)
}

func TestRecognize_WhateverTheirAge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens := h.login()
	h.clock.Advance(60 * day)
	for _, raw := range []string{tokens.Access, tokens.Refresh} {
		claims, err := h.Recognize(t.Context(), raw)
		require.NoError(t, err)
		assert.Equal(t, tokens.Session, claims.Session())
	}
}
