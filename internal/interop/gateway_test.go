package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gateway is a proxy with a file of deploy/, rescind behind it, and an
// application.
type gateway struct {
	t     *testing.T
	house *house
	tap   *tap // between the proxy and rescind
	app   *application
	addr  string // of the proxy
	runs  *process
	proxy
}

// proxy is one of those that are supported.
type proxy struct {
	name string
	// start runs it until the end of the test.
	start func(t *testing.T, at places) *process

	asks        string // what it asks rescind, method and target
	mergesSlash bool   // passes //a on as /a, whatever it is told
	down        int    // the status where rescind does not answer
	cannotTell  int    // the status where rescind says 503
	reusesConn  bool   // asks again over the same connection
	wantsTLS    bool   // asks over TLS only
}

// places is what a file of deploy/ is changed in for a test: its addresses,
// its files and the choices that it names.
type places struct {
	front, rescind, app string
	client              client // for introspection

	forwardsToken bool   // the line is removed that strips it
	ca            string // over TLS, which it verifies by this file
}

// newGateway starts all of it.
func newGateway(t *testing.T, p proxy, change func(*places)) *gateway {
	t.Helper()
	g := &gateway{t: t, proxy: p, house: newHouse(t, houseOptions{}), app: newApplication(t), addr: freeAddr(t)}
	at := places{front: g.addr, app: g.app.addr, client: g.house.Confidential}
	if p.wantsTLS {
		trusted := newAuthority(t)
		at.ca = trusted.File
		g.tap = newTap(t, g.house.Addr, trusted)
	} else {
		g.tap = newTap(t, g.house.Addr, nil)
	}
	at.rescind = g.tap.Addr
	if change != nil {
		change(&at)
	}
	g.runs = p.start(t, at)
	return g
}

// deployed is a file of deploy/ with its addresses replaced. One that is not
// in the file fails the test: what is tested is what a user copies.
func deployed(t *testing.T, file string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	require.NoError(t, err)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, string(text), replace[i], file)
		text = []byte(strings.ReplaceAll(string(text), replace[i], replace[i+1]))
	}
	return string(text)
}

// withoutStripping removes the line below the comment that says so.
func withoutStripping(t *testing.T, text string) string {
	t.Helper()
	const says = "# Remove this line if the application wants the token itself.\n"
	before, after, found := strings.Cut(text, says)
	require.True(t, found)
	_, after, _ = strings.Cut(after, "\n")
	return before + after
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// application is behind the proxy, and answers with what it saw.
type application struct {
	addr  string
	calls atomic.Int64
}

// seen is a request as the application saw it.
type seen struct {
	Method, Target string
	Header         http.Header
	Body           string
}

func newApplication(t *testing.T) *application {
	t.Helper()
	a := new(application)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		w.Header().Set("X-Application", "saw it") // of HEAD too
		_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Header, string(body)})
	}))
	t.Cleanup(server.Close)
	a.addr = server.Listener.Addr().String()
	return a
}

// answer is what a client got. Saw is nil where the application was not asked.
type answer struct {
	Status int
	Header http.Header
	Body   string
	Saw    *seen
}

// ask sends a request byte for byte: names are not made canonical, and nothing
// is added but Host, Connection and the length of a body.
func (g *gateway) ask(method, target, token string, headers []string, body string) answer {
	g.t.Helper()
	lines := []string{fmt.Sprintf("%s %s HTTP/1.1", method, target), "Host: app.example"}
	if !strings.Contains(strings.ToLower(strings.Join(headers, "\n")), "connection:") {
		lines = append(lines, "Connection: close")
	}
	if token != "" {
		lines = append(lines, "Authorization: Bearer "+token)
	}
	lines = append(lines, headers...)
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Transfer-Encoding") {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return g.send(method, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
}

func (g *gateway) send(method, raw string) answer {
	g.t.Helper()
	before := g.app.calls.Load()
	conn, err := net.Dial("tcp", g.addr)
	require.NoError(g.t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(g.t, conn.SetDeadline(time.Now().Add(patience)))
	// A server that refuses may close before it has read all.
	_, _ = io.WriteString(conn, raw)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(g.t, err, "%.200q", raw)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(g.t, err, "%.200q", raw)
	got := answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}
	if g.app.calls.Load() > before {
		got.Saw = new(seen)
		if method != "HEAD" {
			require.NoError(g.t, json.Unmarshal(text, got.Saw), "%d %s", got.Status, text)
		}
	}
	return got
}

// identityOf is what rescind itself says about a token.
type identityOf map[string]string

func (g *gateway) whoIs(token string) identityOf {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), "GET", g.house.URL+"/v1/verify", nil)
	require.NoError(g.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := g.house.http.Do(r)
	require.NoError(g.t, err)
	require.NoError(g.t, answer.Body.Close())
	require.Equal(g.t, http.StatusOK, answer.StatusCode)
	who := identityOf{}
	for name, values := range answer.Header {
		if ours := looksLikeOurs(name); ours != "" {
			who[ours] = values[0]
		}
	}
	require.Len(g.t, who, 5)
	return who
}

// looksLikeOurs is which of rescind's headers an application may take one for:
// CGI, and all that came after it, knows no difference between - and _.
func looksLikeOurs(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	switch name {
	case "x-auth-issuer", "x-auth-subject", "x-auth-session", "x-auth-scope", "x-auth-token-id":
		return name
	}
	return ""
}

// is wants that the application saw who is asking, from rescind alone.
func (g *gateway) is(got answer, want identityOf) {
	g.t.Helper()
	require.NotNil(g.t, got.Saw, "%d %s", got.Status, got.Body)
	found := identityOf{}
	for name, values := range got.Saw.Header {
		if ours := looksLikeOurs(name); ours != "" {
			assert.Len(g.t, values, 1, name)
			assert.NotContains(g.t, found, ours, "two that look like it")
			found[ours] = strings.Join(values, ", ")
		}
	}
	for name, value := range want {
		// What is empty may as well not be sent.
		assert.Equal(g.t, value, found[name], name)
		delete(found, name)
	}
	assert.Empty(g.t, found, "headers that are not rescind's")
}

// refused wants that the application was not asked.
func (g *gateway) refused(got answer, status int, why string) {
	g.t.Helper()
	assert.Equal(g.t, status, got.Status, why)
	assert.Nil(g.t, got.Saw, why)
	switch status {
	case http.StatusUnauthorized:
		assert.Regexp(g.t, "^Bearer ?", got.Header.Get("WWW-Authenticate"), why)
	case http.StatusServiceUnavailable:
		assert.NotEmpty(g.t, got.Header.Get("Retry-After"), why)
	}
}
