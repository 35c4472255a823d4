package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

func clientToken(t *testing.T, h *house, id string, scope ...string) rotation.Tokens {
	t.Helper()
	tokens, err := h.ClientToken(t.Context(), rotation.ClientLogin{At: h.clock.Now(), ClientID: id, Scope: scope})
	require.NoError(t, err)
	return tokens
}

func TestClientToken_Claims(t *testing.T) {
	styles(t, func(t *testing.T, style rotation.Style) {
		h := newHouse(t, rotation.Options{Style: style})
		tokens := clientToken(t, h, "machine", "a", "b")
		iat := float64(h.clock.Now().Unix())
		assert.Equal(t, map[string]any{
			"iss": issuer, "sub": "machine", "client_id": "machine", "aud": "rescind", "iat": iat, "exp": iat + 15*60,
			"jti": tokens.AccessID, "auth_time": iat, "auth_ms": iat*1000 + 250, "scope": "a b",
		}, member(t, tokens.Access, 1))
		assert.Equal(t, "at+jwt", member(t, tokens.Access, 0)["typ"])
		assert.Empty(t, tokens.Refresh)
		assert.Empty(t, tokens.Session)
		h.accepts(tokens.Access)
		h.refuses(tokens.Access, rotation.ErrNotExchangeable)
		assert.NotContains(t, member(t, clientToken(t, h, "machine").Access, 1), "scope")
	})
}

// A client's token dies by its id, and by an entry of the client.
func TestClientToken_IsRevocable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	one, two := clientToken(t, h, "machine"), clientToken(t, h, "machine")
	require.NoError(t, h.Logout(t.Context(), one.Access))
	h.denies(one.Access)
	h.accepts(two.Access)

	_, err := h.list.Revoke(t.Context(), denylist.SubjectEntry(issuer, "machine", time.Time{}))
	require.NoError(t, err)
	h.denies(two.Access)
	h.clock.Advance(time.Millisecond)
	h.accepts(clientToken(t, h, "machine").Access)
}

func TestClientToken_Refused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	now := h.clock.Now()
	for name, l := range map[string]rotation.ClientLogin{
		"no instant":      {ClientID: "c"},
		"from the future": {At: now.Add(denylist.MaxLeeway + time.Millisecond), ClientID: "c"},
		"no client":       {At: now},
		"long client":     {At: now, ClientID: strings.Repeat("c", 257)},
		"two scopes":      {At: now, ClientID: "c", Scope: []string{"a b"}},
	} {
		tokens, err := h.ClientToken(t.Context(), l)
		assert.ErrorIs(t, err, rotation.ErrInvalid, name)
		assert.Zero(t, tokens, name)
	}
}
