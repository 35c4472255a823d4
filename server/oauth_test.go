package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
)

func TestToken_RefreshOfAPairThatIsNobodys(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	first := o.login()
	second := o.grantedIn(o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.RefreshToken)))
	assert.Equal(t, "read write", second.Scope)
	assert.EqualValues(t, 15*60, second.ExpiresIn)
	assert.NotEmpty(t, second.RefreshToken)
	o.alive(second.AccessToken)
	o.dead(first.AccessToken)
	// /v1/rotate and /oauth/token are two doors to one room.
	third := o.rotate(second.RefreshToken)
	got := o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.RefreshToken))
	got.refused(http.StatusBadRequest, "invalid_grant")
	o.dead(third.AccessToken)
	for _, record := range o.logs.records(t) {
		if record["reason"] == "token_reused" {
			assert.Equal(t, "WARN", record["level"], "of two that hold the token, one stole it")
		}
	}
	assert.Contains(t, o.logs.String(), `"reason":"token_reused"`)

	// A server without clients refreshes all the same.
	s := newSite(t, siteOptions{})
	s.grantedIn(s.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", s.login().RefreshToken)))
	s.post("/oauth/introspect", form("token", "x")).refused(http.StatusNotFound, "not_found")
	s.post("/oauth/token", form("grant_type", "client_credentials"), basic("web", "x")).refused(http.StatusUnauthorized, "invalid_client")
}

// A pair is that client's which the login was made with, and no other's.
func TestR8_ToOAuthOnlyTheClientItselfRefreshes(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	refresh := func(token string) []string { return []string{"grant_type", "refresh_token", "refresh_token", token} }
	for name, c := range map[string]struct {
		client Client
		key    string
	}{"confidential": {o.web, o.webKey}, "public": {o.public, ""}} {
		t.Run(name, func(t *testing.T) {
			tokens := o.loginWith(c.client.ID, c.key)
			claims, err := o.sessions.Recognize(t.Context(), tokens.RefreshToken)
			require.NoError(t, err)
			assert.Equal(t, c.client.ID, claims.ClientID())
			assert.NotEqual(t, c.client.ID, claims.Subject())

			for _, wrong := range []reply{
				o.post("/oauth/token", form(refresh(tokens.RefreshToken)...)),
				o.post("/oauth/token", form(refresh(tokens.RefreshToken)...), basic(o.other.ID, o.otherSecret)),
			} {
				wrong.refused(http.StatusBadRequest, "invalid_grant")
			}
			o.ask("POST", "/v1/rotate", tokens.RefreshToken, "").refused(http.StatusUnauthorized, "token_invalid")
			o.active(tokens.RefreshToken, true)

			second := o.grantedIn(o.post("/oauth/token", form(refresh(tokens.RefreshToken)...), basic(c.client.ID, c.key)))
			inForm := append(refresh(second.RefreshToken), "client_id", c.client.ID, "client_secret", c.key)
			third := o.grantedIn(o.post("/oauth/token", form(inForm...)))
			o.alive(third.AccessToken)
		})
	}
	// Somebody else's pair is none of a client's either.
	o.post("/oauth/token", form(refresh(o.login().RefreshToken)...), basic(o.web.ID, o.webKey)).refused(http.StatusBadRequest, "invalid_grant")
}

func TestToken_IdempotencyKey(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	first := o.login()
	ask := func(key string) reply {
		return o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.RefreshToken), header("Idempotency-Key", key))
	}
	second := o.grantedIn(ask("attempt-1"))
	o.clock.Advance(time.Minute)
	again := o.grantedIn(ask("attempt-1"))
	assert.Equal(t, idOf(t, o.site, second.AccessToken), idOf(t, o.site, again.AccessToken), "the same successor")
	ask("attempt-2").refused(http.StatusBadRequest, "invalid_grant")
	o.dead(second.AccessToken)
}

