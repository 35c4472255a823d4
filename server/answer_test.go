package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// One record a request, which says what happened and not to whom. That no log
// holds a secret is asserted at the end of every test with a site.
func TestR19_OneLogRecordARequest(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	session := s.sessionOf(tokens.AccessToken)
	s.secret(session, idOf(t, s, tokens.AccessToken), "7d444840-9dc0-11d1-b245-5ffdce74fad2", "alice", "a-private-query", "a-private-path")
	for _, ask := range []func() reply{
		func() reply { return s.ask("GET", "/v1/session", tokens.AccessToken, "") },
		func() reply { return s.ask("GET", "/v1/verify/a-private-path?a-private-query", tokens.AccessToken, "") },
		func() reply { return s.ask("GET", "/a-private-path/"+tokens.AccessToken+"?a-private-query", "", "") },
		func() reply {
			return s.ask("POST", "/v1/login", "", `{"username":"alice","password":"a wrong password"}`)
		},
		func() reply {
			return s.ask("SEARCH-"+session, "/v1/session?"+tokens.AccessToken, tokens.AccessToken, "")
		},
		func() reply { return s.ask("POST", "/v1/rotate", tokens.AccessToken, "") },
		func() reply { return s.operate("POST", "/v1/revocations", `{"token":"`+tokens.RefreshToken+`"}`) },
		func() reply { return s.operate("POST", "/v1/revocations", `{"token":"`+tokens.RefreshToken+`x"}`) },
		func() reply { return s.operate("DELETE", "/v1/revocations/session/"+session, "") },
	} {
		before := len(s.logs.records(t))
		got := ask()
		records := s.logs.records(t)
		require.Len(t, records, before+1)
		assert.Equal(t, got.Header.Get("X-Request-Id"), records[before]["request_id"])
		assert.InDelta(t, got.StatusCode, records[before]["status"], 0)
		assert.Contains(t, records[before], "duration_ms")
	}
	records := s.logs.records(t)
	for i, want := range map[int]map[string]any{
		0: {"method": "POST", "route": "/v1/login"},
		3: {"method": "GET", "route": "unknown", "code": "not_found"},
		4: {"method": "POST", "route": "/v1/login", "code": "invalid_credentials"},
		5: {"method": "other", "route": "/v1/session", "code": "invalid_request"},
		6: {"method": "POST", "route": "/v1/rotate", "code": "token_invalid"},
		7: {"change": "revoke", "scope": "session", "outcome": "recorded"},
		9: {"change": "reinstate", "scope": "session"},
	} {
		for key, value := range want {
			assert.Equal(t, value, records[i][key], "record %d, %s", i, key)
		}
	}
	assert.Len(t, records[9]["entry"], 22, "a digest")
	assert.Equal(t, records[7]["entry"], records[9]["entry"])

	s.list.broken.Store(true)
	got := s.ask("GET", "/v1/session", tokens.AccessToken, "")
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	last := s.logs.records(t)[10]
	assert.Equal(t, "WARN", last["level"])
	assert.NotEmpty(t, last["cause"], "why it could not tell")
}

// Most routes of an operator are about no token, and must not speak of one.
func TestRefusalsOfADenylistThatCannotTell(t *testing.T) {
	t.Parallel()
	for _, err := range []error{denylist.ErrUnavailable, denylist.ErrUnknown} {
		refusal := refusalOf(err)
		assert.Equal(t, http.StatusServiceUnavailable, refusal.Status)
		assert.Equal(t, codeCannotTell, refusal.Code)
		assert.NotContains(t, refusal.Description, "token")
	}
}

// A client that hangs up is no sign that the denylist is out of reach. It is
// refused all the same.
func TestClientGone(t *testing.T) {
	s := newSite(t, siteOptions{})
	token := s.login().AccessToken
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("GET", "/v1/verify", nil).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+token)
	s.send(s.Handler(), r).refused(http.StatusServiceUnavailable, "denylist_unavailable")
	last := s.logs.records(t)[1]
	assert.Equal(t, "INFO", last["level"])
	assert.Equal(t, "client_gone", last["code"])
	got := s.send(s.AdminHandler(), httptest.NewRequest("GET", "/metrics", nil))
	assert.Contains(t, string(got.body), "rescind_denylist_cannot_tell_total 0\n")
}
