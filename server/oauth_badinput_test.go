package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// wrong is a request that is refused, with its status and code.
type wrong struct {
	path, body string
	changes    []change
	status     int
	code       string
}

// badOAuth are requests that must change nothing. mine is a pair of the client
// web, nobodys one without a client.
func badOAuth(o *oauthSite, mine, nobodys tokensBody) map[string]wrong {
	const token, revoke, introspect = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
	const bad, unknown = "invalid_request", "invalid_client"
	refresh := form("grant_type", "refresh_token", "refresh_token", nobodys.RefreshToken)
	machine := form("grant_type", "client_credentials")
	web, other := basic(o.web.ID, o.webKey), basic(o.other.ID, o.otherSecret)
	with := func(changes ...change) []change { return changes }
	rows := map[string]wrong{
		"no parameters":               {token, "", nil, 400, bad},
		"no grant":                    {token, "refresh_token=x", nil, 400, bad},
		"an empty grant":              {token, "grant_type=&refresh_token=x", nil, 400, bad},
		"no refresh token":            {token, "grant_type=refresh_token", nil, 400, bad},
		"an empty refresh token":      {token, "grant_type=refresh_token&refresh_token=", nil, 400, bad},
		"grant twice":                 {token, refresh + "&grant_type=refresh_token", nil, 400, bad},
		"refresh token twice":         {token, refresh + "&refresh_token=" + mine.RefreshToken, nil, 400, bad},
		"a foreign parameter twice":   {token, refresh + "&resource=a&resource=b", nil, 400, bad},
		"an empty one twice":          {token, refresh + "&scope=&scope=", nil, 400, bad},
		"token in the query":          {token + "?refresh_token=" + nobodys.RefreshToken, "grant_type=refresh_token", nil, 400, bad},
		"anything in the query":       {token + "?x", refresh, nil, 400, bad},
		"an empty query":              {token + "?", refresh, nil, 400, bad},
		"1 MB":                        {token, refresh + "&x=" + strings.Repeat("x", 1<<20), nil, 400, bad},
		"one byte too many":           {token, refresh + "&x=" + strings.Repeat("x", maxBody-len(refresh)-2), nil, 400, bad},
		"JSON":                        {token, `{"grant_type":"refresh_token"}`, with(header("Content-Type", "application/json")), 400, bad},
		"a form by another type":      {token, refresh, with(header("Content-Type", "text/plain")), 400, bad},
		"no type":                     {token, refresh, with(header("Content-Type")), 400, bad},
		"two types":                   {token, refresh, with(header("Content-Type", formType, formType)), 400, bad},
		"broken escapes":              {token, refresh + "&x=%zz", nil, 400, bad},
		"semicolons":                  {token, strings.ReplaceAll(refresh, "&", ";"), nil, 400, bad},
		"two idempotency keys":        {token, refresh, with(header("Idempotency-Key", "a", "b")), 400, bad},
		"a long idempotency key":      {token, refresh, with(header("Idempotency-Key", strings.Repeat("k", 257))), 400, bad},
		"an odd idempotency key":      {token, refresh, with(header("Idempotency-Key", "\x01")), 400, bad},
		"the password grant":          {token, form("grant_type", "password", "username", "alice", "password", testPassword), nil, 400, "unsupported_grant_type"},
		"an unknown grant":            {token, "grant_type=magic", nil, 400, "unsupported_grant_type"},
		"a grant in capitals":         {token, "grant_type=REFRESH_TOKEN&refresh_token=x", nil, 400, "unsupported_grant_type"},
		"both authentications":        {token, refresh + "&" + form("client_id", o.web.ID, "client_secret", o.webKey), with(web), 400, bad},
		"two clients":                 {token, refresh + "&client_id=" + o.other.ID, with(web), 400, bad},
		"a secret without a client":   {token, refresh + "&client_secret=" + o.webKey, nil, 400, bad},
		"two Authorization headers":   {token, refresh, with(header("Authorization", "Basic YTpi", "Basic YTpi")), 400, bad},
		"Bearer for a client":         {token, refresh, with(header("Authorization", "Bearer "+mine.AccessToken)), 401, unknown},
		"Basic without base64":        {token, refresh, with(header("Authorization", "Basic ???")), 401, unknown},
		"Basic without a colon":       {token, refresh, with(header("Authorization", "Basic YWJj")), 401, unknown},
		"Basic of nobody":             {token, refresh, with(header("Authorization", "Basic Og==")), 401, unknown},
		"an unknown client":           {token, refresh, with(basic("nobody", newKey("nobody"))), 401, unknown},
		"an unknown public client":    {token, refresh + "&client_id=nobody", nil, 401, unknown},
		"a wrong key":                 {token, machine, with(basic(o.web.ID, newKey(o.web.ID))), 401, unknown},
		"a wrong checksum":            {token, machine, with(basic(o.web.ID, mistyped(o.webKey))), 401, unknown},
		"another client's key":        {token, machine, with(basic(o.web.ID, o.otherSecret)), 401, unknown},
		"no key":                      {token, machine, with(basic(o.web.ID, "")), 401, unknown},
		"no key, in the form":         {token, machine + "&client_id=" + o.web.ID, nil, 401, unknown},
		"a public client with a key":  {token, machine, with(basic(o.public.ID, newKey(o.public.ID))), 401, unknown},
		"a public client's own":       {token, machine + "&client_id=" + o.public.ID, nil, 400, "unauthorized_client"},
		"nobody's own":                {token, machine, nil, 401, unknown},
		"more scope than the client":  {token, machine + "&scope=jobs+admin", with(web), 400, "invalid_scope"},
		"scope of a client with none": {token, machine + "&scope=jobs", with(other), 400, "invalid_scope"},
		"a scope that is none":        {token, machine + "&scope=jobs%0a", with(web), 400, "invalid_scope"},
		"two spaces in a scope":       {token, machine + "&scope=jobs++read", with(web), 400, "invalid_scope"},
		"more scope than granted":     {token, refresh + "&scope=read+admin", nil, 400, "invalid_scope"},
		"a quotation mark in scope":   {token, refresh + "&scope=%22", nil, 400, "invalid_scope"},
		"another client's token":      {token, form("grant_type", "refresh_token", "refresh_token", mine.RefreshToken), with(other), 400, "invalid_grant"},
		"a client's, by nobody":       {token, form("grant_type", "refresh_token", "refresh_token", mine.RefreshToken), nil, 400, "invalid_grant"},
		"nobody's, by a client":       {token, refresh, with(web), 400, "invalid_grant"},
		"an access token":             {token, form("grant_type", "refresh_token", "refresh_token", nobodys.AccessToken), nil, 400, "invalid_grant"},
		"an id":                       {token, "grant_type=refresh_token&refresh_token=garbage", nil, 400, "invalid_grant"},
		"revoke: no token":            {revoke, "token_type_hint=access_token", nil, 400, bad},
		"revoke: in the query":        {revoke + "?token=" + nobodys.AccessToken, "", nil, 400, bad},
		"revoke: twice":               {revoke, form("token", nobodys.AccessToken, "token", mine.AccessToken), nil, 400, bad},
		"revoke: hint twice":          {revoke, "token=x&token_type_hint=a&token_type_hint=b", nil, 400, bad},
		"revoke: both":                {revoke, form("token", mine.AccessToken, "client_secret", o.webKey), with(web), 400, bad},
		"revoke: a wrong key":         {revoke, form("token", mine.AccessToken), with(basic(o.web.ID, newKey(o.web.ID))), 401, unknown},
		"revoke: another client's":    {revoke, form("token", mine.RefreshToken), with(other), 400, "invalid_grant"},
		"revoke: a client's access":   {revoke, form("token", mine.AccessToken), nil, 400, "invalid_grant"},
		"revoke: nobody's":            {revoke, form("token", nobodys.RefreshToken), with(web), 400, "invalid_grant"},
		"introspect: nobody":          {introspect, form("token", mine.AccessToken), nil, 401, unknown},
		"introspect: a public one":    {introspect, form("token", mine.AccessToken, "client_id", o.public.ID), nil, 401, unknown},
		"introspect: by a token":      {introspect, form("token", mine.AccessToken), with(header("Authorization", "Bearer "+mine.AccessToken)), 401, unknown},
		"introspect: no token":        {introspect, "", with(web), 400, bad},
		"introspect: twice":           {introspect, form("token", mine.AccessToken, "token", "x"), with(web), 400, bad},
		"introspect: in the query":    {introspect + "?token=" + mine.AccessToken, "", with(web), 400, bad},
		"introspect: key and Basic":   {introspect, form("token", "x"), with(web, header("X-API-Key", o.webKey)), 400, bad},
		"introspect: key and form":    {introspect, form("token", "x", "client_id", o.web.ID), with(header("X-API-Key", o.webKey)), 400, bad},
		"introspect: two keys":        {introspect, form("token", "x"), with(header("X-API-Key", o.webKey, o.otherSecret)), 400, bad},
		"introspect: a typing error":  {introspect, form("token", "x"), with(header("X-API-Key", mistyped(o.webKey))), 401, unknown},
		"login: a wrong key":          {"/v1/login", `{"username":"alice","password":"` + testPassword + `"}`, with(basic(o.web.ID, newKey(o.web.ID))), 401, unknown},
		"login: a client without":     {"/v1/login", `{"username":"alice","password":"` + testPassword + `"}`, with(basic(o.web.ID, "")), 401, unknown},
		"login: two headers":          {"/v1/login", `{"username":"alice","password":"` + testPassword + `"}`, with(header("Authorization", "Basic YTpi", "Bearer x")), 400, bad},
	}
	return rows
}