// A client that narrows its scope gets a narrower access token, and loses
// nothing of what was granted.
func TestToken_ScopeAtRefresh(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	tokens := o.login()
	refresh := func(token string, scope ...string) reply {
		return o.post("/oauth/token", form(append([]string{"grant_type", "refresh_token", "refresh_token", token}, scope...)...))
	}
	refresh(tokens.RefreshToken, "scope", "read admin").refused(http.StatusBadRequest, "invalid_scope")
	narrow := o.grantedIn(refresh(tokens.RefreshToken, "scope", "read"))
	assert.Equal(t, "read", narrow.Scope)
	assert.Equal(t, http.StatusForbidden, o.ask("GET", "/v1/verify?scope=write", narrow.AccessToken, "").StatusCode)
	whole := o.grantedIn(refresh(narrow.RefreshToken, "scope", "write read"))
	assert.Equal(t, http.StatusOK, o.ask("GET", "/v1/verify?scope=read+write", whole.AccessToken, "").StatusCode)
	assert.Equal(t, "read write", o.grantedIn(refresh(whole.RefreshToken)).Scope)
}

// In single style the access token is what buys the next one.
func TestToken_SingleStyle(t *testing.T) {
	o := newOAuthSite(t, siteOptions{rotation: rotation.Options{Style: rotation.Single}})
	first := o.loginWith(o.web.ID, o.webKey)
	second := o.grantedIn(o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.AccessToken), basic(o.web.ID, o.webKey)))
	assert.Equal(t, second.AccessToken, second.RefreshToken)
	o.grantedIn(o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", second.RefreshToken), basic(o.web.ID, o.webKey)))
	own := o.grantedIn(o.post("/oauth/token", form("grant_type", "client_credentials"), basic(o.web.ID, o.webKey)))
	assert.Empty(t, own.RefreshToken)
}

func TestToken_ClientCredentials(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	got := o.grantedIn(o.post("/oauth/token", form("grant_type", "client_credentials"), basic(o.web.ID, o.webKey)))
	assert.Equal(t, "jobs read", got.Scope)
	assert.Empty(t, got.RefreshToken)
	verified := o.ask("GET", "/v1/verify?scope=jobs", got.AccessToken, "")
	assert.Equal(t, o.web.ID, verified.Header.Get("X-Auth-Subject"))
	said := o.active(got.AccessToken, true)
	assert.Equal(t, o.web.ID, said.ClientID)
	assert.Equal(t, o.web.ID, said.Subject)
	assert.Empty(t, said.Session)

	narrow := o.grantedIn(o.post("/oauth/token", form("grant_type", "client_credentials", "scope", "read",
		"client_id", o.web.ID, "client_secret", o.webKey)))
	assert.Equal(t, "read", narrow.Scope)
	o.post("/oauth/token", form("grant_type", "client_credentials", "scope", "read write"), basic(o.web.ID, o.webKey)).
		refused(http.StatusBadRequest, "invalid_scope")
	o.post("/oauth/token", form("grant_type", "client_credentials", "client_id", o.public.ID)).
		refused(http.StatusBadRequest, "unauthorized_client")
	o.post("/oauth/token", form("grant_type", "client_credentials")).refused(http.StatusUnauthorized, "invalid_client")

	// The operator's entry about the client catches its tokens.
	o.revoked(`{"scope":"subject","id":"` + o.web.ID + `"}`)
	o.dead(got.AccessToken)
	o.active(got.AccessToken, false)
}

// Two keys are good at once, so that one can be replaced without a gap; what
// is removed is refused at once.
func TestToken_RotatedAndRemovedKeys(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	status := func(key string) int {
		return o.post("/oauth/token", form("grant_type", "client_credentials"), basic(o.web.ID, key)).StatusCode
	}
	_, second, err := o.clients.Rotate("web", false)
	require.NoError(t, err)
	o.secret(second)
	assert.Equal(t, 200, status(o.webKey))
	assert.Equal(t, 200, status(second))
	_, third, err := o.clients.Rotate("web", false)
	require.NoError(t, err)
	o.secret(third)
	assert.Equal(t, 401, status(o.webKey), "the oldest of three")
	assert.Equal(t, 200, status(second))
	assert.Equal(t, 200, status(third))
	_, only, err := o.clients.Rotate("web", true)
	require.NoError(t, err)
	o.secret(only)
	assert.Equal(t, 401, status(third))
	assert.Equal(t, 200, status(only))
	mine := o.loginWith(o.web.ID, only)
	_, err = o.clients.Remove("web")
	require.NoError(t, err)
	assert.Equal(t, 401, status(only))
	o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", mine.RefreshToken), basic(o.web.ID, only)).
		refused(http.StatusUnauthorized, "invalid_client")
}

