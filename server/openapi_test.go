package server

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
)

// loadOpenAPI reads the document as a stranger does.
func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	s := newSite(t, siteOptions{})
	got := s.ask("GET", "/openapi.json", "", "")
	require.Equal(t, http.StatusOK, got.StatusCode)
	doc, err := openapi3.NewLoader().LoadFromData(got.body)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	assert.Equal(t, "3.1.0", doc.OpenAPI)
	return doc
}

// The document has the routes that there are, and no other.
func TestOpenAPI_Routes(t *testing.T) {
	o := newOAuthSite(t, siteOptions{listed: true})
	var real, documented []string
	for _, routes := range []map[string]methods{o.publicRoutes(), o.oauthRoutes()} {
		for path, m := range routes {
			for method := range m {
				real = append(real, method+" "+path)
			}
		}
	}
	for path, item := range loadOpenAPI(t).Paths.Map() {
		for method := range item.Operations() {
			if path != routeVerify { // which takes any
				documented = append(documented, method+" "+path)
			}
		}
	}
	slices.Sort(real)
	slices.Sort(documented)
	assert.Equal(t, real, documented)
}

// called is a request of which the document says how it is answered.
type called struct {
	request *http.Request
	handler http.Handler
	status  int
}

// calls is at least one request for everything that the document says.
func calls(o, broken *oauthSite) (all []called) {
	on := func(s *oauthSite, status int, method, path, body string, changes ...change) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		for _, change := range changes {
			change(r)
		}
		all = append(all, called{r, s.Handler(), status})
	}
	typed := func(kind string) change { return header("Content-Type", kind) }
	asForm, asJSON, web := typed(formType), typed("application/json"), basic(o.web.ID, o.webKey)
	good := `{"username":"alice","password":"` + testPassword + `"}`
	pair := func(s *oauthSite) (access, refresh change, raw tokensBody) {
		tokens := s.login()
		return header("Authorization", "Bearer "+tokens.AccessToken), header("Authorization", "Bearer "+tokens.RefreshToken), tokens
	}
	access, refresh, tokens := pair(o)
	brokenAccess, brokenRefresh, brokenTokens := pair(broken)
	broken.list.broken.Store(true)
	grant := form("grant_type", "refresh_token", "refresh_token", o.login().RefreshToken)
	often, oftenForm := o.worn(), form("grant_type", "refresh_token", "refresh_token", o.worn())

	on(o, 201, "POST", "/v1/login", good, asJSON)
	on(o, 201, "POST", "/v1/login", good, asJSON, web)
	on(o, 400, "POST", "/v1/login", `{}`, asJSON)
	on(o, 401, "POST", "/v1/login", strings.Replace(good, "alice", "bob", 1), asJSON)
	on(o, 429, "POST", "/v1/login", strings.Replace(good, "alice", "busy", 1), asJSON)
	on(broken, 503, "POST", "/v1/login", good, asJSON)
	on(o, 200, "GET", "/v1/session", "", access)
	on(o, 401, "GET", "/v1/session", "")
	on(broken, 503, "GET", "/v1/session", "", brokenAccess)
	on(o, 400, "POST", "/v1/rotate", "", refresh, header("Idempotency-Key", "a", "b"))
	on(o, 429, "POST", "/v1/rotate", "", header("Authorization", "Bearer "+often))
	on(o, 401, "POST", "/v1/rotate", "")
	on(broken, 503, "POST", "/v1/rotate", "", brokenRefresh)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		on(o, 200, method, "/v1/verify?scope=read", "", access)
		on(o, 401, method, "/v1/verify", "")
		on(o, 403, method, "/v1/verify?scope=admin", "", access)
		on(broken, 503, method, "/v1/verify", "", brokenAccess)
	}
	on(o, 200, "POST", "/oauth/token", grant, asForm, header("Idempotency-Key", "k"))
	on(o, 200, "POST", "/oauth/token", form("grant_type", "client_credentials"), asForm, web)
	on(o, 400, "POST", "/oauth/token", "grant_type=magic", asForm)
	on(o, 401, "POST", "/oauth/token", form("grant_type", "client_credentials"), asForm)
	on(o, 429, "POST", "/oauth/token", oftenForm, asForm)
	on(broken, 503, "POST", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", brokenTokens.RefreshToken), asForm)
	on(o, 200, "POST", "/oauth/introspect", form("token", tokens.AccessToken), asForm, web)
	on(o, 200, "POST", "/oauth/introspect", form("token", tokens.RefreshToken), asForm, web)
	on(o, 200, "POST", "/oauth/introspect", form("token", "x", "token_type_hint", "y"), asForm, web)
	on(o, 400, "POST", "/oauth/introspect", "", asForm, web)
	on(o, 401, "POST", "/oauth/introspect", "token=x", asForm)
	on(broken, 503, "POST", "/oauth/introspect", form("token", brokenTokens.AccessToken), asForm, basic(broken.web.ID, broken.webKey))
	on(o, 200, "POST", "/oauth/revoke", form("token", o.login().AccessToken), asForm)
	on(o, 400, "POST", "/oauth/revoke", "", asForm)
	on(o, 401, "POST", "/oauth/revoke", "token=x&client_id=nobody", asForm)
	on(broken, 503, "POST", "/oauth/revoke", form("token", brokenTokens.AccessToken), asForm)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
		"/openapi.json", "/healthz", "/readyz", "/version"} {
		on(o, 200, "GET", path, "")
	}
	on(broken, 503, "GET", "/readyz", "")
	on(o, 200, "GET", "/v1/sessions", "", access)
	on(o, 204, "DELETE", "/v1/sessions/"+o.sessionOf(o.login().AccessToken), "", access)
	on(o, 404, "DELETE", "/v1/sessions/nonsense", "", access)
	on(o, 204, "POST", "/v1/logout-others", "", access)
	bob := o.sign("at+jwt", map[string]any{"sub": "bob", "sid": "bobs", "jti": "bobs token"})
	on(o, 409, "POST", "/v1/logout-others", "", header("Authorization", "Bearer "+bob))
	for path, method := range map[string]string{"/v1/sessions": "GET", "/v1/sessions/x": "DELETE", "/v1/logout-others": "POST"} {
		on(o, 401, method, path, "")
		on(broken, 503, method, path, "", brokenAccess)
	}
	on(o, 200, "POST", "/v1/rotate", "", refresh)
	nobody := header("Authorization", "Bearer "+o.sign("at+jwt", map[string]any{"sub": nil}))
	on(o, 400, "POST", "/v1/logout-all", "", nobody)
	for _, path := range []string{"/v1/logout", "/v1/logout-all"} {
		on(o, 204, "POST", path, "", access)
		on(o, 401, "POST", path, "")
		on(broken, 503, "POST", path, "", brokenAccess)
	}
	return all
}

