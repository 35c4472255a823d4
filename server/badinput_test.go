package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// badTokens are tokens that are refused before the denylist is asked, each
// with its code.
func badTokens(s *site) map[string]struct{ token, code string } {
	good := s.login()
	parts := strings.Split(good.AccessToken, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	withHeader := func(header string) string { return b64([]byte(header)) + "." + parts[1] + "." + parts[2] }
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(s.t, err)
	extra := func(member string) string {
		return withHeader(strings.TrimSuffix(string(header), "}") + "," + member + "}")
	}
	raw := func(payload string) string {
		token, err := s.ring.Sign("at+jwt", []byte(payload))
		require.NoError(s.t, err)
		return token
	}
	text, err := json.Marshal(s.claims(nil))
	require.NoError(s.t, err)
	claims := string(text)
	signed := func(name string, value any) string { return s.sign("at+jwt", map[string]any{name: value}) }
	exp := func(number string) string {
		return raw(fmt.Sprintf(`%s,"exp":%s}`, strings.TrimSuffix(strings.Replace(claims, `"exp"`, `"was"`, 1), "}"), number))
	}
	foreign, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: s.clock.Now})
	require.NoError(s.t, err)
	now := s.clock.Now().Unix()

	type row = struct{ token, code string }
	const malformed, invalid = "token_malformed", "token_invalid"
	rows := map[string]row{
		"not a token":              {"garbage", malformed},
		"two segments":             {parts[0] + "." + parts[1], malformed},
		"four segments":            {good.AccessToken + ".", malformed},
		"five segments":            {"a.b.c.d.e", malformed},
		"padding":                  {parts[0] + "=." + parts[1] + "." + parts[2], malformed},
		"8193 bytes":               {strings.Repeat("a", 8193), malformed},
		"40 kB of dots":            {strings.Repeat(".", 40<<10), malformed},
		"foreign characters":       {parts[0] + "." + parts[1] + ".\xff", malformed},
		"header not JSON":          {withHeader("{"), malformed},
		"header twice the same":    {withHeader(`{"alg":"ES256","alg":"ES256","typ":"at+jwt"}`), malformed},
		"header folded":            {withHeader(`{"ALG":"ES256","typ":"at+jwt"}`), malformed},
		"payload nested":           {raw(`{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), malformed},
		"claim twice":              {raw(strings.Replace(claims, "{", `{"jti":"b",`, 1)), malformed},
		"claim twice, escaped":     {raw(strings.Replace(claims, "{", `{"\u006ati":"b",`, 1)), malformed},
		"claims not UTF-8":         {raw(strings.Replace(claims, "somebody", "some\xffbody", 1)), malformed},
		"jti absent":               {signed("jti", nil), malformed},
		"jti empty":                {signed("jti", ""), malformed},
		"jti a number":             {signed("jti", 7), malformed},
		"jti null":                 {raw(strings.Replace(claims, `"a-token"`, "null", 1)), malformed},
		"jti of 257 bytes":         {signed("jti", strings.Repeat("x", 257)), malformed},
		"exp absent":               {signed("exp", nil), malformed},
		"exp a string":             {exp(`"1893553745"`), malformed},
		"exp negative":             {exp("-1"), malformed},
		"iat absent":               {signed("iat", nil), malformed},
		"exp 1e400":                {exp("1e400"), invalid},
		"exp overflows":            {exp("18446744073709552"), invalid},
		"exp a century ahead":      {signed("exp", now+100*365*24*3600), invalid},
		"alg none":                 {withHeader(`{"alg":"none","typ":"at+jwt"}`), invalid},
		"alg NoNe":                 {withHeader(`{"alg":"NoNe","typ":"at+jwt"}`), invalid},
		"alg none, unsigned":       {b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + ".", invalid},
		"alg of another key":       {withHeader(strings.Replace(string(header), "ES256", "HS256", 1)), invalid},
		"kid unknown":              {withHeader(`{"alg":"ES256","typ":"at+jwt","kid":"nobody"}`), invalid},
		"kid a path":               {withHeader(`{"alg":"ES256","typ":"at+jwt","kid":"../../dev/null"}`), invalid},
		"jwk":                      {extra(`"jwk":{"kty":"oct","k":"AA"}`), invalid},
		"jku":                      {extra(`"jku":"https://evil.example"`), invalid},
		"x5u":                      {extra(`"x5u":"https://evil.example"`), invalid},
		"crit":                     {extra(`"crit":["exp"]`), invalid},
		"b64":                      {extra(`"b64":false`), invalid},
		"zip":                      {extra(`"zip":"DEF"`), invalid},
		"signature of another key": {signWith(s.t, foreign, "at+jwt", s.claims(nil)), invalid},
		"signature cut":            {good.AccessToken[:len(good.AccessToken)-2], invalid},
		"wrong iss":                {signed("iss", "https://evil.example"), invalid},
		"iss absent":               {signed("iss", nil), invalid},
		"wrong aud":                {signed("aud", "another"), invalid},
		"wrong typ":                {s.sign("JWT", nil), invalid},
	}
	for _, row := range rows {
		s.secret(row.token)
	}
	return rows
}

// What is wrong with a token is found before the denylist is asked, on every
// route.
func TestBadInput_Tokens(t *testing.T) {
	s := newSite(t, siteOptions{})
	for name, row := range badTokens(s) {
		for _, route := range []string{
			"GET /v1/session", "GET /v1/verify", "PUT /v1/verify/below", "POST /v1/rotate", "POST /v1/logout", "POST /v1/logout-all",
		} {
			t.Run(name+" at "+route, func(t *testing.T) {
				method, path, _ := strings.Cut(route, " ")
				before := s.list.calls.Load()
				got := s.ask(method, path, row.token, "")
				got.t = t
				got.refused(http.StatusUnauthorized, row.code)
				assert.Contains(t, got.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
				assert.Equal(t, before, s.list.calls.Load(), "R1: the denylist was not asked")
			})
		}
	}
}

// Genuine tokens at the wrong place or time.
func TestBadInput_MisusedTokens(t *testing.T) {
	s := newSite(t, siteOptions{})
	tokens := s.login()
	now := s.clock.Now().Unix()
	future := s.sign("at+jwt", map[string]any{"nbf": now + 60})
	expired := s.sign("at+jwt", map[string]any{"iat": now - 100, "exp": now})
	client := s.sign("rt+jwt", map[string]any{"aud": testIssuer, "client_id": "another", "sid": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "session_exp": now + 600})
	for _, row := range []struct{ route, name, token, code string }{
		{"GET /v1/session", "a refresh token", tokens.RefreshToken, "token_invalid"},
		{"GET /v1/verify", "a refresh token", tokens.RefreshToken, "token_invalid"},
		{"POST /v1/rotate", "an access token of a pair", tokens.AccessToken, "token_invalid"},
		{"POST /v1/rotate", "a client's token", client, "token_invalid"},
		{"GET /v1/session", "expired", expired, "token_expired"},
		{"GET /v1/verify", "expired", expired, "token_expired"},
		{"POST /v1/rotate", "expired", expired, "token_expired"},
		{"GET /v1/session", "not valid yet", future, "token_not_yet_valid"},
		{"GET /v1/verify", "not valid yet", future, "token_not_yet_valid"},
		{"POST /v1/rotate", "not valid yet", future, "token_not_yet_valid"},
	} {
		t.Run(row.name+" at "+row.route, func(t *testing.T) {
			method, path, _ := strings.Cut(row.route, " ")
			before := s.list.calls.Load()
			got := s.ask(method, path, row.token, "")
			got.t = t
			got.refused(http.StatusUnauthorized, row.code)
			assert.Equal(t, before, s.list.calls.Load(), "R1: the denylist was not asked")
		})
	}
	s.alive(tokens.AccessToken)
	s.rotate(tokens.RefreshToken)
}

// How a token is presented.
func TestBadInput_Credentials(t *testing.T) {
	s := newSite(t, siteOptions{})
	token := s.login().AccessToken
	for name, row := range map[string]struct {
		headers []string
		query   string
		code    string
	}{
		"none":                    {nil, "", "token_missing"},
		"in the query":            {nil, "?access_token=" + token, "token_missing"},
		"in the query and Bearer": {[]string{"Bearer"}, "?access_token=" + token, "token_missing"},
		"Bearer alone":            {[]string{"Bearer"}, "", "token_missing"},
		"Bearer and a space":      {[]string{"Bearer "}, "", "token_missing"},
		"Basic":                   {[]string{"Basic YWxpY2U6eA=="}, "", "token_missing"},
		"no scheme":               {[]string{token}, "", "token_missing"},
		"two":                     {[]string{"Bearer " + token, "Bearer " + token}, "", "token_malformed"},
		"two, one Basic":          {[]string{"Basic YWxpY2U6eA==", "Bearer " + token}, "", "token_malformed"},
		"two tokens in one":       {[]string{"Bearer " + token + " " + token}, "", "token_malformed"},
		"two tokens and a comma":  {[]string{"Bearer " + token + ",Bearer " + token}, "", "token_malformed"},
	} {
		for _, route := range []string{"GET /v1/session", "GET /v1/verify", "POST /v1/rotate", "POST /v1/logout", "POST /v1/logout-all"} {
			t.Run(name+" at "+route, func(t *testing.T) {
				method, path, _ := strings.Cut(route, " ")
				r := httptest.NewRequest(method, path+row.query, nil)
				r.Header["Authorization"] = row.headers
				before := s.list.calls.Load()
				got := s.send(s.Handler(), r)
				got.t = t
				got.refused(http.StatusUnauthorized, row.code)
				assert.Equal(t, row.code == "token_missing", !strings.Contains(got.Header.Get("WWW-Authenticate"), "error="))
				assert.Equal(t, before, s.list.calls.Load(), "R1: the denylist was not asked")
			})
		}
	}
}

// Bodies of every route that has one.
func TestBadInput_Bodies(t *testing.T) {
	s := newSite(t, siteOptions{})
	long := strings.Repeat("x", maxBody)
	for route, good := range map[string]string{
		"/v1/login":       `{"username":"alice","password":"wrong password"}`,
		"/v1/revocations": `{"scope":"session","id":"x"}`,
	} {
		for name, body := range map[string]string{
			"empty":            "",
			"not JSON":         "username=alice&password=x",
			"cut off":          good[:len(good)-1],
			"null":             "null",
			"an empty object":  "{}",
			"a list":           "[" + good + "]",
			"a string":         `"x"`,
			"trailing data":    good + good,
			"trailing garbage": good + "x",
			"unknown member":   strings.Replace(good, "{", `{"admin":true,`, 1),
			"duplicate member": strings.Replace(good, "{", `{"id":"a","id":"b","username":"a","username":"b",`, 1),
			"folded members":   strings.ToUpper(good),
			"not UTF-8":        strings.Replace(good, "x", "\xff", 1) + "\xff",
			"a number":         strings.NewReplacer(`"alice"`, "1", `"x"`, "1").Replace(good),
			"too large":        strings.Replace(good, "x", long, 1) + long,
			"10,000 deep":      strings.Repeat(`{"username":`, 10_000),
			"a comment":        good + "// hello",
			"a byte order":     "\ufeff" + good,
		} {
			t.Run(name+" at "+route, func(t *testing.T) {
				before := s.list.calls.Load()
				var got reply
				if route == "/v1/login" {
					got = s.ask("POST", route, "", body)
				} else {
					got = s.operate("POST", route, body)
				}
				got.t = t
				got.refused(http.StatusBadRequest, "invalid_request")
				assert.Equal(t, before, s.list.calls.Load(), "nothing was asked or written")
			})
		}
	}
	assert.Zero(t, s.people.asked.Load(), "no password was looked at")
	// What `curl -d` sends is a form by its header, and JSON by its content.
	r := httptest.NewRequest("POST", "/v1/login", strings.NewReader(`{"username":"alice","password":"`+testPassword+`"}`))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	assert.Equal(t, http.StatusCreated, s.send(s.Handler(), r).StatusCode)
}

func TestBadInput_MethodsAndPaths(t *testing.T) {
	s := newSite(t, siteOptions{})
	token := s.login().AccessToken
	for _, row := range []struct{ method, path, allow string }{
		{"GET", "/v1/login", "POST"},
		{"POST", "/v1/session", "GET, HEAD"},
		{"GET", "/v1/rotate", "POST"},
		{"PUT", "/v1/rotate", "POST"},
		{"GET", "/v1/logout", "POST"},
		{"DELETE", "/v1/logout-all", "POST"},
		{"POST", "/.well-known/jwks.json", "GET, HEAD"},
		{"POST", "/healthz", "GET, HEAD"},
		{"OPTIONS", "/readyz", "GET, HEAD"},
		{"POST", "/version", "GET, HEAD"},
	} {
		got := s.ask(row.method, row.path, token, "")
		got.refused(http.StatusMethodNotAllowed, "invalid_request")
		assert.Equal(t, row.allow, strings.Join(got.Header.Values("Allow"), ", "))
	}
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v1/session/", "//v1/session", "/v1//session", "/v1/./session", "/v1/x/../session",
		"/V1/session", "/v1/session%2F", "/metrics", "/v1/revocations", "/v1/stats", "/favicon.ico",
	} {
		s.ask("GET", path, token, "").refused(http.StatusNotFound, "not_found")
	}
	for _, row := range []struct{ method, path, allow string }{
		{"PUT", "/v1/revocations", "GET, HEAD, POST"},
		{"POST", "/v1/revocations/session/x", "GET, HEAD, DELETE"},
		{"POST", "/v1/stats", "GET, HEAD"},
		{"DELETE", "/metrics", "GET, HEAD"},
	} {
		got := s.operate(row.method, row.path, "")
		got.refused(http.StatusMethodNotAllowed, "invalid_request")
		assert.Equal(t, row.allow, strings.Join(got.Header.Values("Allow"), ", "))
	}
	s.operate("GET", "/v1/session", "").refused(http.StatusNotFound, "not_found")
}
