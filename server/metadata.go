package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// metadataBody is what clients find the endpoints by (RFC 8414, section 2):
// what works here, and nothing else. There is no authorization endpoint and no
// response type, but that list is required.
type metadataBody struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint,omitempty"`
	KeysURI                  string   `json:"jwks_uri"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
}

// newMetadata is nil where the issuer is no URL that endpoints could be below.
func newMetadata(issuer string, withClients bool) ([]byte, error) {
	base, err := url.Parse(issuer)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, nil
	}
	at := func(route string) string { return strings.TrimSuffix(issuer, "/") + route }
	body := metadataBody{
		Issuer:                issuer, // byte for byte the tokens' iss
		TokenEndpoint:         at(routeToken),
		RevocationEndpoint:    at(routeRevoke),
		KeysURI:               at(routeKeys),
		GrantTypes:            []string{grantRefresh},
		ResponseTypes:         []string{},
		TokenAuthMethods:      []string{"none"},
		RevocationAuthMethods: []string{"none"},
	}
	if withClients {
		secret := []string{"client_secret_basic", "client_secret_post"}
		body.IntrospectionEndpoint, body.IntrospectionAuthMethods = at(routeIntrospect), secret
		body.GrantTypes = append(body.GrantTypes, grantClient)
		body.TokenAuthMethods = append(secret[:2:2], "none")
		body.RevocationAuthMethods = body.TokenAuthMethods
	}
	return json.Marshal(body)
}

// metadata answers RFC 8414, and the address that OpenID Connect has for it.
func (s *Server) metadata(a *answer, _ *http.Request) error {
	a.Header().Set("Cache-Control", jwksMaxAge)
	a.body(http.StatusOK, "application/json", append(s.metadataJSON[:len(s.metadataJSON):len(s.metadataJSON)], '\n'))
	return nil
}
