package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// mint is how the tokens of this service come about elsewhere.
func (s *service) mint(t *testing.T, jti string) string {
	t.Helper()
	now := time.Now()
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "alice", ID: jti,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
	}}).SignedString(s.key)
	require.NoError(t, err)
	return raw
}

func TestLogoutEndsTheToken(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, err := denylist.OpenURL(server.URL(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	list, err := denylist.NewRedis(client, denylist.RedisOptions{CheckTimeout: time.Second})
	require.NoError(t, err)
	s := &service{key: []byte("a key of at least thirty-two bytes"), denylist: list}
	routes := s.routes()
	ask := func(method, path, token string) int {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		return w.Code
	}

	one, two := s.mint(t, "one"), s.mint(t, "two")
	assert.Equal(t, http.StatusOK, ask("GET", "/hello", one), "before the logout")
	assert.Equal(t, http.StatusNoContent, ask("POST", "/logout", one))
	assert.Equal(t, http.StatusUnauthorized, ask("GET", "/hello", one), "after the logout")
	assert.Equal(t, http.StatusOK, ask("GET", "/hello", two), "another token")

	assert.Equal(t, http.StatusUnauthorized, ask("GET", "/hello", ""), "no token")
	assert.Equal(t, http.StatusUnauthorized, ask("GET", "/hello", two+"x"), "a forged token")
	assert.Equal(t, http.StatusUnauthorized, ask("GET", "/hello", s.mint(t, "")), "a token without jti")

	server.Kill()
	assert.Equal(t, http.StatusServiceUnavailable, ask("GET", "/hello", two), "without Redis nobody can tell")
}