func TestRevokeToken(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	revoke := func(token string, more ...string) reply {
		return o.post("/oauth/revoke", form(append(more, "token", token)...))
	}
	first := o.login()
	second := o.rotate(first.RefreshToken)
	got := revoke(second.AccessToken, "token_type_hint", "refresh_token")
	assert.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Empty(t, got.body)
	o.dead(second.AccessToken)
	third := o.rotate(second.RefreshToken)
	// The answer with the third was lost: its owner logs out with what it has.
	assert.Equal(t, http.StatusOK, revoke(second.RefreshToken, "token_type_hint", "nonsense").StatusCode)
	o.dead(third.AccessToken)
	o.ask("POST", "/v1/rotate", third.RefreshToken, "").refused(http.StatusUnauthorized, "token_revoked")
	assert.Equal(t, http.StatusOK, revoke(second.RefreshToken).StatusCode, "twice")

	mine := o.loginWith(o.web.ID, o.webKey)
	assert.Equal(t, http.StatusOK, o.post("/oauth/revoke", form("token", mine.RefreshToken), basic(o.web.ID, o.webKey)).StatusCode)
	o.dead(mine.AccessToken)
	apps := o.loginWith(o.public.ID, "")
	assert.Equal(t, http.StatusOK, revoke(apps.RefreshToken, "client_id", o.public.ID).StatusCode)
	o.dead(apps.AccessToken)
}

func TestIntrospect(t *testing.T) {
	o := newOAuthSite(t, siteOptions{rotation: rotation.Options{ReplayWindow: 10 * time.Second}})
	first := o.loginWith(o.web.ID, o.webKey)
	said := o.active(first.AccessToken, true)
	claims, err := o.sessions.Recognize(t.Context(), first.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, introspectionBody{
		Active: true, TokenType: "Bearer", Issuer: testIssuer, Subject: claims.Subject(), Audience: []string{"rescind"},
		ClientID: o.web.ID, Scope: "read write", ID: claims.ID(), Session: claims.Session(),
		IssuedAt: claims.IssuedAt().Unix(), ExpiresAt: claims.ExpiresAt().Unix(), AuthTime: claims.Login().Unix(),
	}, said)
	said = o.active(first.RefreshToken, true)
	assert.Equal(t, "refresh_token", said.TokenType, "no resource server may take it for an access token")
	assert.Equal(t, []string{testIssuer}, said.Audience)
	assert.Empty(t, said.Scope)

	second := o.grantedIn(o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.RefreshToken), basic(o.web.ID, o.webKey)))
	o.active(first.RefreshToken, false)
	o.active(first.AccessToken, false)
	o.active(second.RefreshToken, true)
	o.active("garbage", false)
	o.clock.Advance(15 * time.Minute)
	o.active(second.AccessToken, false)
	byKey := o.post("/oauth/introspect", form("token", second.RefreshToken), header("X-API-Key", o.otherSecret))
	assert.Contains(t, string(byKey.body), `"active":true`)
	o.post("/oauth/introspect", form("token", second.RefreshToken, "client_id", o.public.ID)).refused(http.StatusUnauthorized, "invalid_client")
	o.post("/oauth/introspect", form("token", second.RefreshToken)).refused(http.StatusUnauthorized, "invalid_client")
}

