package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/verifier"
)

// loginAs logs alice in with a label.
func (s *site) loginAs(label string) tokensBody {
	s.t.Helper()
	got := s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`","label":`+quoted(label)+`}`)
	require.Equal(s.t, http.StatusCreated, got.StatusCode, "%s", got.body)
	return s.tokensIn(got)
}

func (s *site) listedTo(token string) (body sessionsBody) {
	s.t.Helper()
	got := s.ask("GET", "/v1/sessions", token, "")
	require.Equal(s.t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(s.t, "no-store", got.Header.Get("Cache-Control"))
	var raw struct {
		Sessions []struct {
			ID            string    `json:"sid"`
			Label         string    `json:"label"`
			Current       bool      `json:"current"`
			CreatedAt     time.Time `json:"created_at"`
			RenewedAt     time.Time `json:"renewed_at"`
			ExpiresAt     time.Time `json:"expires_at"`
			IdleExpiresAt time.Time `json:"idle_expires_at"`
		} `json:"sessions"`
	}
	got.into(&raw)
	body.Sessions = []listedSession{}
	for _, l := range raw.Sessions {
		body.Sessions = append(body.Sessions, listedSession{l.ID, l.Label, l.Current,
			instant(l.CreatedAt), instant(l.RenewedAt), instant(l.ExpiresAt), instant(l.IdleExpiresAt)})
	}
	return body
}

func TestSessions_ListAndEnd(t *testing.T) {
	s := newSite(t, siteOptions{listed: true})
	begun := s.clock.Now()
	phone := s.loginAs(`"phone" <b>é`)
	s.clock.Advance(time.Minute)
	laptop := s.loginAs("laptop")
	s.clock.Advance(time.Minute)
	third := s.loginAs("")
	phone2 := s.rotate(phone.RefreshToken)

	list := s.listedTo(laptop.AccessToken).Sessions
	require.Len(t, list, 3)
	assert.Equal(t, []string{"", "laptop", `"phone" <b>é`}, []string{list[0].Label, list[1].Label, list[2].Label})
	assert.Equal(t, listedSession{
		ID: s.sessionOf(phone.AccessToken), Label: `"phone" <b>é`, CreatedAt: instant(begun.UTC()), RenewedAt: instant(begun.Add(2 * time.Minute).UTC()),
		ExpiresAt: instant(begun.Add(30 * 24 * time.Hour).Truncate(time.Second)), IdleExpiresAt: instant(begun.Add(24*time.Hour + 2*time.Minute).Truncate(time.Second)),
	}, list[2])
	assert.True(t, list[1].Current)
	assert.False(t, list[2].Current)

	assert.Equal(t, http.StatusNoContent, s.ask("DELETE", "/v1/sessions/"+s.sessionOf(third.AccessToken), laptop.AccessToken, "").StatusCode)
	s.dead(third.AccessToken)
	s.ask("DELETE", "/v1/sessions/"+s.sessionOf(third.AccessToken), laptop.AccessToken, "").refused(http.StatusNotFound, "not_found")
	assert.Equal(t, http.StatusNoContent, s.ask("POST", "/v1/logout-others", laptop.AccessToken, "").StatusCode)
	s.dead(phone2.AccessToken)
	s.alive(laptop.AccessToken)
	assert.Len(t, s.listedTo(laptop.AccessToken).Sessions, 1)
	assert.Equal(t, http.StatusNoContent, s.ask("DELETE", "/v1/sessions/"+s.sessionOf(laptop.AccessToken), laptop.AccessToken, "").StatusCode, "its own")
	s.dead(laptop.AccessToken)
	assert.NotContains(t, s.logs.String(), "laptop", "a label is nobody else's")
}

// Nothing of it is there by default, and a label is kept nowhere.
func TestSessions_ByOptionOnly(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.loginAs("phone")
	s.ask("GET", "/v1/sessions", tokens.AccessToken, "").refused(http.StatusNotFound, "not_found")
	s.ask("DELETE", "/v1/sessions/"+s.sessionOf(tokens.AccessToken), tokens.AccessToken, "").refused(http.StatusNotFound, "not_found")
	s.ask("POST", "/v1/logout-others", tokens.AccessToken, "").refused(http.StatusNotFound, "not_found")
	list, err := s.list.Sessions(t.Context(), testIssuer, "7d444840-9dc0-11d1-b245-5ffdce74fad2")
	require.NoError(t, err)
	assert.Empty(t, list)
	s.alive(tokens.AccessToken)
}

// Bad input is refused by its code and ends nobody's session.
func TestSessions_BadInput(t *testing.T) {
	s := newSite(t, siteOptions{listed: true})
	alice := s.login()
	bob := s.sign("at+jwt", map[string]any{"sub": "bob", "sid": "bobs", "jti": "bobs token"})
	end := "/v1/sessions/" + s.sessionOf(alice.AccessToken)
	for name, row := range map[string]struct {
		method, path, token string
		status              int
		code                string
	}{
		"somebody else's session": {"DELETE", end, bob, 404, "not_found"},
		"no such session":         {"DELETE", "/v1/sessions/none", alice.AccessToken, 404, "not_found"},
		"no id":                   {"DELETE", "/v1/sessions/", alice.AccessToken, 404, "not_found"},
		"an id of two segments":   {"DELETE", end + "/x", alice.AccessToken, 404, "not_found"},
		"a line break":            {"DELETE", "/v1/sessions/%0d%0aX:y", alice.AccessToken, 404, "not_found"},
		"an endless id":           {"DELETE", "/v1/sessions/" + strings.Repeat("x", 10_000), alice.AccessToken, 404, "not_found"},
		"no token":                {"DELETE", end, "", 401, "token_missing"},
		"a refresh token":         {"DELETE", end, alice.RefreshToken, 401, "token_invalid"},
		"nonsense":                {"GET", "/v1/sessions", "nonsense", 401, "token_malformed"},
		"nobody's token":          {"GET", "/v1/sessions", s.sign("at+jwt", map[string]any{"sub": nil}), 401, "token_invalid"},
		"no token, others":        {"POST", "/v1/logout-others", "", 401, "token_missing"},
		"a refresh token, others": {"POST", "/v1/logout-others", alice.RefreshToken, 401, "token_invalid"},
		"another method":          {"POST", "/v1/sessions", alice.AccessToken, 405, "invalid_request"},
		"another method, one":     {"GET", end, alice.AccessToken, 405, "invalid_request"},
	} {
		s.ask(row.method, row.path, row.token, "").refused(row.status, row.code)
		assert.Len(t, s.listedTo(alice.AccessToken).Sessions, 1, name)
	}
	s.ask("POST", "/v1/logout-others", bob, "").refused(http.StatusConflict, "not_listed")
	s.alive(alice.AccessToken)

	before := s.list.calls.Load()
	for _, label := range []string{strings.Repeat("x", 65), "a\nb", "a\u0000b", "\u202eevil", "\u2028"} {
		s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`","label":`+quoted(label)+`}`).
			refused(http.StatusBadRequest, "invalid_request")
	}
	s.ask("POST", "/v1/login", "", `{"username":"alice","password":"x","label":7}`).refused(http.StatusBadRequest, "invalid_request")
	assert.Equal(t, before, s.list.calls.Load(), "nothing was asked")
}

