package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// No body makes the admin API do anything but write an entry or refuse.
func FuzzRevocationBody(f *testing.F) {
	for _, body := range []string{
		`{"scope":"session","id":"x","reason":"r","barrier":true}`,
		`{"scope":"subject","id":"x","issuer":"y","cutoff":"2030-01-02T03:00:00.000Z","expires_at":"2031-01-01T00:00:00Z"}`,
		`{"scope":"issuer"}`, `{"token":"a.b.c"}`, `{"expires_at":"9999-12-31T23:59:59.999Z","scope":"token","id":"x"}`, `[]`, ``,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newSite(t, siteOptions{})
		got := s.operate("POST", "/v1/revocations", body)
		if got.StatusCode != http.StatusCreated {
			assert.Equal(t, http.StatusBadRequest, got.StatusCode, "%s", got.body)
		}
	})
}

// No request of a proxy is answered with what a proxy must not be given.
func FuzzForwardAuth(f *testing.F) {
	f.Add("GET", "/v1/verify", "scope=read", "Bearer x")
	f.Add("BREW", "/v1/verify/../%2e%2e//x", "scope=%zz", "")
	f.Fuzz(func(t *testing.T, method, path, query, authorization string) {
		s := newSite(t, siteOptions{})
		tokens := s.login()
		if authorization == "" {
			authorization = "Bearer " + tokens.AccessToken
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, &http.Request{
			Method: method, URL: &url.URL{Path: "/v1/verify" + strings.TrimPrefix(path, "/v1/verify"), RawQuery: query},
			Header: http.Header{"Authorization": {authorization}},
		})
		if strings.HasPrefix(path, "/v1/verify/") || path == "/v1/verify" {
			assert.Contains(t, []int{200, 401, 403, 503}, w.Code)
		}
	})
}