// Whatever is wrong with a request, Redis is afterwards what it was before.
func TestBadInput_OAuth(t *testing.T) {
	store, server := newRedis(t)
	o := newOAuthSite(t, siteOptions{redis: store})
	mine, nobodys := o.loginWith(o.web.ID, o.webKey), o.login()
	o.rotate(o.login().RefreshToken) // so that there is something
	client := server.Client()
	before := redisDump(t, client)
	asked := o.people.asked.Load()
	for name, row := range badOAuth(o, mine, nobodys) {
		t.Run(name, func(t *testing.T) {
			got := o.post(row.path, row.body, row.changes...)
			got.t = t
			got.refused(row.status, row.code)
			if row.status == http.StatusUnauthorized {
				assert.Equal(t, `Basic realm="rescind"`, got.Header.Get("WWW-Authenticate"))
			}
			require.Equal(t, before, redisDump(t, client), "something was written")
		})
	}
	assert.Equal(t, asked, o.people.asked.Load(), "no password was looked at")
	o.active(mine.RefreshToken, true)
	o.active(nobodys.RefreshToken, true)
	o.active(mine.AccessToken, true)
	assert.NotContains(t, redisDump(t, client), o.web.ID, "R19: no client in Redis")
}

// RFC 7009: what is no token of ours, or none any more, is as dead as it can be.
func TestBadInput_RevokedTokensThatAreNone(t *testing.T) {
	store, server := newRedis(t)
	o := newOAuthSite(t, siteOptions{redis: store})
	o.rotate(o.login().RefreshToken)
	rows := badTokens(o.site)
	now := o.clock.Now().Unix()
	for name, expired := range map[string]string{
		"expired access":  o.sign("at+jwt", map[string]any{"iat": now - 100, "exp": now - 1}),
		"expired refresh": o.sign("rt+jwt", map[string]any{"aud": testIssuer, "iat": now - 100, "exp": now - 1, "session_exp": now + 600}),
	} {
		rows[name] = struct{ token, code string }{expired, ""}
	}
	before := redisDump(t, server.Client())
	for name, row := range rows {
		for _, as := range []change{func(*http.Request) {}, basic(o.web.ID, o.webKey)} {
			got := o.post("/oauth/revoke", form("token", row.token), as)
			if strings.Contains(name, "40 kB") { // it does not fit into a form
				got.refused(http.StatusBadRequest, "invalid_request")
				continue
			}
			assert.Equal(t, http.StatusOK, got.StatusCode, "%s: %s", name, got.body)
			assert.Empty(t, got.body, name)
			o.active(row.token, false)
		}
	}
	assert.Equal(t, before, redisDump(t, server.Client()), "something was written")
}

