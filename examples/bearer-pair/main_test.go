package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestSession(t *testing.T) {
	t.Parallel()
	s, err := newService(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	routes := s.routes()
	post := func(path string, form url.Values) (pair struct{ Access, Refresh string }, status int) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		_ = json.Unmarshal(w.Body.Bytes(), &pair)
		return pair, w.Code
	}
	hello := func(access string) int {
		r := httptest.NewRequest(http.MethodGet, "/hello", nil)
		r.Header.Set("Authorization", "Bearer "+access)
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		return w.Code
	}
	token := func(raw string) url.Values { return url.Values{"token": {raw}} }

	first, status := post("/login", url.Values{"subject": {"alice"}})
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, http.StatusOK, hello(first.Access))
	assert.Equal(t, http.StatusUnauthorized, hello(first.Refresh), "a refresh token is no access token")

	_, status = post("/refresh", token(first.Refresh)) // the answer is lost
	require.Equal(t, http.StatusOK, status)
	second, status := post("/refresh", token(first.Refresh))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, http.StatusOK, hello(second.Access))
	assert.Equal(t, http.StatusOK, hello(first.Access), "a request that is under way")

	_, status = post("/login", url.Values{})
	assert.Equal(t, http.StatusBadRequest, status, "nobody to log in")
	_, status = post("/refresh", token(second.Access))
	assert.Equal(t, http.StatusUnauthorized, status, "an access token is no refresh token")

	third, _ := post("/refresh", token(second.Refresh))
	_, status = post("/refresh", token(first.Refresh)) // a thief's
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Equal(t, http.StatusUnauthorized, hello(third.Access), "the session has ended")

	again, _ := post("/login", url.Values{"subject": {"alice"}})
	_, status = post("/logout", token(again.Refresh))
	assert.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, http.StatusUnauthorized, hello(again.Access))
}
