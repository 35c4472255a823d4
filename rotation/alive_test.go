package rotation_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// lives asserts that a token is alive; isDead, why it is not.
func (h *house) lives(raw string) {
	h.t.Helper()
	claims, err := h.Alive(h.t.Context(), raw)
	require.NoError(h.t, err)
	assert.NotEmpty(h.t, claims.ID())
}

func (h *house) isDead(raw string, want error) {
	h.t.Helper()
	claims, err := h.Alive(h.t.Context(), raw)
	assert.ErrorIs(h.t, err, want)
	assert.Empty(h.t, claims.ID())
}

// R11: introspection of a refresh token asks its chain, and writes nothing.
func TestR11_AliveAsksTheChain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{ReplayWindow: 10 * time.Second})
	first := h.login()
	h.lives(first.Access)
	h.lives(first.Refresh)
	second := h.exchange(first.Refresh)
	h.isDead(first.Access, denylist.ErrRevoked)
	h.isDead(first.Refresh, denylist.ErrReused)
	h.lives(second.Refresh)
	h.lives(second.Access)
	third := h.exchange(second.Refresh)
	require.NoError(t, h.Logout(t.Context(), third.Access))
	h.isDead(third.Refresh, denylist.ErrRevoked)
	h.isDead(third.Access, denylist.ErrRevoked)
}

func TestAlive_OfEveryKind(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Style: rotation.Single, Leeway: 30 * time.Second})
	single := h.login()
	h.lives(single.Access)
	next := h.exchange(single.Access)
	h.isDead(single.Access, denylist.ErrRevoked)
	h.lives(next.Access)
	h.lives(clientToken(t, h, "machine").Access)

	h.isDead("x.y.z", verifier.ErrMalformed)
	foreign := newHouse(t, rotation.Options{}).login()
	h.isDead(foreign.Access, verifier.ErrUnknownKey)
	other := sign(t, h, "at+jwt", `"aud":"`+issuer+`"`)
	h.isDead(other, verifier.ErrAudience)
	h.isDead(sign(t, h, "rt+jwt", `"aud":"rescind"`), verifier.ErrAudience)
	h.isDead(sign(t, h, "rt+jwt", `"aud":"`+issuer+`"`), rotation.ErrNotExchangeable)
	h.clock.Set(next.AccessExpiresAt)
	h.isDead(next.Access, verifier.ErrExpired)
}

// sign signs a token of a minute.
func sign(t *testing.T, h *house, typ, claims string) string {
	t.Helper()
	now := h.clock.Now().Unix()
	raw, err := h.ring.Sign(typ, []byte(`{"iss":"`+issuer+`","sub":"s","jti":"j","iat":`+itoa(now)+`,"exp":`+itoa(now+60)+`,`+claims+`}`))
	require.NoError(t, err)
	return raw
}

// nodeOn is a node in real time on a store, with the keys of nobody else.
func nodeOn(t *testing.T, store rotation.Store) (*rotation.Sessions, rotation.Tokens) {
	t.Helper()
	node := newFleet(t, store, rotation.Options{}).nodes[0]
	tokens, err := node.Login(t.Context(), rotation.Login{At: time.Now(), Subject: "s"})
	require.NoError(t, err)
	return node, tokens
}

// R14: a store that cannot tell makes neither a living nor a dead token.
func TestR14_AliveCannotTell(t *testing.T) {
	t.Parallel()
	_, server := newRedis(t, denylist.RedisOptions{})
	broken, err := denylist.NewRedis(server.Client(), denylist.RedisOptions{Prefix: server.Prefix(), CheckTimeout: time.Nanosecond})
	require.NoError(t, err)
	node, tokens := nodeOn(t, broken)
	for _, raw := range []string{tokens.Access, tokens.Refresh} {
		_, err := node.Alive(t.Context(), raw)
		assert.ErrorIs(t, err, denylist.ErrUnavailable)
	}
}

