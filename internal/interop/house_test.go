package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// house is a real rescind serve on a Redis of its own, with two users and two
// clients. It ends with the test.
type house struct {
	t     *testing.T
	Redis *redistest.Server

	URL        string // of the main listener; with TLS it is https://
	Addr       string // of the main listener
	Issuer     string // the same as URL, so that discovery works
	AdminURL   string
	AdminToken string

	Alice user // may read and write
	Carol user // may only write

	Confidential client // has a key, and may have read and jobs in its own name
	Public       client // has none

	http   *http.Client
	dir    string // of keys, users and clients
	args   []string
	env    []string
	server *process
}

// user is somebody who can log in.
type user struct{ Name, Password, Subject string }

// client is one of OAuth's. Secret is the whole key; a public client has none.
type client struct{ ID, Secret string }

// tokens is what a login, an exchange and /oauth/token answer.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
}

// houseOptions: the zero value is a server as a user starts it, but for a
// check-timeout that a busy machine can keep.
type houseOptions struct {
	Args            []string   // more flags of rescind serve
	TLSCert, TLSKey string     // files
	Authority       *authority // whom Login and the like trust
	Algorithm       string     // of the keys; ES256 by default
}

// newHouse starts Redis and rescind serve, and waits until that is ready.
func newHouse(t *testing.T, opts houseOptions) *house {
	t.Helper()
	h := &house{
		t: t, Redis: redistest.Start(t), dir: t.TempDir(), Addr: freeAddr(t),
		AdminToken: strings.Repeat("0123456789abcdef", 2),
		Alice:      user{Name: "alice", Password: "correct horse battery staple"},
		Carol:      user{Name: "carol", Password: "another horse, another staple"},
	}
	admin, scheme := freeAddr(t), "http://"
	h.args = append([]string{"serve", "--redis", h.Redis.URL(), "--keys", "keys", "--users", "users.json",
		"--clients", "clients.json", "--addr", h.Addr, "--admin-addr", admin, "--check-timeout", "5s"}, opts.Args...)
	h.http = http.DefaultClient
	if opts.Authority != nil {
		h.http = opts.Authority.Client()
	}
	if opts.TLSCert != "" {
		scheme = "https://"
		h.args = append(h.args, "--tls-cert", opts.TLSCert, "--tls-key", opts.TLSKey)
	}
	h.URL, h.AdminURL = scheme+h.Addr, scheme+admin
	h.Issuer = h.URL
	h.args = append(h.args, "--issuer", h.Issuer)
	h.env = []string{"RESCIND_ADMIN_TOKEN=" + h.AdminToken, "GORACE=atexit_sleep_ms=0"}

	if opts.Algorithm == "" {
		opts.Algorithm = "ES256"
	}
	h.rescind("", "keys", "new", "--keys", "keys", "--alg", opts.Algorithm)
	h.addUser(&h.Alice, "read,write")
	h.addUser(&h.Carol, "write")
	h.Confidential = h.addClient("billing", "--scope", "read,jobs")
	h.Public = h.addClient("app", "--public")
	h.StartServer()
	return h
}

// rescind runs the command in the house's directory.
func (h *house) rescind(stdin string, args ...string) string {
	h.t.Helper()
	path, err := binary()
	require.NoError(h.t, err)
	return run(h.t, h.dir, nil, stdin, path, args...)
}

func (h *house) addUser(u *user, scope string) {
	h.t.Helper()
	out := h.rescind(u.Password, "users", "add", u.Name, "--users", "users.json", "--scope", scope, "--json")
	var added struct {
		Users []struct {
			Subject string `json:"sub"`
		} `json:"users"`
	}
	require.NoError(h.t, json.Unmarshal([]byte(out), &added), out)
	require.Len(h.t, added.Users, 1, out)
	u.Subject = added.Users[0].Subject
}

func (h *house) addClient(name string, args ...string) client {
	h.t.Helper()
	out := h.rescind("", append([]string{"clients", "add", name, "--clients", "clients.json", "--json"}, args...)...)
	var added struct {
		Client struct {
			ID string `json:"client_id"`
		} `json:"client"`
		Key string `json:"key"`
	}
	require.NoError(h.t, json.Unmarshal([]byte(out), &added), out)
	require.NotEmpty(h.t, added.Client.ID, out)
	return client{ID: added.Client.ID, Secret: added.Key}
}