// A subject of another issuer is not ours, whatever its id.
func TestSessions_OtherIssuer(t *testing.T) {
	other := newSite(t, siteOptions{})
	issuer := other.sessions.Issuer()
	issuer.Name = "https://other.example"
	s := newSite(t, siteOptions{
		listed: true, issuers: []verifier.Issuer{issuer},
		server: Options{ForwardAuthIssuers: []string{"https://other.example"}},
	})
	alice := s.login()
	claims, err := s.sessions.Recognize(t.Context(), alice.AccessToken)
	require.NoError(t, err)
	foreign := other.sign("at+jwt", map[string]any{"iss": "https://other.example", "sub": claims.Subject(), "sid": nil})
	s.alive(foreign)
	s.ask("GET", "/v1/sessions", foreign, "").refused(http.StatusUnauthorized, "token_invalid")
	s.ask("POST", "/v1/logout-others", foreign, "").refused(http.StatusUnauthorized, "token_invalid")
	s.alive(alice.AccessToken)
}

func TestR14_SessionsThatCannotBeTold(t *testing.T) {
	s := newSite(t, siteOptions{listed: true})
	tokens := s.login()
	other := s.login()
	s.list.brokenRevoke.Store(true)
	s.ask("POST", "/v1/logout-others", tokens.AccessToken, "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
	s.ask("DELETE", "/v1/sessions/"+s.sessionOf(other.AccessToken), tokens.AccessToken, "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
	s.list.brokenRevoke.Store(false)
	s.alive(other.AccessToken)
	s.list.broken.Store(true)
	s.ask("GET", "/v1/sessions", tokens.AccessToken, "").refused(http.StatusServiceUnavailable, "denylist_unavailable")
}

func TestSessions_ForOperators(t *testing.T) {
	s := newSite(t, siteOptions{listed: true})
	tokens := s.loginAs("phone")
	got := s.operate("GET", "/v1/sessions?sub=7d444840-9dc0-11d1-b245-5ffdce74fad2", "")
	require.Equal(t, http.StatusOK, got.StatusCode)
	assert.Contains(t, string(got.body), `"sid":"`+s.sessionOf(tokens.AccessToken)+`","label":"phone","current":false`)
	got = s.operate("GET", "/v1/sessions?sub=nobody", "")
	assert.JSONEq(t, `{"sessions":[]}`, string(got.body))
	for _, query := range []string{"", "?sub=", "?sub=a&sub=b", "?sub=a&iss=b", "?sub=%ff", "?sub=" + strings.Repeat("x", 257)} {
		s.operate("GET", "/v1/sessions"+query, "").refused(http.StatusBadRequest, "invalid_request")
	}
	r := httptest.NewRequest("GET", "/v1/sessions?sub=nobody", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	s.send(s.AdminHandler(), r).refused(http.StatusUnauthorized, "token_invalid")
	s.list.broken.Store(true)
	s.operate("GET", "/v1/sessions?sub=nobody", "").refused(http.StatusServiceUnavailable, "denylist_unavailable")

	without := newSite(t, siteOptions{})
	without.operate("GET", "/v1/sessions?sub=nobody", "").refused(http.StatusNotFound, "not_found")
}