// A mirror is behind by a moment, and is not asked alone.
func TestAlive_AsksRedisBehindAMirror(t *testing.T) {
	t.Parallel()
	store, server := newRedis(t, denylist.RedisOptions{})
	mirror, err := denylist.NewMirror(store, denylist.MirrorOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = mirror.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	require.Eventually(t, func() bool { return mirror.State() == denylist.MirrorFresh }, time.Minute, time.Millisecond)

	elsewhere, err := denylist.NewRedis(server.Client(), denylist.RedisOptions{Prefix: server.Prefix(), WriteTimeout: 10 * time.Second})
	require.NoError(t, err)
	node, _ := nodeOn(t, mirror)
	for range 50 {
		tokens, err := node.Login(t.Context(), rotation.Login{At: time.Now(), Subject: "s"})
		require.NoError(t, err)
		_, err = node.Alive(t.Context(), tokens.Access)
		require.NoError(t, err)
		_, err = elsewhere.Revoke(t.Context(), denylist.SessionEntry(issuer, tokens.Session, tokens.SessionExpiresAt))
		require.NoError(t, err)
		for _, raw := range []string{tokens.Access, tokens.Refresh} {
			_, err = node.Alive(t.Context(), raw)
			assert.ErrorIs(t, err, denylist.ErrRevoked)
		}
	}
}

func TestRevoke_OneTokenOrItsSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	first, bystander := h.login(), h.login()
	require.NoError(t, h.Revoke(t.Context(), first.Access, ""))
	h.isDead(first.Access, denylist.ErrRevoked)
	second := h.exchange(first.Refresh)
	h.lives(second.Access)

	// A client that never got the answer logs out with the token that it has.
	require.NoError(t, h.Revoke(t.Context(), first.Refresh, ""))
	h.isDead(second.Access, denylist.ErrRevoked)
	h.isDead(second.Refresh, denylist.ErrRevoked)
	h.lives(bystander.Refresh)
	require.NoError(t, h.Revoke(t.Context(), first.Refresh, ""), "twice is as good as once")

	single := newHouse(t, rotation.Options{Style: rotation.Single})
	lost := single.login()
	next := single.exchange(lost.Access)
	require.NoError(t, single.Revoke(t.Context(), lost.Access, ""))
	single.isDead(next.Access, denylist.ErrRevoked)
}

func TestRevoke_WritesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{RefreshTTL: time.Hour, Leeway: 30 * time.Second})
	at, err := h.Now(t.Context())
	require.NoError(t, err)
	theirs, err := h.Sessions.Login(t.Context(), rotation.Login{At: at, Subject: "s", ClientID: "app"})
	require.NoError(t, err)
	ours := h.login()
	for name, row := range map[string]struct{ token, client string }{
		"a client's, by nobody":      {theirs.Refresh, ""},
		"a client's, by another one": {theirs.Access, "other"},
		"nobody's, by a client":      {ours.Refresh, "app"},
	} {
		assert.ErrorIs(t, h.Revoke(t.Context(), row.token, row.client), rotation.ErrNotExchangeable, name)
	}
	assert.ErrorIs(t, h.Revoke(t.Context(), "x.y.z", ""), verifier.ErrMalformed)
	foreign := newHouse(t, rotation.Options{}).login()
	assert.ErrorIs(t, h.Revoke(t.Context(), foreign.Access, ""), verifier.ErrUnknownKey)
	h.noEntries()

	h.clock.Set(ours.RefreshExpiresAt)
	assert.NoError(t, h.Revoke(t.Context(), ours.Refresh, ""), "expired")
	assert.NoError(t, h.Revoke(t.Context(), ours.Access, "app"), "expired: whoever asks")
	h.noEntries()
	require.NoError(t, h.Revoke(t.Context(), clientToken(t, h, "app").Access, "app"))
}

// What a verifier still accepts by its leeway is not dead yet.
func TestRevoke_WithinTheLeeway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Leeway: 30 * time.Second})
	tokens := h.login()
	h.clock.Set(tokens.AccessExpiresAt.Add(29 * time.Second))
	require.NoError(t, h.Revoke(t.Context(), tokens.Access, ""))
	_, err := h.list.Get(t.Context(), denylist.ScopeToken, issuer, tokens.AccessID)
	assert.NoError(t, err)
}
