package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGateways runs each proxy as deploy/ configures it.
func TestGateways(t *testing.T) {
	t.Parallel()
	for _, p := range proxies() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, p, nil)
			// One after another: each looks at what the proxy asked meanwhile.
			for _, rule := range []struct {
				name  string
				holds func(*gateway)
			}{
				{"identity", (*gateway).identity},
				{"no identity of the client's own", (*gateway).forgeries},
				{"refusals", (*gateway).refusals},
				{"paths and queries", (*gateway).targets},
				{"methods", (*gateway).methods},
				{"bodies", (*gateway).bodies},
				{"sizes", (*gateway).sizes},
				{"connections", (*gateway).connections},
				{"outages", (*gateway).outages}, // it breaks things
				{"logs", (*gateway).logs},       // the last: of all of the above
			} {
				held := t.Run(rule.name, func(t *testing.T) {
					during := *g
					during.t = t
					rule.holds(&during)
				})
				if !held {
					return
				}
			}
		})
		t.Run(p.name+" forwarding the token", func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, p, func(at *places) { at.forwardsToken = true })
			token := g.house.Login(g.house.Alice).AccessToken
			got := g.ask("GET", "/", token, nil, "")
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			assert.Equal(t, []string{"Bearer " + token}, got.Saw.Header.Values("Authorization"))
			g.is(got, g.whoIs(token))
		})
	}
}

func (g *gateway) identity() {
	token := g.house.Login(g.house.Alice).AccessToken
	got := g.ask("GET", "/", token, nil, "")
	require.Equal(g.t, http.StatusOK, got.Status, got.Body)
	g.is(got, g.whoIs(token))
	assert.Equal(g.t, g.house.Alice.Subject, got.Saw.Header.Get("X-Auth-Subject"))
	assert.Equal(g.t, g.house.Issuer, got.Saw.Header.Get("X-Auth-Issuer"))
	assert.Equal(g.t, "read write", got.Saw.Header.Get("X-Auth-Scope"))
	assert.NotContains(g.t, got.Saw.Header, "Authorization", "stripped, where nothing else is chosen")

	// A client's own token has no session: what is empty replaces, too.
	machine := g.house.addClient("machine", "--scope", "read,write")
	form := []byte("grant_type=client_credentials")
	status, body := g.house.post(g.house.URL+"/oauth/token", "application/x-www-form-urlencoded", form, func(r *http.Request) {
		r.SetBasicAuth(machine.ID, machine.Secret)
	})
	require.Equal(g.t, http.StatusOK, status, "%s", body)
	var own tokens
	require.NoError(g.t, json.Unmarshal(body, &own))
	got = g.ask("GET", "/", own.AccessToken, []string{"X-Auth-Session: evil"}, "")
	require.Equal(g.t, http.StatusOK, got.Status, got.Body)
	g.is(got, g.whoIs(own.AccessToken))
	assert.Empty(g.t, got.Saw.Header.Get("X-Auth-Session"))
}

// forgeries: whatever a client calls itself, in whatever spelling, the
// application learns only what rescind said, or is not asked.
func (g *gateway) forgeries() {
	token := g.house.Login(g.house.Alice).AccessToken
	who := g.whoIs(token)
	all := []string{"X-Auth-Issuer: evil", "X-Auth-Subject: evil", "X-Auth-Session: evil", "X-Auth-Scope: admin", "X-Auth-Token-Id: evil"}
	for _, headers := range [][]string{
		all,
		append(all, all...),
		strings.Split(strings.ToLower(strings.Join(all, "\n")), "\n"),
		strings.Split(strings.ToUpper(strings.Join(all, "\n")), "\n"),
		{"X-Auth-Subject:", "X-Auth-Scope: "},
		{"X-Auth-Scope: read", "x-auth-scope: admin"},
	} {
		got := g.ask("GET", "/", token, headers, "")
		if assert.Equal(g.t, http.StatusOK, got.Status, headers) {
			g.is(got, who)
		}
		g.refused(g.ask("GET", "/", "", headers, ""), http.StatusUnauthorized, strings.Join(headers, "; "))
	}
	for _, header := range []string{
		"X_Auth_Subject: evil", "X-Auth_Subject: evil", "X_Auth-Subject: evil", "x_auth_scope: admin",
		"X-Auth-Token_Id: evil", "X_AUTH_TOKEN_ID: evil", "X-Auth_Token-Id: evil", "X_Auth_Subject:",
		"X-Auth-Subject : evil", "X-Auth-Subject\t: evil",
		"Connection: close, X-Auth-Subject", "Connection: close, x-auth-scope, X-Auth-Issuer",
		"Connection: close, Authorization", "Proxy-Connection: X-Auth-Subject",
	} {
		got := g.ask("GET", "/", token, []string{header}, "")
		if got.Status == http.StatusOK {
			g.is(got, who)
			continue
		}
		assert.Nil(g.t, got.Saw, header)
		assert.Contains(g.t, []int{400, 401, 403}, got.Status, header)
	}
}

