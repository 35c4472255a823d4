package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestTokenNeedsItsCookie(t *testing.T) {
	t.Parallel()
	s, err := newService(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	login := func() (token string, cookie *http.Cookie) {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("subject=alice"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, r)
		return strings.TrimSpace(w.Body.String()), w.Result().Cookies()[0]
	}
	hello := func(token string, cookies ...*http.Cookie) int {
		r := httptest.NewRequest(http.MethodGet, "/hello", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, r)
		return w.Code
	}

	token, cookie := login()
	_, another := login()
	assert.Equal(t, http.StatusOK, hello(token, cookie))
	assert.Equal(t, http.StatusUnauthorized, hello(token))
	assert.Equal(t, http.StatusUnauthorized, hello(token, another))
	assert.Equal(t, http.StatusUnauthorized, hello(token, another, cookie))
	assert.Equal(t, http.StatusOK, hello(token, cookie), "none of it did any harm")

	_, err = s.api.Verify(t.Context(), token)
	assert.NoError(t, err, "elsewhere nobody asks for a cookie")
}
