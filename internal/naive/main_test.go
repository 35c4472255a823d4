package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// A rival that answers wrongly would be no rival.
func TestItAnswersRight(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	options, err := redis.ParseURL(server.URL())
	require.NoError(t, err)
	s := &service{keys: map[string]any{}, client: redis.NewClient(options)}
	t.Cleanup(func() { _ = s.client.Close() })
	var tokens []string
	for _, alg := range []verifier.Algorithm{verifier.HS256, verifier.ES256} {
		dir := filepath.Join(t.TempDir(), "keys")
		tokens = append(tokens, issue(t, dir, alg))
		require.NoError(t, s.read(filepath.Join(dir, "keys.json")))
	}
	ask := func(token string) int {
		r := httptest.NewRequest("GET", "/verify", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, r)
		return w.Code
	}
	for _, token := range tokens {
		assert.Equal(t, http.StatusOK, ask(token))
		assert.Equal(t, http.StatusUnauthorized, ask(token[:len(token)-4]+"AAAA"))
		id := idOf(t, token)
		require.NoError(t, server.Client().Set(t.Context(), "revoked:"+id, 1, 0).Err())
		assert.Equal(t, http.StatusUnauthorized, ask(token), "revoked")
		require.NoError(t, server.Client().Del(t.Context(), "revoked:"+id).Err())
	}
	assert.Equal(t, http.StatusUnauthorized, ask(""))
	server.Kill()
	assert.Equal(t, http.StatusServiceUnavailable, ask(tokens[0]))
}

func issue(t *testing.T, dir string, alg verifier.Algorithm) string {
	t.Helper()
	ring, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = ring.Generate(alg)
	require.NoError(t, err)
	sessions, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{
		Issuer: "https://id.test", Audience: []string{"api"},
	})
	require.NoError(t, err)
	made, err := sessions.Login(t.Context(), rotation.Login{At: time.Now(), Subject: "alice"})
	require.NoError(t, err)
	return made.Access
}

// idOf reads a token that is believed.
func idOf(t *testing.T, token string) string {
	t.Helper()
	var c claims
	_, _, err := jwt.NewParser().ParseUnverified(token, &c)
	require.NoError(t, err)
	return c.ID
}

func TestWhatItIsNotTold(t *testing.T) {
	t.Parallel()
	assert.Error(t, serve(nil))
	assert.Error(t, serve([]string{"127.0.0.1:0", "http://redis", "."}))
	assert.Error(t, serve([]string{"127.0.0.1:0", "redis://127.0.0.1:1", t.TempDir()}))
}
