package interop

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// TestOIDC is coreos/go-oidc as an API uses it for access tokens: their
// audience in place of a client's id, and the algorithms named, because the
// metadata promises no ID tokens and so lists none.
func TestOIDC(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseOptions{})
	provider, err := oidc.NewProvider(t.Context(), h.Issuer)
	require.NoError(t, err)
	assert.Equal(t, h.URL+"/oauth/token", provider.Endpoint().TokenURL)
	var said struct {
		Introspection string `json:"introspection_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
	}
	require.NoError(t, provider.Claims(&said))
	assert.Equal(t, h.URL+"/oauth/introspect", said.Introspection)
	assert.Equal(t, h.URL+"/oauth/revoke", said.Revocation)
	_, err = oidc.NewProvider(t.Context(), strings.Replace(h.Issuer, "127.0.0.1", "localhost", 1))
	var mismatch *oidc.IssuerMismatchError
	assert.ErrorAs(t, err, &mismatch, "the issuer is byte for byte")

	config := oidc.Config{ClientID: "rescind", SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256}}
	api := provider.VerifierContext(t.Context(), &config)
	first := h.Login(h.Alice)
	token, err := api.Verify(t.Context(), first.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, h.Alice.Subject, token.Subject)
	assert.Equal(t, []string{"rescind"}, token.Audience)
	var claims struct {
		Scope   string `json:"scope"`
		Session string `json:"sid"`
	}
	require.NoError(t, token.Claims(&claims))
	assert.Equal(t, "read write", claims.Scope)
	assert.NotEmpty(t, claims.Session)

	t.Run("refused", func(t *testing.T) {
		_, err := api.Verify(t.Context(), first.RefreshToken)
		assert.ErrorContains(t, err, "audience", "a refresh token is for the issuer itself")
		lax := provider.VerifierContext(t.Context(), &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: config.SupportedSigningAlgs})
		_, err = lax.Verify(t.Context(), first.RefreshToken)
		assert.NoError(t, err, "the library looks at no type: docs/http.md warns of it")
		unlisted := provider.VerifierContext(t.Context(), &oidc.Config{ClientID: config.ClientID})
		_, err = unlisted.Verify(t.Context(), first.AccessToken)
		assert.ErrorContains(t, err, "RS256", "which it takes where the metadata lists none")
		others := newHouse(t, houseOptions{Args: []string{"--issuer", h.Issuer}})
		_, err = api.Verify(t.Context(), others.Login(others.Alice).AccessToken)
		assert.ErrorContains(t, err, "failed to verify", "signed with another key, of the same issuer")
		_, err = api.Verify(t.Context(), widened(t, first.AccessToken))
		assert.ErrorContains(t, err, "failed to verify")
	})

	h.rescind("", "keys", "new", "--keys", "keys", "--alg", "RS256")
	h.rescind("", "keys", "rotate", "--keys", "keys")
	rotated := h.loginWithAnotherKey(t, first.AccessToken)
	_, err = api.Verify(t.Context(), rotated.AccessToken)
	assert.NoError(t, err, "it asks for the key that it does not know")
	_, err = api.Verify(t.Context(), first.AccessToken)
	assert.NoError(t, err, "the key before still verifies")

	// Offline it stays good; who wants to know asks.
	h.Revoke(rotated.AccessToken)
	_, err = api.Verify(t.Context(), rotated.AccessToken)
	assert.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, h.verify(t, h.http, rotated.AccessToken))
}

// loginWithAnotherKey logs in until another key signs than that of the token:
// a server sees a change of its keys within seconds.
func (h *house) loginWithAnotherKey(t *testing.T, token string) (got tokens) {
	t.Helper()
	before, _, _ := strings.Cut(token, ".")
	require.NoError(t, redistest.Poll(t.Context(), func() error {
		got = h.Login(h.Alice)
		if strings.HasPrefix(got.AccessToken, before+".") {
			return errors.New("the same key")
		}
		return nil
	}))
	return got
}

// widened is a token with another scope and the signature that it had.
func widened(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	claims := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(body, &claims))
	claims["scope"] = json.RawMessage(`"admin"`)
	body, err = json.Marshal(claims)
	require.NoError(t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString(body)
	return strings.Join(parts, ".")
}
