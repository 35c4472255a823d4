package interop

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Traefik and Envoy are not in the packages of the machines that test this.
// What they are configured to ask is sent here as they document that they send
// it, and what they are configured to do with the answer is done.

// hostile are targets of clients that would choose scopes, or a path.
var hostile = []string{"/", "/a%2Fb", "//a//b", "/../login", "/a?scope=admin", "/?scope=", "/a?b=%zz;scope=admin", "/v1/verify?scope=admin"}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}

// TestTraefikShape: GET at the address, the client's request in X-Forwarded-…
// https://doc.traefik.io/traefik/middlewares/http/forwardauth/
func TestTraefikShape(t *testing.T) {
	t.Parallel()
	var file struct {
		HTTP struct {
			Middlewares map[string]struct {
				ForwardAuth struct {
					Address                  string   `yaml:"address"`
					AuthRequestHeaders       []string `yaml:"authRequestHeaders"`
					AuthResponseHeadersRegex string   `yaml:"authResponseHeadersRegex"`
				} `yaml:"forwardAuth"`
			} `yaml:"middlewares"`
		} `yaml:"http"`
	}
	readYAML(t, "traefik/rescind.yml", &file)
	auth := file.HTTP.Middlewares["rescind"].ForwardAuth
	assert.Equal(t, []string{"Authorization"}, auth.AuthRequestHeaders)
	address, err := url.Parse(auth.Address)
	require.NoError(t, err)
	removes, err := regexp.Compile(auth.AuthResponseHeadersRegex)
	require.NoError(t, err)

	h := newHouse(t, houseOptions{})
	g := &gateway{t: t, house: h, app: newApplication(t), addr: h.Addr}
	good, narrow := h.Login(h.Alice).AccessToken, h.Login(h.Carol).AccessToken
	ask := func(method, target, token string) answer {
		return g.ask("GET", address.RequestURI(), token, []string{
			"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example", "X-Forwarded-Port: 443",
			"X-Forwarded-Method: " + method, "X-Forwarded-Uri: " + target, "Accept-Encoding: gzip",
		}, "")
	}
	for _, target := range hostile {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			assert.Equal(t, http.StatusOK, ask(method, target, good).Status, target)
			assert.Equal(t, http.StatusForbidden, ask(method, target, narrow).Status, target)
			assert.Equal(t, http.StatusUnauthorized, ask(method, target, "").Status, target)
		}
	}
	got := ask("GET", "/", good)
	for name, value := range g.whoIs(good) {
		assert.Equal(t, value, got.Header.Get(name))
		assert.True(t, removes.MatchString(http.CanonicalHeaderKey(name)), name)
	}
	for _, name := range []string{"X_Auth_Subject", "x-auth_scope", "X_AUTH-TOKEN_ID"} {
		assert.True(t, removes.MatchString(http.CanonicalHeaderKey(name)), name)
	}
	h.Redis.Kill()
	got = ask("GET", "/", good)
	g.refused(got, http.StatusServiceUnavailable, "Traefik hands the answer on as it is")
}

// TestEnvoyShape: the client's method, and its path below the prefix, without
// its body and most of its headers.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_authz/v3/ext_authz.proto
func TestEnvoyShape(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/envoy/envoy.yaml")
	require.NoError(t, err)
	var file yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &file))
	prefix := find(&file, "path_prefix")
	require.NotNil(t, prefix)
	require.Equal(t, "false", find(&file, "failure_mode_allow").Value)
	require.Equal(t, "REJECT_REQUEST", find(&file, "headers_with_underscores_action").Value)
	var passes struct {
		Patterns []struct{ Exact string }
	}
	require.NoError(t, find(&file, "allowed_upstream_headers").Decode(&passes))

	h := newHouse(t, houseOptions{})
	g := &gateway{t: t, house: h, app: newApplication(t), addr: h.Addr}
	good := h.Login(h.Alice).AccessToken
	ask := func(method, target, token string) answer {
		return g.ask(method, prefix.Value+target, token, []string{"content-length: 0", "x-forwarded-for: 192.0.2.1",
			"x-envoy-internal: true", "x-envoy-expected-rq-timeout-ms: 5000"}, "")
	}
	for _, target := range hostile {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
			assert.Equal(t, http.StatusOK, ask(method, target, good).Status, "%s %s", method, target)
			assert.Equal(t, http.StatusUnauthorized, ask(method, target, "").Status, "%s %s", method, target)
		}
	}
	got := ask("POST", "/", good)
	for name, value := range g.whoIs(good) {
		assert.Equal(t, value, got.Header.Get(name))
		assert.True(t, slices.ContainsFunc(passes.Patterns, func(p struct{ Exact string }) bool {
			return strings.EqualFold(p.Exact, name)
		}), name)
	}
	assert.Len(t, passes.Patterns, 5)
	h.Redis.Kill()
	g.refused(ask("GET", "/", good), http.StatusServiceUnavailable, "Envoy answers status_on_error")
}

// find is the value of the first member of that name, however deep.
func find(n *yaml.Node, name string) *yaml.Node {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Value == name {
			return n.Content[i+1]
		}
		if found := find(child, name); found != nil {
			return found
		}
	}
	return nil
}
