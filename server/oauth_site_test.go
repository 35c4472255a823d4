package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oauthSite is a site that has clients: two that keep a secret, and one that
// cannot.
type oauthSite struct {
	*site
	clients             *Clients
	web, other, public  Client
	webKey, otherSecret string
}

func newOAuthSite(t *testing.T, opts siteOptions) *oauthSite {
	t.Helper()
	clients := NewClients()
	o := &oauthSite{clients: clients}
	var err error
	o.web, o.webKey, err = clients.Add("web", []string{"jobs", "read"}, false)
	require.NoError(t, err)
	o.other, o.otherSecret, err = clients.Add("other", nil, false)
	require.NoError(t, err)
	o.public, _, err = clients.Add("app", nil, true)
	require.NoError(t, err)
	opts.server.Clients = clients
	o.site = newSite(t, opts)
	o.secret(o.webKey, o.otherSecret, o.web.ID, o.other.ID, o.public.ID)
	return o
}

// change is what a test does to a request before it is sent.
type change func(*http.Request)

// basic authenticates a client as RFC 6749, section 2.3.1, has it.
func basic(id, secret string) change {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func header(name string, values ...string) change {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

// post sends a form.
func (s *site) post(path, form string, changes ...change) reply {
	s.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form))
	r.Header.Set("Content-Type", formType)
	for _, change := range changes {
		change(r)
	}
	got := s.send(s.Handler(), r)
	if strings.HasPrefix(path, "/oauth/") {
		assert.Contains(s.t, got.Header.Get("Cache-Control"), "no-store", "%s", path)
	}
	return got
}

// form is name=value pairs, escaped.
func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// granted are the tokens of an answer of /oauth/token.
func (s *site) grantedIn(got reply) grantBody {
	s.t.Helper()
	require.Equal(s.t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(s.t, "no-store", got.Header.Get("Cache-Control"))
	assert.Equal(s.t, "no-cache", got.Header.Get("Pragma"))
	var body grantBody
	got.into(&body)
	assert.Equal(s.t, "Bearer", body.TokenType)
	s.secret(body.AccessToken, body.RefreshToken)
	return body
}

// loginWith logs alice in with a client.
func (s *site) loginWith(id, secret string) tokensBody {
	s.t.Helper()
	got := s.post("/v1/login", `{"username":"alice","password":"`+testPassword+`"}`, basic(id, secret))
	require.Equal(s.t, http.StatusCreated, got.StatusCode, "%s", got.body)
	return s.tokensIn(got)
}

// active asserts what introspection says.
func (o *oauthSite) active(token string, want bool) introspectionBody {
	o.t.Helper()
	got := o.post("/oauth/introspect", form("token", token), basic(o.web.ID, o.webKey))
	require.Equal(o.t, http.StatusOK, got.StatusCode, "%s", got.body)
	assert.Equal(o.t, "no-store", got.Header.Get("Cache-Control"))
	var body introspectionBody
	got.into(&body)
	assert.Equal(o.t, want, body.Active, "%s", got.body)
	if !want {
		assert.Equal(o.t, `{"active":false}`, string(got.body))
	}
	return body
}