func (g *gateway) refusals() {
	g.refused(g.ask("GET", "/", "", nil, ""), http.StatusUnauthorized, "no token")
	g.refused(g.ask("GET", "/", "nonsense", nil, ""), http.StatusUnauthorized, "no JWT")
	first := g.house.Login(g.house.Alice)
	got := g.ask("GET", "/", first.RefreshToken, nil, "")
	assert.Nil(g.t, got.Saw, "a refresh token opens nothing")
	assert.Contains(g.t, []int{401, 403}, got.Status)
	g.refused(g.ask("GET", "/?access_token="+first.AccessToken, "", nil, ""), http.StatusUnauthorized, "in the query")

	require.Equal(g.t, http.StatusOK, g.ask("GET", "/", first.AccessToken, nil, "").Status)
	g.house.Revoke(first.AccessToken)
	g.refused(g.ask("GET", "/", first.AccessToken, nil, ""), http.StatusUnauthorized, "revoked")

	narrow := g.house.Refresh(g.house.Login(g.house.Alice).RefreshToken, "read").AccessToken
	got = g.ask("GET", "/", narrow, nil, "")
	g.refused(got, http.StatusForbidden, "one scope of two")
	if g.asks == asksForwardAuth {
		assert.Contains(g.t, got.Header.Get("WWW-Authenticate"), `scope="read write"`)
	}

	// Of two, the proxy might believe one and the application the other.
	good := g.house.Login(g.house.Alice).AccessToken
	for _, second := range []string{good, first.AccessToken, narrow} {
		for _, pair := range [][2]string{{good, second}, {second, good}} {
			got := g.ask("GET", "/", pair[0], []string{"Authorization: Bearer " + pair[1]}, "")
			assert.Nil(g.t, got.Saw, "two tokens")
			assert.Contains(g.t, []int{400, 401}, got.Status, "two tokens")
		}
	}
}

// targets: the client's path and query go to the application as they are, and
// make no difference to what is asked.
func (g *gateway) targets() {
	good := g.house.Login(g.house.Alice).AccessToken
	narrow := g.house.Login(g.house.Carol).AccessToken
	for _, target := range []string{
		"/", "/a/b?c=d", "/a%2Fb", "/a%2fb%2F..%2Fc", "//a//b", "/a//", "/./a/../b", "/..%2f", "/%2e%2e/a", "/a;b=c", "/a%20b", "/a%25b",
		"/?scope=admin", "/?scope=", "/?scope=read", "/a?scope=read&scope=admin;x=%zz", "/v1/verify?scope=admin", "/v1/verify/a", "/oauth/introspect",
		"/rescind-verify", "/rescind-verify?scope=read", "http://app.example/a?scope=admin",
	} {
		g.tap.Asked(g.t)
		got := g.ask("GET", target, good, nil, "")
		asked, _ := g.tap.Asked(g.t)
		if target := strings.TrimPrefix(target, "http://app.example"); got.Saw != nil {
			assert.Equal(g.t, http.StatusOK, got.Status, target)
			if g.mergesSlash {
				target = "/" + strings.TrimLeft(target, "/")
			}
			assert.Equal(g.t, target, strings.TrimPrefix(got.Saw.Target, "http://app.example"))
			if assert.Len(g.t, asked, 1, target) {
				assert.Equal(g.t, g.asks, asked[0].Method+" "+asked[0].RequestURI, target)
			}
		} else {
			assert.Contains(g.t, []int{400, 404}, got.Status, target)
			assert.Contains(g.t, []string{"/..%2f", "/%2e%2e/a", "/rescind-verify", "/rescind-verify?scope=read"}, target, "refused: %d", got.Status)
		}
		for token, want := range map[string]int{"": 401, narrow: 403} {
			got := g.ask("GET", target, token, nil, "")
			assert.Nil(g.t, got.Saw, target)
			assert.Contains(g.t, []int{want, 400, 404}, got.Status, target)
		}
	}
}

func (g *gateway) methods() {
	good := g.house.Login(g.house.Alice).AccessToken
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		g.tap.Asked(g.t)
		got := g.ask(method, "/a", good, nil, "")
		assert.Equal(g.t, http.StatusOK, got.Status, method)
		assert.Equal(g.t, "saw it", got.Header.Get("X-Application"), method)
		if method != "HEAD" && assert.NotNil(g.t, got.Saw, method) {
			assert.Equal(g.t, method, got.Saw.Method)
		}
		asked, _ := g.tap.Asked(g.t)
		if assert.Len(g.t, asked, 1, method) {
			assert.Equal(g.t, g.asks, asked[0].Method+" "+asked[0].RequestURI, method)
		}
		preflight := []string{"Origin: https://evil.example", "Access-Control-Request-Method: DELETE"}
		got = g.ask(method, "/a", "", preflight, "")
		assert.Equal(g.t, http.StatusUnauthorized, got.Status, method)
		assert.Nil(g.t, got.Saw, method)
	}
}