// R14: whatever is asked of OAuth while the denylist cannot tell.
func TestR14_OAuthCannotTell(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	tokens := o.login()
	o.list.broken.Store(true)
	for _, got := range []reply{
		o.post("/oauth/token", form("grant_type", "refresh_token", "refresh_token", tokens.RefreshToken)),
		o.post("/oauth/token", form("grant_type", "client_credentials"), basic(o.web.ID, o.webKey)),
		o.post("/oauth/revoke", form("token", tokens.AccessToken)),
		o.post("/oauth/revoke", form("token", tokens.RefreshToken)),
		o.post("/oauth/introspect", form("token", tokens.AccessToken), basic(o.web.ID, o.webKey)),
		o.post("/oauth/introspect", form("token", tokens.RefreshToken), basic(o.web.ID, o.webKey)),
	} {
		got.refused(http.StatusServiceUnavailable, "denylist_unavailable")
	}
	o.list.broken.Store(false)
	o.list.brokenRevoke.Store(true)
	o.post("/oauth/revoke", form("token", tokens.RefreshToken)).refused(http.StatusServiceUnavailable, "denylist_unavailable")
	o.list.brokenRevoke.Store(false)
	o.active(tokens.RefreshToken, true)
}

func TestForwardAuth_APIKeys(t *testing.T) {
	verify := func(s *oauthSite, path string, changes ...change) reply {
		r := httptest.NewRequest("GET", path, nil)
		for _, change := range changes {
			change(r)
		}
		return s.send(s.Handler(), r)
	}
	off := newOAuthSite(t, siteOptions{})
	verify(off, "/v1/verify", header("X-API-Key", off.webKey)).refused(http.StatusUnauthorized, "token_missing")

	o := newOAuthSite(t, siteOptions{server: Options{ForwardAuthAPIKeys: true}})
	got := verify(o, "/v1/verify?scope=jobs", header("X-API-Key", o.webKey))
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	for name, want := range map[string]string{
		"X-Auth-Issuer": testIssuer, "X-Auth-Subject": o.web.ID, "X-Auth-Session": "", "X-Auth-Scope": "jobs read", "X-Auth-Token-Id": "",
	} {
		assert.Equal(t, []string{want}, got.Header.Values(name), name)
	}
	assert.Equal(t, http.StatusForbidden, verify(o, "/v1/verify?scope=admin", header("X-API-Key", o.webKey)).StatusCode)
	token := "Bearer " + o.login().AccessToken
	for name, row := range map[string]struct {
		changes []change
		code    string
	}{
		"a key and a token":   {[]change{header("X-API-Key", o.webKey), header("Authorization", token)}, "token_malformed"},
		"two keys":            {[]change{header("X-API-Key", o.webKey, o.webKey)}, "token_malformed"},
		"an empty key":        {[]change{header("X-API-Key", "")}, "token_invalid"},
		"a wrong checksum":    {[]change{header("X-API-Key", mistyped(o.webKey))}, "token_invalid"},
		"nobody's":            {[]change{header("X-API-Key", newKey("nobody"))}, "token_invalid"},
		"another key of hers": {[]change{header("X-API-Key", newKey(o.web.ID))}, "token_invalid"},
		"a public client's":   {[]change{header("X-API-Key", newKey(o.public.ID))}, "token_invalid"},
	} {
		before := o.list.calls.Load()
		got := verify(o, "/v1/verify", row.changes...)
		got.refused(http.StatusUnauthorized, row.code)
		assert.Equal(t, before, o.list.calls.Load(), name)
	}
	assert.Equal(t, http.StatusOK, verify(o, "/v1/verify", header("Authorization", token)).StatusCode)
}

// madeAt are clients whose keys were all made at one instant.
type madeAt struct {
	*Clients
	at *time.Time
}

func (c madeAt) AuthenticateClient(ctx context.Context, id, secret string) (Client, error) {
	client, err := c.Clients.AuthenticateClient(ctx, id, secret)
	client.KeyMadeAt = *c.at
	return client, err
}

