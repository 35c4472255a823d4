package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page = "https://app.example"

// corsHeaders are those of an answer that let a page in.
func corsHeaders(h http.Header) (names []string) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestCORS(t *testing.T) {
	s := newSite(t, siteOptions{server: Options{CORSOrigins: []string{page, "http://localhost:3000"}}})
	token := s.login().AccessToken
	ask := func(method, path string, changes ...change) reply {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		for _, change := range changes {
			change(r)
		}
		return s.send(s.Handler(), r)
	}
	got := ask("GET", "/v1/session", header("Origin", page))
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Equal(t, page, got.Header.Get("Access-Control-Allow-Origin"))
	assert.Empty(t, got.Header.Values("Access-Control-Allow-Credentials"))
	assert.Contains(t, got.Header.Values("Vary"), "Origin")
	for _, exposed := range []string{"X-Request-Id", "Retry-After"} {
		assert.Contains(t, strings.ToLower(got.Header.Get("Access-Control-Expose-Headers")), strings.ToLower(exposed))
	}
	// A page learns why it is refused.
	got = s.post("/oauth/token", "grant_type=magic", header("Origin", page))
	got.refused(http.StatusBadRequest, "unsupported_grant_type")
	assert.Equal(t, page, got.Header.Get("Access-Control-Allow-Origin"))

	preflight := func(origin, headers string) reply {
		return ask("OPTIONS", "/v1/rotate", header("Origin", origin), header("Access-Control-Request-Method", "POST"),
			header("Access-Control-Request-Headers", headers))
	}
	before := s.list.calls.Load()
	got = preflight(page, "authorization,content-type,idempotency-key")
	assert.Equal(t, http.StatusNoContent, got.StatusCode)
	assert.Equal(t, page, got.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "POST", got.Header.Get("Access-Control-Allow-Methods"))
	assert.NotEmpty(t, got.Header.Get("Access-Control-Max-Age"))
	assert.Equal(t, before, s.list.calls.Load())
	assert.Empty(t, corsHeaders(preflight(page, "x-api-key").Header))

	for _, origin := range []string{
		"https://evil.example", "null", "https://app.example.evil.example", "https://app.example:8443", "http://app.example",
		"https://app.example/", "https://sub.app.example", "https://xapp.example", "", "*",
	} {
		got := ask("GET", "/v1/session", header("Origin", origin))
		assert.Equal(t, http.StatusOK, got.StatusCode, origin)
		assert.Empty(t, corsHeaders(got.Header), origin)
		assert.Empty(t, corsHeaders(preflight(origin, "authorization").Header), origin)
	}
	// Proxies are no pages.
	assert.Empty(t, corsHeaders(ask("GET", "/v1/verify", header("Origin", page)).Header))
	assert.Equal(t, 200, ask("OPTIONS", "/v1/verify", header("Origin", page), header("Access-Control-Request-Method", "GET")).StatusCode)
	last := s.logs.records(t)
	assert.Equal(t, "preflight", last[4]["route"])
}

func TestCORS_IsOff(t *testing.T) {
	s := newSite(t, siteOptions{})
	got := s.post("/v1/rotate", "", header("Origin", page))
	assert.Empty(t, corsHeaders(got.Header))
	r := httptest.NewRequest("OPTIONS", "/v1/rotate", nil)
	r.Header.Set("Origin", page)
	r.Header.Set("Access-Control-Request-Method", "POST")
	got = s.send(s.Handler(), r)
	got.refused(http.StatusMethodNotAllowed, "invalid_request")
	assert.Empty(t, corsHeaders(got.Header))
}

func TestCORS_OriginsThatAreNone(t *testing.T) {
	s := newSite(t, siteOptions{})
	for _, origin := range []string{
		"*", "https://*.example", "null", "", "app.example", "https://app.example/", "https://app.example/path", "HTTPS://app.example",
		"https://APP.example", "https://user@app.example", "https://app.example?x", "file:///x", "ftp://app.example", "https://",
	} {
		opts := s.opts
		opts.CORSOrigins = []string{page, origin}
		_, err := New(s.sessions, s.callers, s.list, opts)
		assert.Error(t, err, "%q", origin)
	}
	opts := s.opts
	opts.ForwardAuthAPIKeys = true
	_, err := New(s.sessions, s.callers, s.list, opts)
	require.Error(t, err, "API keys of nobody")
}