// worn is a refresh token that was exchanged as often as it may be.
func (o *oauthSite) worn() string {
	token := o.login().RefreshToken
	for range 20 {
		token = o.rotate(token).RefreshToken
	}
	return token
}

// Every answer is what the document says: its status, its headers, the members
// of its JSON. And of all that the document says, an answer is seen.
func TestOpenAPI_Answers(t *testing.T) {
	doc := loadOpenAPI(t)
	o := newOAuthSite(t, siteOptions{listed: true, rotation: rotation.Options{RotateEvery: time.Hour}})
	o.people.busy = "busy"
	seen := map[string]bool{}
	for _, call := range calls(o, newOAuthSite(t, siteOptions{listed: true})) {
		path, method := call.request.URL.Path, call.request.Method
		var params map[string]string
		if sid, ok := strings.CutPrefix(path, "/v1/sessions/"); ok {
			path, params = routeOneSession, map[string]string{"sid": sid}
		}
		name := method + " " + path + " " + strconv.Itoa(call.status)
		item := doc.Paths.Value(path)
		require.NotNil(t, item, name)
		in := &openapi3filter.RequestValidationInput{
			Request: call.request.Clone(t.Context()), PathParams: params,
			Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeRequestBody: call.status >= 300},
		}
		if call.status < 300 {
			assert.NoError(t, openapi3filter.ValidateRequest(t.Context(), in), name)
			call.request.Body = in.Request.Body // read, and put back
		}
		got := o.send(call.handler, call.request)
		require.Equal(t, call.status, got.StatusCode, "%s: %s", name, got.body)
		out := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: got.StatusCode, Header: got.Header,
			Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
		}
		out.SetBodyBytes(got.body)
		assert.NoError(t, openapi3filter.ValidateResponse(t.Context(), out), name)
		assert.Equal(t, len(got.body) > 0, item.GetOperation(method).Responses.Status(call.status).Value.Content != nil, "%s has a body", name)
		seen[name] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				assert.True(t, seen[method+" "+path+" "+status], "nothing is answered so: %s %s %s", method, path, status)
			}
		}
	}
}
