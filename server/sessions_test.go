package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
)

func TestLogin(t *testing.T) {
	s := newSite(t, siteOptions{})
	got := s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`"}`)
	assert.Equal(t, http.StatusCreated, got.StatusCode)
	tokens := s.tokensIn(got)
	assert.Equal(t, int64(15*60), tokens.ExpiresIn)
	assert.Equal(t, int64(24*3600), tokens.RefreshExpiresIn)
	s.alive(tokens.AccessToken)

	for _, wrong := range []string{
		`{"username":"alice","password":"wrong password"}`,
		`{"username":"nobody","password":"` + testPassword + `"}`,
		`{"username":"","password":""}`,
	} {
		got := s.ask("POST", "/v1/login", "", wrong)
		got.refused(http.StatusUnauthorized, "invalid_credentials")
		assert.NotContains(t, got.Header.Get("WWW-Authenticate"), "error=", "no error at login")
	}
}

func TestLogin_SingleStyle(t *testing.T) {
	s := newSite(t, siteOptions{rotation: rotation.Options{Style: rotation.Single}})
	got := s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`"}`)
	assert.NotContains(t, string(got.body), "refresh")
	first := s.tokensIn(got)
	second := s.rotate(first.AccessToken)
	s.alive(second.AccessToken)
	s.dead(first.AccessToken)
}

func TestLogin_NoUsersNoRoute(t *testing.T) {
	s := newSite(t, siteOptions{})
	opts := s.opts
	opts.Login = nil
	without, err := New(s.sessions, s.callers, s.list, opts)
	require.NoError(t, err)
	r := httptest.NewRequest("POST", "/v1/login", strings.NewReader(`{"username":"alice","password":"x"}`))
	s.send(without.Handler(), r).refused(http.StatusNotFound, "not_found")
}

// A login takes its instant before it looks at the credentials: who is
// revoked while the password is being hashed does not slip through.
func TestR6_LoginInstantComesBeforeTheCredentials(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.people.during = func() {
		s.clock.Advance(time.Second)
		got := s.operate("POST", "/v1/revocations", `{"scope":"subject","id":"7d444840-9dc0-11d1-b245-5ffdce74fad2"}`)
		require.Equal(t, http.StatusCreated, got.StatusCode, "%s", got.body)
		s.clock.Advance(time.Second)
	}
	tokens := s.login()
	s.dead(tokens.AccessToken)
	s.ask("POST", "/v1/rotate", tokens.RefreshToken, "").refused(http.StatusUnauthorized, "token_revoked")

	s.people.during = nil
	s.alive(s.login().AccessToken)
}

func TestLogin_Busy(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		code   string
	}{
		ErrBusy:               {http.StatusTooManyRequests, "rate_limited"},
		errors.New("no LDAP"): {http.StatusServiceUnavailable, "denylist_unavailable"},
	} {
		s := newSite(t, siteOptions{server: Options{Login: failing{err}}})
		s.ask("POST", "/v1/login", "", `{"username":"a","password":"b"}`).refused(want.status, want.code)
	}
}

// failing is an Authenticator that cannot tell.
type failing struct{ err error }

func (f failing) Authenticate(context.Context, string, string) (Identity, error) {
	return Identity{}, f.err
}

func TestSession(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	s.clock.Advance(5 * time.Minute)
	got := s.ask("GET", "/v1/session", tokens.AccessToken, "")
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	var body struct {
		Claims           map[string]any `json:"claims"`
		ExpiresAt        string         `json:"expires_at"`
		ExpiresIn        int64          `json:"expires_in"`
		SessionExpiresAt string         `json:"session_expires_at"`
		SessionExpiresIn int64          `json:"session_expires_in"`
	}
	got.into(&body)
	assert.Equal(t, testIssuer, body.Claims["iss"])
	assert.Equal(t, "read write", body.Claims["scope"])
	assert.InDelta(t, 1893553445678, body.Claims["auth_ms"], 0)
	assert.Equal(t, "2030-01-02T03:19:05.000Z", body.ExpiresAt)
	assert.InDelta(t, 600, body.ExpiresIn, 1)
	assert.Equal(t, "2030-02-01T03:04:05.000Z", body.SessionExpiresAt)
	assert.InDelta(t, 30*24*3600-300, body.SessionExpiresIn, 1)
}

func TestRotate(t *testing.T) {
	s := newSite(t, siteOptions{rotation: rotation.Options{ReplayWindow: 10 * time.Second}})
	first := s.login()
	second := s.rotate(first.RefreshToken)
	assert.NotEqual(t, first.RefreshToken, second.RefreshToken)
	s.alive(second.AccessToken)
	s.dead(first.AccessToken)

	s.clock.Advance(9 * time.Second)
	again := s.rotate(first.RefreshToken)
	assert.Equal(t, idOf(t, s, second.RefreshToken), idOf(t, s, again.RefreshToken), "R11: the same successor")
	assert.Equal(t, second.ExpiresIn-9, again.ExpiresIn+1, "what is left of its life")

	s.ask("POST", "/v1/rotate", second.AccessToken, "").refused(http.StatusUnauthorized, "token_invalid")
}

func idOf(t *testing.T, s *site, raw string) string {
	t.Helper()
	claims, err := s.sessions.Recognize(t.Context(), raw)
	require.NoError(t, err)
	return claims.ID()
}

func TestR11_ReplayRevokesSession(t *testing.T) {
	s := newSite(t, siteOptions{})
	first := s.login()
	second := s.rotate(first.RefreshToken)
	s.ask("POST", "/v1/rotate", first.RefreshToken, "").refused(http.StatusUnauthorized, "token_reused")
	s.dead(second.AccessToken)
	s.ask("POST", "/v1/rotate", second.RefreshToken, "").refused(http.StatusUnauthorized, "token_revoked")
}

