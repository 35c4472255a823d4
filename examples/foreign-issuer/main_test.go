package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/idptest"
	"github.com/rescindhq/rescind/internal/redistest"
)

// clock is what all but Redis go by.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// shop is the service with both issuers.
type shop struct {
	t               *testing.T
	clock           *clock
	routes          http.Handler
	keycloak, auth0 *idptest.Issuer
}

// open opens the service. The embedded store goes by the test's clock, which
// Redis does not.
func open(t *testing.T, list denylist.Store, clock *clock) *shop {
	t.Helper()
	s := &shop{t: t, clock: clock, keycloak: idptest.Keycloak(t), auth0: idptest.Auth0(t)}
	s.keycloak.At(clock.Now)
	s.auth0.At(clock.Now)
	service, err := newService(list, s.keycloak.Name, s.auth0.Name, clock.Now)
	require.NoError(t, err)
	s.routes = service.routes()
	return s
}

func openEmbedded(t *testing.T) *shop {
	clock := new(clock)
	return open(t, denylist.NewMemory(denylist.MemoryOptions{Now: clock.Now}), clock)
}

func (s *shop) ask(method, path, token string) int {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.routes.ServeHTTP(w, r)
	return w.Code
}

func (s *shop) hello(token string, want int, why string) {
	s.t.Helper()
	assert.Equal(s.t, want, s.ask("GET", "/hello", token), why)
}

func TestTokensOfBothIssuers(t *testing.T) {
	t.Parallel()
	client, err := denylist.OpenURL(redistest.Start(t).URL(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	list, err := denylist.NewRedis(client, denylist.RedisOptions{CheckTimeout: time.Second})
	require.NoError(t, err)
	s := open(t, list, new(clock))

	keycloak, auth0 := s.keycloak.Token(nil), s.auth0.Token(nil)
	s.hello(keycloak, 200, "Keycloak")
	s.hello(auth0, 200, "Auth0")
	s.hello(s.keycloak.Token(map[string]any{"aud": "shop", "typ": "ID"}), 401, "an ID token")
	s.hello(s.keycloak.Token(map[string]any{"iss": s.auth0.Name, "aud": "https://api.shop.example"}), 401, "one issuer's token in the other's name")
	s.hello(s.auth0.Token(map[string]any{"iss": s.auth0.URL}), 401, "the name without its slash")
	s.hello(s.keycloak.Token(map[string]any{"jti": nil}), 401, "no jti: only by policy")

	// By token: Auth0 has no session to end.
	other := s.auth0.Token(map[string]any{"scope": "openid"})
	assert.Equal(t, 204, s.ask("POST", "/logout", auth0))
	s.hello(auth0, 401, "it has logged out")
	s.hello(other, 200, "another token of the same user")

	// By session.
	sibling := s.keycloak.Token(nil)
	elsewhere := s.keycloak.Token(map[string]any{"sid": "another-session"})
	assert.Equal(t, 204, s.ask("POST", "/logout", keycloak))
	s.hello(keycloak, 401, "its session has ended")
	s.hello(sibling, 401, "of the same session")
	s.hello(elsewhere, 200, "of another session")

	// By subject.
	assert.Equal(t, 204, s.ask("POST", "/logout?all=1", elsewhere))
	s.hello(elsewhere, 401, "the user has logged out everywhere")
	s.hello(s.keycloak.Token(map[string]any{"sid": "a-third", "sub": "somebody-else"}), 200, "somebody else")
	s.hello(s.keycloak.Token(map[string]any{"sid": "later", "iat": time.Now().Unix() + 2, "auth_time": time.Now().Unix() + 2}), 200, "a later login")
}

func TestKeysChange(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	old := s.keycloak.Token(nil)
	s.hello(old, 200, "before")

	s.keycloak.RotateKey()
	s.clock.pass(30 * time.Second)
	s.hello(s.keycloak.Token(nil), 200, "a new key is found by its kid")
	s.hello(old, 200, "the old one is still published")

	s.keycloak.WithdrawKeys()
	s.clock.pass(2 * time.Minute)
	s.hello(old, 401, "withdrawn")
	s.hello(s.keycloak.Token(nil), 200, "the other key")
}

func TestIssuerIsDown(t *testing.T) {
	t.Parallel()
	s := openEmbedded(t)
	s.hello(s.auth0.Token(nil), 200, "before")
	s.hello(s.keycloak.Token(nil), 200, "before")

	s.auth0.Down(true)
	s.clock.pass(time.Hour)
	s.hello(s.auth0.Token(nil), 200, "an hour without an answer")
	s.clock.pass(23*time.Hour + time.Second)
	s.hello(s.auth0.Token(nil), 503, "a day and a second: nobody can tell")
	s.hello(s.keycloak.Token(nil), 200, "the other issuer answers")

	s.auth0.Down(false)
	s.clock.pass(30 * time.Second)
	s.hello(s.auth0.Token(nil), 200, "back")
}
