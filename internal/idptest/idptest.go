// Package idptest runs identity providers for tests. They look like those that
// people have, and sign with go-jose, which verifies nothing here.
package idptest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Issuer is an identity provider on a loopback address. It is safe for
// concurrent use.
type Issuer struct {
	URL  string // of the server
	Name string // iss

	t        testing.TB
	keysPath string
	control  string         // Cache-Control of its keys
	claims   map[string]any // of every token

	mu       sync.Mutex
	keys     []int // in keyring: all that are published; the last signs
	now      func() time.Time
	down     bool
	requests int
}

// keyring is made once: RSA keys take their time. Every issuer has kids of its own.
var keyring = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// Keycloak is a realm of one: access tokens for the audience "account", with
// sid, auth_time, jti and a claim typ, and a key set that has a key for
// encryption too.
func Keycloak(t testing.TB) *Issuer {
	i := start(t, "/realms/shop")
	i.keysPath = "/realms/shop/protocol/openid-connect/certs"
	i.control = "no-cache"
	i.claims = map[string]any{
		"aud": "account", "typ": "Bearer", "azp": "shop", "acr": "1",
		"sub": "9b2f3c1e-0a57-4f6c-8f0b-6c1f8a1f2d11", "sid": "5a0c3e0d-2f0b-4c1d-9a54-3b7d0d7b8a10",
		"allowed-origins": []string{"https://shop.example"},
		"realm_access":    map[string]any{"roles": []string{"offline_access", "customer"}},
		"resource_access": map[string]any{"account": map[string]any{"roles": []string{"view-profile"}}},
		"scope":           "openid profile email", "email_verified": true, "preferred_username": "alice",
	}
	return i
}

// Auth0 is a tenant of one: its name ends with a slash; access tokens for an
// API and the userinfo endpoint, without sid and jti.
func Auth0(t testing.TB) *Issuer {
	i := start(t, "/")
	i.keysPath = "/.well-known/jwks.json"
	i.control = "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400"
	i.claims = map[string]any{
		"aud": []string{"https://api.shop.example", i.URL + "/userinfo"}, "azp": "Zt0fH2vKcQ7",
		"sub": "auth0|65f1c0ffee", "scope": "openid profile read:orders",
	}
	return i
}

func start(t testing.TB, path string) *Issuer {
	i := &Issuer{t: t, now: time.Now, keys: []int{0}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL, i.Name = server.URL, server.URL+path
	return i
}

// At makes the issuer's clock the test's.
func (i *Issuer) At(now func() time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = now
}

// Down makes it answer nothing but errors, or serve again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// RotateKey publishes another key and signs with it. At most twice.
func (i *Issuer) RotateKey() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, i.keys[len(i.keys)-1]+1)
}

// WithdrawKeys takes back all keys but the one that signs.
func (i *Issuer) WithdrawKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// Requests is how many it has had.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

// Token is an access token of five minutes, with the claims that are given; nil
// leaves one out.
func (i *Issuer) Token(change map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	at := i.keys[len(i.keys)-1]
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: keyring()[at], KeyID: i.kid(at)}},
		(&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(i.t, err)
	now := i.now()
	claims := map[string]any{"iss": i.Name, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	if i.claims["sid"] != nil {
		claims["jti"], claims["auth_time"] = "onrtac:"+uuid.NewString(), now.Add(-time.Minute).Unix()
	}
	maps.Copy(claims, i.claims)
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(i.t, err)
	return raw
}

// kid is a key's name: that of its issuer's alone.
func (i *Issuer) kid(at int) string {
	return strings.NewReplacer(":", "", "/", "", ".", "").Replace(i.URL) + "-" + strconv.Itoa(at)
}

// ServeHTTP serves the document and the keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	var body any
	switch document := strings.TrimSuffix(strings.TrimPrefix(i.Name, i.URL), "/") + "/.well-known/openid-configuration"; {
	case i.down:
		http.Error(w, "upstream connect error", http.StatusServiceUnavailable)
		return
	case r.URL.Path == document:
		body = map[string]any{
			"issuer": i.Name, "jwks_uri": i.URL + i.keysPath, "token_endpoint": i.URL + "/token",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256"},
		}
	case r.URL.Path == i.keysPath:
		w.Header().Set("Cache-Control", i.control)
		body = i.published()
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}

// published is the key set. The key for encryption is there for being left out.
func (i *Issuer) published() jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	add := func(at int, kid, alg, use string) {
		var public crypto.PublicKey = keyring()[at].Public()
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: alg, Use: use})
	}
	for _, at := range slices.Backward(i.keys) {
		add(at, i.kid(at), "RS256", "sig")
	}
	if i.claims["sid"] != nil {
		add(0, i.kid(0)+"-enc", "RSA-OAEP", "enc")
	}
	return set
}