// No claim can add a header, or leave its string.
func TestBadInput_ResponseSplittingByAClaim(t *testing.T) {
	o := newOAuthSite(t, siteOptions{})
	for _, sub := range []string{"a\u2028b", `"},"active":true,"x":{"`, "caf\u00e9%0d%0aX-Admin: 1", "</script>"} {
		token := o.sign("at+jwt", map[string]any{"sub": sub, "scope": "read", "client_id": sub})
		said := o.active(token, true)
		assert.Equal(t, sub, said.Subject)
		got := o.ask("GET", "/v1/verify", token, "")
		assert.Equal(t, []string{verifier.HeaderValue(sub)}, got.Header.Values("X-Auth-Subject"))
		assert.Empty(t, got.Header.Get("X-Admin"))
	}
	// Line ends are no part of an id: such a token is none.
	split := o.sign("at+jwt", map[string]any{"sub": "a\r\nX-Admin: 1"})
	o.active(split, false)
	assert.Empty(t, o.ask("GET", "/v1/verify", split, "").Header.Get("X-Admin"))
	scope := o.sign("at+jwt", map[string]any{"scope": "read\r\nX-Admin: 1"})
	assert.Empty(t, o.ask("GET", "/v1/verify", scope, "").Header.Get("X-Admin"))
}

func TestBadInput_OAuthMethods(t *testing.T) {
	o := newOAuthSite(t, siteOptions{rotation: rotation.Options{}})
	for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
		for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} {
			got := o.send(o.Handler(), httptest.NewRequest(method, path, nil))
			got.refused(http.StatusMethodNotAllowed, "invalid_request")
			assert.Equal(t, "POST", got.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/oauth", "/oauth/", "/oauth/token/", "/oauth/authorize", "/oauth//token"} {
		o.post(path, "").refused(http.StatusNotFound, "not_found")
	}
}

// No form makes a server do more than it says.
func FuzzForm(f *testing.F) {
	for _, body := range []string{"", "grant_type=refresh_token&refresh_token=x", "a=b&a=c", "%zz", "a;b", "=&=", "token=%00"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := parseForm(body)
		if err != nil {
			return
		}
		for name, value := range form {
			assert.NotEmpty(t, value, name)
		}
		assert.LessOrEqual(t, len(form), strings.Count(body, "&")+1)
	})
}