// What is revoked of a client, or of everybody, ends keys as it ends logins, and
// a key that was made since is good. R14 holds for keys too.
func TestR6_APIKeysAndTheDenylist(t *testing.T) {
	clients := NewClients()
	web, key, err := clients.Add("web", nil, false)
	require.NoError(t, err)
	_, others, err := clients.Add("other", nil, false)
	require.NoError(t, err)
	var made time.Time
	s := newSite(t, siteOptions{server: Options{Clients: madeAt{clients, &made}, ForwardAuthAPIKeys: true}})
	s.secret(key, others)
	asked := func(key string) reply {
		r := httptest.NewRequest("GET", "/v1/verify", nil)
		r.Header.Set("X-API-Key", key)
		return s.send(s.Handler(), r)
	}
	passes := func(key string) { assert.Equal(t, http.StatusOK, asked(key).StatusCode) }
	made = s.clock.Now()
	passes(key)
	token := s.grantedIn(s.post("/oauth/token", form("grant_type", "client_credentials"), basic(web.ID, key)))
	require.Equal(t, http.StatusNoContent, s.ask("POST", "/v1/logout-all", token.AccessToken, "").StatusCode)
	s.dead(token.AccessToken)
	passes(key) // which no holder of one of its tokens can end

	s.revoked(`{"scope":"subject","id":"` + web.ID + `"}`)
	asked(key).refused(http.StatusUnauthorized, "token_revoked")
	passes(others)
	made = s.clock.Now().Add(time.Millisecond)
	passes(key)
	s.clock.Advance(time.Second)
	s.revoked(`{"scope":"issuer"}`)
	asked(key).refused(http.StatusUnauthorized, "token_revoked")
	asked(others).refused(http.StatusUnauthorized, "token_revoked")
	made = s.clock.Now().Add(time.Millisecond)
	passes(others)
	made = time.Time{}
	asked(key).refused(http.StatusUnauthorized, "token_revoked")

	s.list.broken.Store(true)
	asked(others).refused(http.StatusServiceUnavailable, "denylist_unavailable")
	calls := s.list.calls.Load()
	asked(newKey(web.ID)).refused(http.StatusUnauthorized, "token_invalid")
	assert.Equal(t, calls, s.list.calls.Load(), "R1: a key that is none is not looked up")
}

// mistyped is a key with one character exchanged for another.
func mistyped(key string) string {
	b := []byte(key)
	i := len(b) - 20
	if b[i]++; b[i-1] == b[i] {
		b[i]++
	}
	if b[i] > 'z' || b[i] > '9' && b[i] < 'A' || b[i] > 'Z' && b[i] < 'a' {
		b[i] = 'A'
	}
	return string(b)
}

// removedMeanwhile are clients of which one is removed, and its tokens revoked,
// between two looks at them.
type removedMeanwhile struct {
	*Clients
	then func()
}

func (c removedMeanwhile) AuthenticateClient(ctx context.Context, id, secret string) (Client, error) {
	client, err := c.Clients.AuthenticateClient(ctx, id, secret)
	c.then()
	return client, err
}

// A client's token takes its instant before the credentials are looked at.
func TestR6_ClientsInstantComesBeforeItsCredentials(t *testing.T) {
	clients := NewClients()
	web, key, err := clients.Add("web", nil, false)
	require.NoError(t, err)
	var s *site
	s = newSite(t, siteOptions{server: Options{Clients: removedMeanwhile{clients, func() {
		_, err := clients.Remove("web")
		require.NoError(t, err)
		s.clock.Advance(time.Second)
		s.revoked(`{"scope":"subject","id":"` + web.ID + `"}`)
		s.clock.Advance(time.Second)
	}}}})
	got := s.grantedIn(s.post("/oauth/token", form("grant_type", "client_credentials"), basic(web.ID, key)))
	s.dead(got.AccessToken)
}

// Who asks must learn that a token is worth nothing without what it is bound
// to (RFC 7800).
func TestIntrospect_OfABoundToken(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	assert.Empty(t, o.active(o.login().AccessToken, true).Confirmation)
	bound := o.sign("at+jwt", map[string]any{"cnf": map[string]any{"cookie#S256": "x"}})
	assert.JSONEq(t, `{"cookie#S256":"x"}`, string(o.active(bound, true).Confirmation))
}
