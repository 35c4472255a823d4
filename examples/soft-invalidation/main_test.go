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

func TestChangedRole(t *testing.T) {
	t.Parallel()
	s, err := newService(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	send := func(h http.Handler, method, path, token, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	role := func(token, want string) (renewed string) {
		t.Helper()
		w := send(s.public(), http.MethodGet, "/role", token, "")
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, want, strings.TrimSpace(w.Body.String()))
		return w.Header().Get("X-Renewed-Token")
	}
	login := func(subject string) string {
		return strings.TrimSpace(send(s.public(), http.MethodPost, "/login", "", "subject="+subject).Body.String())
	}
	alice, bob := login("alice"), login("bob")
	assert.Empty(t, role(alice, "reader"))

	require.Equal(t, http.StatusNoContent, send(s.admin(), http.MethodPost, "/role", "", "subject=alice&role=editor").Code)
	_ = role(alice, "reader") // the answer with the renewed token is lost
	renewed := role(alice, "reader")
	require.NotEmpty(t, renewed)
	assert.Empty(t, role(renewed, "editor"), "once for each mark")
	assert.Empty(t, role(bob, "reader"), "nobody else")

	// A hard revocation wins.
	require.NoError(t, s.setRole(t.Context(), "alice", "reader"))
	require.NoError(t, s.sessions.LogoutAll(t.Context(), renewed))
	assert.Equal(t, http.StatusUnauthorized, send(s.public(), http.MethodGet, "/role", renewed, "").Code)
}
