package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestSessionLastsWhileItIsUsed(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	now := func() time.Time { return clock }
	routes, err := newService(denylist.NewMemory(denylist.MemoryOptions{Now: now}), now)
	require.NoError(t, err)
	ask := func(method, path, token, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		return w
	}
	hello := func(token string) (status int, renewed string) {
		w := ask(http.MethodGet, "/hello", token, "")
		return w.Code, w.Header().Get("X-Renewed-Token")
	}

	token := strings.TrimSpace(ask(http.MethodPost, "/login", "", "subject=alice").Body.String())
	renewals := 0
	for range 33 { // a request every 20 minutes, for 11 hours
		clock = clock.Add(20 * time.Minute)
		status, lost := hello(token)
		require.Equal(t, http.StatusOK, status)
		status, renewed := hello(token)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, lost == "", renewed == "", "a lost response is sent again")
		if renewed != "" {
			token = renewed
			renewals++
		}
	}
	assert.Equal(t, 33, renewals)
	clock = clock.Add(31 * time.Minute)
	status, _ := hello(token)
	assert.Equal(t, http.StatusUnauthorized, status, "idle for too long")
}
