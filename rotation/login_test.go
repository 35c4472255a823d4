package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestLogin_ClaimsOfAPair(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens, err := h.Login(t.Context(), rotation.Login{At: h.clock.Now(), Subject: "s", Scope: []string{"a", "b"}, ClientID: "app"})
	require.NoError(t, err)
	iat := float64(h.clock.Now().Unix())
	shared := map[string]any{
		"iss": issuer, "sub": "s", "client_id": "app", "iat": iat, "sid": tokens.Session, "rot": 0.0,
		"auth_time": iat, "auth_ms": iat*1000 + 250, "session_exp": iat + (30 * day).Seconds(),
	}
	with := func(more map[string]any) map[string]any {
		for name, value := range shared {
			more[name] = value
		}
		return more
	}
	assert.Equal(t, with(map[string]any{
		"aud": "rescind", "exp": iat + 15*60, "jti": tokens.AccessID, "scope": "a b",
	}), member(t, tokens.Access, 1))
	assert.Equal(t, with(map[string]any{
		"aud": issuer, "exp": iat + day.Seconds(), "jti": tokens.RefreshID, "grant": "a b", "access_exp": iat + 15*60,
	}), member(t, tokens.Refresh, 1))
	assert.Equal(t, "at+jwt", member(t, tokens.Access, 0)["typ"])
	assert.Equal(t, "rt+jwt", member(t, tokens.Refresh, 0)["typ"])

	session, err := uuid.Parse(tokens.Session)
	require.NoError(t, err)
	assert.Equal(t, uuid.NewSHA1(session, []byte(tokens.RefreshID)).String(), tokens.AccessID)
}

func TestLogin_ClaimsOfASingleToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Style: rotation.Single, Audience: []string{"a", "b"}})
	tokens := h.login()
	claims := member(t, tokens.Access, 1)
	assert.Equal(t, true, claims["renewable"])
	assert.Equal(t, []any{"a", "b"}, claims["aud"])
	assert.Equal(t, tokens.AccessID, claims["jti"])
	for _, absent := range []string{"client_id", "scope", "grant", "access_exp"} {
		assert.NotContains(t, claims, absent)
	}
	assert.Empty(t, tokens.Refresh)
	assert.Empty(t, tokens.RefreshID)
	assert.Zero(t, tokens.RefreshExpiresAt)
}

func TestLogin_RefreshTokenIsNoAccessToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Audience: []string{issuer}})
	tokens := h.login()
	h.accepts(tokens.Access)
	_, err := h.api.Verify(t.Context(), tokens.Refresh)
	assert.ErrorIs(t, err, verifier.ErrType)
	h.refuses(tokens.Access, rotation.ErrNotExchangeable)
}

func TestLogin_Refused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	now := h.clock.Now()
	for name, l := range map[string]rotation.Login{
		"no instant":       {Subject: "s"},
		"from the future":  {At: now.Add(denylist.MaxLeeway + time.Millisecond), Subject: "s"},
		"no subject":       {At: now},
		"long subject":     {At: now, Subject: strings.Repeat("s", 257)},
		"odd subject":      {At: now, Subject: "\xff"},
		"hidden subject":   {At: now, Subject: "a\x00b"},
		"long client":      {At: now, Subject: "s", ClientID: strings.Repeat("c", 257)},
		"empty scope":      {At: now, Subject: "s", Scope: []string{""}},
		"two scopes":       {At: now, Subject: "s", Scope: []string{"a b"}},
		"quoted scope":     {At: now, Subject: "s", Scope: []string{`a"`}},
		"foreign scope":    {At: now, Subject: "s", Scope: []string{"\u00e9"}},
		"very many scopes": {At: now, Subject: "s", Scope: strings.Split(strings.Repeat("scope ", 200)+"x", " ")},
	} {
		tokens, err := h.Login(t.Context(), l)
		assert.ErrorIs(t, err, rotation.ErrInvalid, name)
		assert.Zero(t, tokens, name)
	}
	_, err := h.Login(t.Context(), rotation.Login{At: now.Add(-31 * day), Subject: "s"})
	assert.ErrorIs(t, err, denylist.ErrExpired)
}

func TestLogin_LargestTokenIsStillRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	tokens, err := h.Login(t.Context(), rotation.Login{
		At: h.clock.Now(), Subject: strings.Repeat("<", 256), ClientID: strings.Repeat(`"`, 256), Scope: []string{strings.Repeat("<", 1023)},
	})
	require.NoError(t, err)
	h.accepts(tokens.Access)
	_, err = h.Exchange(t.Context(), tokens.Refresh, rotation.Attempt{ClientID: strings.Repeat(`"`, 256)})
	assert.NoError(t, err)
}

func TestLogin_TokenThatNobodyWouldRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{Audience: strings.Split(strings.Repeat(strings.Repeat("a", 250)+" ", 30)+"b", " ")})
	_, err := h.Login(t.Context(), rotation.Login{At: h.clock.Now(), Subject: "s"})
	assert.ErrorIs(t, err, rotation.ErrInvalid)
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	ring, err := rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{TokenLife: day})
	require.NoError(t, err)
	list := denylist.NewMemory(denylist.MemoryOptions{})
	for name, opts := range map[string]rotation.Options{
		"no issuer":                  {},
		"long issuer":                {Issuer: strings.Repeat("i", 257)},
		"empty audience":             {Issuer: "us", Audience: []string{""}},
		"no such style":              {Issuer: "us", Style: 2},
		"negative access TTL":        {Issuer: "us", AccessTTL: -1},
		"part of a second":           {Issuer: "us", AccessTTL: 1500 * time.Millisecond},
		"access over its maximum":    {Issuer: "us", AccessTTL: 25 * time.Hour},
		"refresh over its maximum":   {Issuer: "us", RefreshTTL: 91 * day},
		"refresh over the keys'":     {Issuer: "us", RefreshTTL: 2 * day},
		"session without end":        {Issuer: "us", SessionTTL: 101 * 365 * day},
		"negative session":           {Issuer: "us", SessionTTL: -time.Second},
		"negative window":            {Issuer: "us", ReplayWindow: -1},
		"negative overlap":           {Issuer: "us", VerifyOverlap: -1},
		"negative leeway":            {Issuer: "us", Leeway: -1},
		"leeway over the denylist's": {Issuer: "us", Leeway: denylist.MaxLeeway + 1},
		"maximum of one second":      {Issuer: "us", AccessTTL: time.Second, MaxAccessLifetime: time.Second},
		"negative maximum":           {Issuer: "us", MaxAccessLifetime: -time.Hour},
	} {
		_, err := rotation.New(ring, list, opts)
		assert.Error(t, err, name)
	}
	_, err = rotation.New(ring, list, rotation.Options{Issuer: "us"})
	assert.NoError(t, err)
	_, err = rotation.NewKeyRing(verifier.HS256, rotation.KeyRingOptions{TokenLife: -1})
	assert.Error(t, err)
	_, err = rotation.OpenKeyRing("", rotation.KeyRingOptions{})
	assert.Error(t, err)
}
