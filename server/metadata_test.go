package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the metadata names is there, and what is not there it does not name.
func TestMetadata(t *testing.T) {
	with, without := newOAuthSite(t, siteOptions{}), newSite(t, siteOptions{})
	for name, s := range map[string]*site{"clients": with.site, "no clients": without} {
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
			got := s.ask("GET", path, "", "")
			require.Equal(t, http.StatusOK, got.StatusCode)
			assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
			var m map[string]any
			got.into(&m)
			assert.Equal(t, testIssuer, m["issuer"], "byte for byte the tokens' iss")
			assert.NotContains(t, m, "authorization_endpoint")
			assert.Equal(t, []any{}, m["response_types_supported"])
			for _, member := range []string{"token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"} {
				address, ok := m[member].(string)
				if !ok {
					assert.Equal(t, "no clients introspection_endpoint", name+" "+member)
					continue
				}
				u, err := url.Parse(address)
				require.NoError(t, err)
				assert.Equal(t, testIssuer, u.Scheme+"://"+u.Host)
				assert.NotEqual(t, http.StatusNotFound, s.ask("GET", u.Path, "", "").StatusCode, address)
			}
		}
	}
	var m metadataBody
	with.ask("GET", "/.well-known/oauth-authorization-server", "", "").into(&m)
	assert.Equal(t, []string{"refresh_token", "client_credentials"}, m.GrantTypes)
	assert.Equal(t, []string{"client_secret_basic", "client_secret_post", "none"}, m.TokenAuthMethods)
	assert.Equal(t, []string{"client_secret_basic", "client_secret_post"}, m.IntrospectionAuthMethods)
	without.ask("GET", "/.well-known/oauth-authorization-server", "", "").into(&m)
	assert.Equal(t, []string{"refresh_token"}, m.GrantTypes)
	assert.Equal(t, []string{"none"}, m.TokenAuthMethods)
}

func TestMetadata_OfOtherIssuers(t *testing.T) {
	t.Parallel()
	for issuer, token := range map[string]string{
		"https://id.example":        "https://id.example/oauth/token",
		"https://id.example/":       "https://id.example/oauth/token",
		"https://id.example/tenant": "https://id.example/tenant/oauth/token",
		"http://127.0.0.1:8080":     "http://127.0.0.1:8080/oauth/token",
	} {
		text, err := newMetadata(issuer, true)
		require.NoError(t, err)
		var m metadataBody
		require.NoError(t, json.Unmarshal(text, &m))
		assert.Equal(t, issuer, m.Issuer)
		assert.Equal(t, token, m.TokenEndpoint)
	}
	for _, issuer := range []string{"us", "urn:example:issuer", "https://id.example?x=y", "https://id.example#x", "https://", "://"} {
		text, err := newMetadata(issuer, true)
		assert.NoError(t, err)
		assert.Nil(t, text, "%q: there is no such route", issuer)
	}
}
