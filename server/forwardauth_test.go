package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestForwardAuth_SaysWhoIsAsking(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	got := s.ask("GET", "/v1/verify", tokens.AccessToken, "")
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	claims, err := s.sessions.Recognize(t.Context(), tokens.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, testIssuer, got.Header.Get("X-Auth-Issuer"))
	assert.Equal(t, claims.Subject(), got.Header.Get("X-Auth-Subject"))
	assert.Equal(t, claims.Session(), got.Header.Get("X-Auth-Session"))
	assert.Equal(t, "read write", got.Header.Get("X-Auth-Scope"))
	assert.Equal(t, claims.ID(), got.Header.Get("X-Auth-Token-Id"))
	assert.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	assert.Empty(t, got.body)

	// A proxy that copies headers must find all five, or its client's own stay.
	bare := s.sign("at+jwt", map[string]any{"sub": nil, "sid": nil, "scope": nil})
	got = s.ask("GET", "/v1/verify", bare, "")
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	for _, name := range []string{"X-Auth-Subject", "X-Auth-Session", "X-Auth-Scope"} {
		assert.Equal(t, []string{""}, got.Header.Values(name), name)
	}
}

func TestForwardAuth_HeaderValues(t *testing.T) {
	for id, want := range map[string]string{
		"plain":               "plain",
		"a b":                 "a b",
		" a ":                 "%20a%20",
		"100%":                "100%25",
		"a%0Ab":               "a%250Ab",
		"line\r\nX-Admin: 1":  "line%0D%0AX-Admin: 1",
		"zoë":                 "zo%C3%AB",
		"tab\tnul\x00del\x7f": "tab%09nul%00del%7F",
		"":                    "",
		" ":                   "%20",
	} {
		assert.Equal(t, want, verifier.HeaderValue(id), "%q", id)
	}
	s := newSite(t, siteOptions{})
	got := s.ask("GET", "/v1/verify", s.sign("at+jwt", map[string]any{"sub": " zoë 100%"}), "")
	assert.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(t, "%20zo%C3%AB 100%25", got.Header.Get("X-Auth-Subject"))
}

// Any method, any path below, as it was sent: a proxy's own request is never
// redirected, and its client's query is not taken for the proxy's.
func TestForwardAuth_Requests(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens, revoked := s.login(), s.login()
	require.Equal(t, http.StatusNoContent, s.ask("POST", "/v1/logout", revoked.AccessToken, "").StatusCode)
	for path, want := range map[string]int{
		"/v1/verify":                            200,
		"/v1/verify/":                           200,
		"/v1/verify//a/../b/./c":                200,
		"/v1/verify/../login":                   200,
		"/v1/verify/a%2Fb%00?q=%zz":             200,
		"/v1/verify/a?scope=admin":              200,
		"/v1/verify/?scope=admin":               200,
		"/v1/verify?scope=read":                 200,
		"/v1/verify?scope=read+write":           200,
		"/v1/verify?scope=write%20read":         200,
		"/v1/verify?scope=read&scope=write":     200,
		"/v1/verify?other=admin":                200,
		"/v1/verify?scope=admin":                403,
		"/v1/verify?scope=read+admin":           403,
		"/v1/verify?scope=read&scope=admin":     403,
		"/v1/verify?scope=":                     403,
		"/v1/verify?scope=+":                    403,
		"/v1/verify?scope=rea":                  403,
		"/v1/verify?scope=READ":                 403,
		"/v1/verify?scope=%zz":                  403,
		"/v1/verify?scope=read;scope=admin":     403,
		"/v1/verif%79?scope=admin":              403,
		"http://proxy.example/v1/verify?scope=": 403,
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			got := s.ask(method, path, tokens.AccessToken, "a body")
			assert.Equal(t, want, got.StatusCode, "%s %s: %s", method, path, got.body)
			s.ask(method, path, revoked.AccessToken, "").refused(http.StatusUnauthorized, "token_revoked")
			s.ask(method, path, "", "").refused(http.StatusUnauthorized, "token_missing")
		}
	}
	got := s.ask("GET", "/v1/verify?scope=read+admin", tokens.AccessToken, "")
	got.refused(http.StatusForbidden, "insufficient_scope")
	assert.Contains(t, got.Header.Get("WWW-Authenticate"), `scope="read admin"`)
	s.ask("GET", "/v1/verifyx", tokens.AccessToken, "").refused(http.StatusNotFound, "not_found")
}

// The foreign issuers that a verifier trusts are not those of forward auth.
func TestForwardAuth_OwnIssuerOnly(t *testing.T) {
	const foreign = "https://foreign.example"
	now := newClock().Now()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: func() time.Time { return now }})
	require.NoError(t, err)
	token := signWith(t, ring, "at+jwt", map[string]any{
		"iss": foreign, "aud": "rescind", "jti": "x", "iat": now.Unix(), "exp": now.Unix() + 60,
	})
	issuers := []verifier.Issuer{{Name: foreign, Keys: ring, Audiences: []string{"rescind"}}}

	s := newSite(t, siteOptions{issuers: issuers})
	before := s.list.calls.Load()
	s.ask("GET", "/v1/verify", token, "").refused(http.StatusUnauthorized, "token_invalid")
	assert.Equal(t, before, s.list.calls.Load(), "R1: the denylist was not asked")

	s = newSite(t, siteOptions{issuers: issuers, server: Options{ForwardAuthIssuers: []string{foreign}}})
	s.alive(token)
	for _, path := range []string{"/v1/rotate", "/v1/logout", "/v1/logout-all"} {
		s.ask("POST", path, token, "").refused(http.StatusUnauthorized, "token_invalid")
	}
	_, err = s.list.Revoke(t.Context(), denylist.TokenEntry(foreign, "x", time.Time{}))
	require.NoError(t, err)
	s.dead(token)

	opts := s.opts
	opts.ForwardAuthIssuers = []string{"https://nobody.example"}
	_, err = New(s.sessions, s.callers, s.list, opts)
	assert.Error(t, err, "an issuer that the verifier does not trust")
}

// R12: a token that was exchanged may finish what is in flight.
func TestR12_Overlap(t *testing.T) {
	s := newSite(t, siteOptions{rotation: rotation.Options{VerifyOverlap: 10 * time.Second}})
	first := s.login()
	s.rotate(first.RefreshToken)
	s.alive(first.AccessToken)
	s.clock.Advance(10 * time.Second)
	s.dead(first.AccessToken)
}

// A panic is a 500 that tells nothing, and to a proxy it is "cannot tell".
func TestPanic(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.people.during = func() { panic("a secret that panics") }
	s.secret("a secret that panics")
	s.ask("POST", "/v1/login", "", `{"username":"alice","password":"x"}`).refused(http.StatusInternalServerError, "internal_error")

	broken := s.route(routeVerify, forwardRefusal, func(*answer, *http.Request) error { panic("a secret that panics") })
	s.send(broken, httptest.NewRequest("GET", "/v1/verify", nil)).refused(http.StatusServiceUnavailable, "denylist_unavailable")
	assert.Contains(t, s.logs.String(), "TestPanic", "the stack is logged")
}