func TestR11_IdempotencyKey(t *testing.T) {
	s := newSite(t, siteOptions{})
	first := s.login()
	exchange := func(keys ...string) reply {
		r := httptest.NewRequest("POST", "/v1/rotate", nil)
		r.Header.Set("Authorization", "Bearer "+first.RefreshToken)
		for _, key := range keys {
			r.Header.Add("Idempotency-Key", key)
		}
		return s.send(s.Handler(), r)
	}
	calls := s.list.calls.Load()
	for name, keys := range map[string][]string{
		"two":       {"a", "a"},
		"empty":     {""},
		"too long":  {strings.Repeat("x", 257)},
		"not ASCII": {"schlüssel"},
	} {
		t.Run(name, func(t *testing.T) { exchange(keys...).refused(http.StatusBadRequest, "invalid_request") })
	}
	assert.Equal(t, calls, s.list.calls.Load(), "nothing was asked or spent")

	longest := strings.Repeat("x", 256)
	one := s.tokensIn(exchange(longest))
	s.clock.Advance(time.Minute)
	two := s.tokensIn(exchange(longest))
	assert.Equal(t, idOf(t, s, one.RefreshToken), idOf(t, s, two.RefreshToken))
	exchange("another").refused(http.StatusUnauthorized, "token_reused")
}

func TestR13_TooOften(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	for range 20 {
		tokens = s.rotate(tokens.RefreshToken)
	}
	s.ask("POST", "/v1/rotate", tokens.RefreshToken, "").refused(http.StatusTooManyRequests, "rate_limited")
	s.alive(tokens.AccessToken)
}

func TestLogout(t *testing.T) {
	for name, token := range map[string]func(tokensBody) string{
		"by the access token":  func(t tokensBody) string { return t.AccessToken },
		"by the refresh token": func(t tokensBody) string { return t.RefreshToken },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, siteOptions{})
			first, other := s.login(), s.login()
			second := s.rotate(first.RefreshToken)
			s.clock.Advance(20 * time.Minute) // the access tokens expire

			got := s.ask("POST", "/v1/logout", token(first), "")
			assert.Equal(t, http.StatusNoContent, got.StatusCode, "%s", got.body)
			s.ask("POST", "/v1/rotate", second.RefreshToken, "").refused(http.StatusUnauthorized, "token_revoked")
			s.alive(s.rotate(other.RefreshToken).AccessToken)
			assert.Equal(t, http.StatusNoContent, s.ask("POST", "/v1/logout", token(first), "").StatusCode, "again")
		})
	}
}

func TestLogoutAll(t *testing.T) {
	s := newSite(t, siteOptions{})
	one, two := s.login(), s.login()
	got := s.ask("POST", "/v1/logout-all", one.AccessToken, "")
	assert.Equal(t, http.StatusNoContent, got.StatusCode, "%s", got.body)
	s.dead(one.AccessToken)
	s.dead(two.AccessToken)
	s.clock.Advance(time.Millisecond)
	s.alive(s.login().AccessToken)
}

// Where the denylist cannot tell, every answer is 503: neither 200 nor 401.
func TestR14_CannotTell(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	spent := s.login()
	s.rotate(spent.RefreshToken)
	s.list.broken.Store(true)
	asked := s.people.asked.Load()
	for name, got := range map[string]reply{
		"session":    s.ask("GET", "/v1/session", tokens.AccessToken, ""),
		"verify":     s.ask("GET", "/v1/verify", tokens.AccessToken, ""),
		"rotate":     s.ask("POST", "/v1/rotate", tokens.RefreshToken, ""),
		"replay":     s.ask("POST", "/v1/rotate", spent.RefreshToken, ""),
		"logout":     s.ask("POST", "/v1/logout", tokens.AccessToken, ""),
		"logout-all": s.ask("POST", "/v1/logout-all", tokens.AccessToken, ""),
		"login":      s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`"}`),
		"revoke":     s.operate("POST", "/v1/revocations", `{"scope":"session","id":"x"}`),
		"list":       s.operate("GET", "/v1/revocations", ""),
		"get":        s.operate("GET", "/v1/revocations/session/x", ""),
		"reinstate":  s.operate("DELETE", "/v1/revocations/session/x", ""),
		"stats":      s.operate("GET", "/v1/stats", ""),
	} {
		t.Run(name, func(t *testing.T) {
			got.t = t
			got.refused(http.StatusServiceUnavailable, "denylist_unavailable")
		})
	}
	assert.Equal(t, asked, s.people.asked.Load(), "no password is looked at")
	ready := s.ask("GET", "/readyz", "", "")
	assert.Equal(t, http.StatusServiceUnavailable, ready.StatusCode)
	assert.JSONEq(t, `{"status":"not ready","missing":["denylist: it cannot tell"]}`, string(ready.body))
	assert.Equal(t, http.StatusOK, s.ask("GET", "/healthz", "", "").StatusCode)

	s.list.broken.Store(false)
	s.alive(tokens.AccessToken)
	assert.Equal(t, http.StatusOK, s.ask("GET", "/readyz", "", "").StatusCode)
}

// Nobody hears of a replay before its session is dead.
func TestR11_ReplayThatCannotBeWritten(t *testing.T) {
	s := newSite(t, siteOptions{})
	first := s.login()
	s.rotate(first.RefreshToken)
	s.list.brokenRevoke.Store(true)
	s.ask("POST", "/v1/rotate", first.RefreshToken, "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
}