// StartServer starts rescind serve, at the same address as before.
func (h *house) StartServer() {
	h.t.Helper()
	path, err := binary()
	require.NoError(h.t, err)
	h.server = start(h.t, h.dir, h.Addr, h.env, path, h.args...)
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	require.NoError(h.t, redistest.Poll(ctx, func() error {
		if said := h.server.said(); !strings.Contains(said, "serving ") {
			return fmt.Errorf("not ready:\n%s", said)
		}
		return nil
	}))
}

// StopServer ends rescind serve: nothing listens at its address any more.
func (h *house) StopServer() { h.server.stop() }

// Login logs a user in: a session without a client.
func (h *house) Login(u user) tokens {
	h.t.Helper()
	return h.login(u, nil)
}

// LoginFor logs a user in for a client: only that one refreshes the pair.
func (h *house) LoginFor(u user, c client) tokens {
	h.t.Helper()
	return h.login(u, func(r *http.Request) { r.SetBasicAuth(c.ID, c.Secret) })
}

func (h *house) login(u user, with func(*http.Request)) (got tokens) {
	h.t.Helper()
	body, err := json.Marshal(map[string]string{"username": u.Name, "password": u.Password})
	require.NoError(h.t, err)
	status, answer := h.post(h.URL+"/v1/login", "application/json", body, with)
	require.Equal(h.t, http.StatusCreated, status, "%s", answer)
	require.NoError(h.t, json.Unmarshal(answer, &got))
	return got
}

// Refresh exchanges a refresh token that belongs to no client; scope narrows
// where it is not empty.
func (h *house) Refresh(refresh, scope string) (got tokens) {
	h.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	if scope != "" {
		form.Set("scope", scope)
	}
	status, answer := h.post(h.URL+"/oauth/token", "application/x-www-form-urlencoded", []byte(form.Encode()), nil)
	require.Equal(h.t, http.StatusOK, status, "%s", answer)
	require.NoError(h.t, json.Unmarshal(answer, &got))
	return got
}

// Revoke revokes a token by the admin API, as an operator does.
func (h *house) Revoke(token string) {
	h.t.Helper()
	body, err := json.Marshal(map[string]string{"token": token})
	require.NoError(h.t, err)
	status, answer := h.post(h.AdminURL+"/v1/revocations", "application/json", body, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+h.AdminToken)
	})
	require.Equal(h.t, http.StatusCreated, status, "%s", answer)
}

func (h *house) post(to, contentType string, body []byte, with func(*http.Request)) (int, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "POST", to, bytes.NewReader(body))
	require.NoError(h.t, err)
	r.Header.Set("Content-Type", contentType)
	if with != nil {
		with(r)
	}
	answer, err := h.http.Do(r)
	require.NoError(h.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(h.t, err)
	return answer.StatusCode, text
}

// Env is all of the above for a program of another language.
func (h *house) Env() []string {
	return []string{
		"INTEROP_URL=" + h.URL, "INTEROP_ISSUER=" + h.Issuer, "INTEROP_AUDIENCE=rescind",
		"INTEROP_ADMIN_URL=" + h.AdminURL, "INTEROP_ADMIN_TOKEN=" + h.AdminToken,
		"INTEROP_USERNAME=" + h.Alice.Name, "INTEROP_PASSWORD=" + h.Alice.Password, "INTEROP_SUBJECT=" + h.Alice.Subject,
		"INTEROP_CLIENT_ID=" + h.Confidential.ID, "INTEROP_CLIENT_SECRET=" + h.Confidential.Secret,
		"INTEROP_PUBLIC_CLIENT_ID=" + h.Public.ID,
	}
}

// TestHouse is the frame itself: what every program here builds on.
func TestHouse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseOptions{})
	first := h.LoginFor(h.Alice, h.Confidential)
	require.NotEmpty(t, first.RefreshToken)
	second := h.Refresh(h.Login(h.Alice).RefreshToken, "read")
	require.Equal(t, "read", second.Scope)
	h.Revoke(second.AccessToken)
	keys, err := os.ReadDir(filepath.Join(h.dir, "keys"))
	require.NoError(t, err)
	require.NotEmpty(t, keys)
}