// bodies: all of it goes to the application, nothing of it to rescind.
func (g *gateway) bodies() {
	good := g.house.Login(g.house.Alice).AccessToken
	body := strings.Repeat("what only the application may read. ", 3000)
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for _, how := range []struct {
		headers []string
		sent    string
	}{{nil, body}, {[]string{"Transfer-Encoding: chunked"}, chunked}} {
		g.tap.Asked(g.t)
		got := g.ask("POST", "/a", good, how.headers, how.sent)
		if assert.Equal(g.t, http.StatusOK, got.Status, "%v", how.headers) && assert.NotNil(g.t, got.Saw) {
			assert.True(g.t, body == got.Saw.Body, "%d bytes", len(got.Saw.Body))
		}
		asked, bodies := g.tap.Asked(g.t)
		if assert.Len(g.t, asked, 1) {
			assert.NotContains(g.t, bodies[0], "what only")
			if g.asks == asksForwardAuth {
				assert.Empty(g.t, bodies[0])
				assert.Empty(g.t, asked[0].TransferEncoding)
				assert.Zero(g.t, asked[0].ContentLength)
			}
			assert.Empty(g.t, asked[0].Header.Values("Expect"))
		}
	}
	g.refused(g.ask("POST", "/a", "", nil, "a body"), http.StatusUnauthorized, "with a body")
}

// sizes: what is too large is refused, by whoever notices first.
func (g *gateway) sizes() {
	token := g.house.Login(g.house.Alice).AccessToken
	g.tap.Asked(g.t)
	got := g.ask("GET", "/", token, []string{"Cookie: c=" + strings.Repeat("x", 6000), "X-Large: " + strings.Repeat("y", 6000)}, "")
	require.Equal(g.t, http.StatusOK, got.Status, got.Body)
	g.is(got, g.whoIs(token))
	if asked, _ := g.tap.Asked(g.t); assert.Len(g.t, asked, 1) {
		assert.NotContains(g.t, asked[0].Header, "Cookie", "it is not rescind's business")
	}
	for _, headers := range [][]string{
		{"X-Large: " + strings.Repeat("y", 100_000)},
		{"Authorization: Bearer " + strings.Repeat("y", 9_000)},
		{"Authorization: Bearer " + strings.Repeat("y", 100_000)},
	} {
		got := g.ask("GET", "/", "", headers, "")
		assert.Nil(g.t, got.Saw)
		assert.Contains(g.t, []int{400, 401, 414, 431}, got.Status)
	}
}

func (g *gateway) connections() {
	if !g.reusesConn {
		return
	}
	token := g.house.Login(g.house.Alice).AccessToken
	before := g.tap.Conns.Load()
	for range 20 {
		require.Equal(g.t, http.StatusOK, g.ask("GET", "/", token, nil, "").Status)
	}
	assert.LessOrEqual(g.t, g.tap.Conns.Load()-before, int64(4), "connections to rescind for 20 requests")
}

// outages: R14, "cannot tell" is never "valid". And it passes.
func (g *gateway) outages() {
	token := g.house.Login(g.house.Alice).AccessToken
	ask := func() answer { return g.ask("POST", "/a", token, nil, "a body") }
	passes := func(after string) {
		g.t.Helper()
		assert.Eventually(g.t, func() bool { return ask().Status == http.StatusOK }, patience, 100*time.Millisecond, after)
	}
	passes("at first")

	g.house.Redis.Kill()
	g.refused(ask(), g.cannotTell, "Redis is down")
	g.house.Redis.Restart()
	passes("Redis is back")

	g.house.StopServer()
	g.refused(ask(), g.down, "rescind is down")
	g.house.StartServer()
	passes("rescind is back")

	g.tap.Mute(true)
	began := time.Now()
	got := ask()
	assert.Nil(g.t, got.Saw, "rescind does not answer")
	assert.Contains(g.t, []int{g.down, 502, 503, 504}, got.Status, "rescind does not answer")
	assert.Less(g.t, time.Since(began), patience)
	g.tap.Mute(false)
	passes("rescind answers again")
}

// logs: R19 holds for what the proxy writes down, too. A token in the query is
// the client's own doing.
func (g *gateway) logs() {
	log, err := os.ReadFile(g.runs.log)
	require.NoError(g.t, err)
	text := strings.ReplaceAll(string(log), "access_token=eyJ", "")
	assert.NotContains(g.t, text, "eyJ", "a token")
	assert.NotContains(g.t, text, g.house.Confidential.Secret, "a key")
}
