package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const (
	testIssuer     = "https://issuer.example"
	testAdminToken = "an-admin-token-of-more-than-32-characters"
)

// clock is a Now that stands still until it is told otherwise.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock() *clock {
	c := new(clock)
	now := time.Date(2030, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	c.now.Store(&now)
	return c
}

func (c *clock) Now() time.Time { return *c.now.Load() }

func (c *clock) Advance(d time.Duration) {
	now := c.Now().Add(d)
	c.now.Store(&now)
}

// backend is what Memory and Redis both are.
type backend interface {
	rotation.Store
	denylist.Operator
	denylist.Barrier
	denylist.Throttle
	denylist.Inventory
}

// spyStore counts what the store is asked, and fails at will.
type spyStore struct {
	backend
	calls  atomic.Int64
	broken atomic.Bool // nothing works

	brokenRevoke atomic.Bool // revoking does not
}

func (s *spyStore) call() error {
	s.calls.Add(1)
	if s.broken.Load() {
		return denylist.ErrUnknown
	}
	return nil
}

func (s *spyStore) Check(ctx context.Context, t denylist.Token) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.backend.Check(ctx, t)
}

func (s *spyStore) Revoke(ctx context.Context, entries ...denylist.Entry) (denylist.Receipt, error) {
	if err := s.call(); err != nil || s.brokenRevoke.Load() {
		return denylist.Receipt{}, denylist.ErrUnknown
	}
	return s.backend.Revoke(ctx, entries...)
}

func (s *spyStore) Spend(ctx context.Context, t denylist.Token, next denylist.Successor, how denylist.Exchange) (denylist.Spent, error) {
	if err := s.call(); err != nil {
		return denylist.Spent{}, err
	}
	return s.backend.Spend(ctx, t, next, how)
}

func (s *spyStore) Spendable(ctx context.Context, t denylist.Token) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.backend.Spendable(ctx, t)
}

func (s *spyStore) Now(ctx context.Context) (time.Time, error) {
	if err := s.call(); err != nil {
		return time.Time{}, err
	}
	return s.backend.Now(ctx)
}

func (s *spyStore) Get(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	if err := s.call(); err != nil {
		return denylist.Entry{}, err
	}
	return s.backend.Get(ctx, scope, issuer, id)
}

func (s *spyStore) List(ctx context.Context, q denylist.Query) (denylist.Page, error) {
	if err := s.call(); err != nil {
		return denylist.Page{}, err
	}
	return s.backend.List(ctx, q)
}

func (s *spyStore) Counts(ctx context.Context) (denylist.Counts, error) {
	if err := s.call(); err != nil {
		return denylist.Counts{}, err
	}
	return s.backend.Counts(ctx)
}

func (s *spyStore) Reinstate(ctx context.Context, scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
	if err := s.call(); err != nil {
		return denylist.Entry{}, err
	}
	return s.backend.Reinstate(ctx, scope, issuer, id)
}

func (s *spyStore) Enlist(ctx context.Context, l denylist.Listed) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.backend.Enlist(ctx, l)
}

func (s *spyStore) Sessions(ctx context.Context, issuer, subject string) ([]denylist.Listed, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.backend.Sessions(ctx, issuer, subject)
}

// people is an Authenticator without hashing.
type people struct {
	asked  atomic.Int64
	during func() // called while a password is checked
	busy   string // whose passwords nobody has time for
}

func (p *people) Authenticate(_ context.Context, username, password string) (Identity, error) {
	p.asked.Add(1)
	if p.during != nil {
		p.during()
	}
	if p.busy != "" && username == p.busy {
		return Identity{}, ErrBusy
	}
	if username != "alice" || password != testPassword {
		return Identity{}, ErrCredentials
	}
	return Identity{Subject: "7d444840-9dc0-11d1-b245-5ffdce74fad2", Scope: []string{"read", "write"}}, nil
}

// site is a server on a store of its own, with one clock that stands still.
// Whatever a test does, its end asserts R19: no log holds a secret.
type site struct {
	*Server
	t        *testing.T
	clock    *clock
	list     *spyStore
	people   *people
	ring     *rotation.KeyRing
	sessions *rotation.Sessions
	logs     *logBuffer

	mu      sync.Mutex
	secrets []string
}

// siteOptions are what a test may want otherwise.
type siteOptions struct {
	rotation rotation.Options
	server   Options
	issuers  []verifier.Issuer // beside our own
	redis    *denylist.Redis   // in place of the embedded store; its clock is the real one
	listed   bool              // sessions are
}

func newSite(t *testing.T, opts siteOptions) *site {
	t.Helper()
	clock := newClock()
	var store backend = denylist.NewMemory(denylist.MemoryOptions{Now: clock.Now, Lifetime: 30 * 24 * time.Hour})
	if opts.redis != nil {
		clock.Advance(time.Since(clock.Now()))
		store = opts.redis
	}
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: clock.Now})
	require.NoError(t, err)
	s := &site{
		t: t, clock: clock, ring: ring, people: new(people), logs: new(logBuffer),
		list:    &spyStore{backend: store},
		secrets: []string{testPassword, testAdminToken},
	}
	opts.rotation.Issuer, opts.rotation.Now = testIssuer, clock.Now
	if opts.listed {
		opts.rotation.Inventory = s.list
	}
	s.sessions, err = rotation.New(ring, s.list, opts.rotation)
	require.NoError(t, err)
	v, err := verifier.New(s.list, append(opts.issuers, s.sessions.Issuer()), verifier.Options{Now: clock.Now})
	require.NoError(t, err)

	opts.server.AdminToken, opts.server.Now = testAdminToken, clock.Now
	opts.server.Logger = slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if opts.server.Login == nil {
		opts.server.Login = s.people
	}
	s.Server, err = New(s.sessions, v, s.list, opts.server)
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, secret := range s.secrets {
			assert.NotContains(t, s.logs.String(), secret, "R19: a secret in the logs")
		}
	})
	return s
}

// secret must not be found in any log.
func (s *site) secret(all ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range all {
		if len(secret) > 8 {
			s.secrets = append(s.secrets, secret)
		}
	}
}

// reply is an answer that has been read.
type reply struct {
	*http.Response
	t    *testing.T
	body []byte
}

// into reads the body as strict JSON.
func (r reply) into(v any) {
	r.t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	require.NoError(r.t, d.Decode(v), "%s", r.body)
}

// refused asserts that the answer is this refusal, as every refusal is.
func (r reply) refused(status int, code string) {
	r.t.Helper()
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	r.into(&body)
	assert.Equal(r.t, status, r.StatusCode, "%s", r.body)
	assert.Equal(r.t, code, body.Error, "%s", r.body)
	assert.NotEmpty(r.t, body.Description)
	assert.Equal(r.t, "no-store", r.Header.Get("Cache-Control"))
	assert.Equal(r.t, "application/json", r.Header.Get("Content-Type"))
	challenged := status == http.StatusUnauthorized || status == http.StatusForbidden
	assert.Equal(r.t, challenged, r.Header.Get("WWW-Authenticate") != "", "challenge on 401 and 403 (RFC 6750, section 3)")
	later := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
	assert.Equal(r.t, later, r.Header.Get("Retry-After") != "", "when to come back")
}

// send sends a request to a handler, as it stands.
func (s *site) send(handler http.Handler, r *http.Request) reply {
	s.t.Helper()
	for _, value := range r.Header.Values("Authorization") {
		s.secret(strings.TrimPrefix(value, "Bearer "))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(s.t, err)
	assert.NotEmpty(s.t, w.Header().Get("X-Request-Id"))
	return reply{w.Result(), s.t, body}
}

// ask sends a request with a bearer token (none if empty) to the main listener.
func (s *site) ask(method, path, token, body string) reply {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.send(s.Handler(), r)
}

// operate sends a request of an operator to the admin listener.
func (s *site) operate(method, path, body string) reply {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testAdminToken)
	return s.send(s.AdminHandler(), r)
}

// login logs alice in.
func (s *site) login() tokensBody {
	s.t.Helper()
	got := s.ask("POST", "/v1/login", "", `{"username":"alice","password":"`+testPassword+`"}`)
	require.Equal(s.t, http.StatusCreated, got.StatusCode, "%s", got.body)
	return s.tokensIn(got)
}

// rotate exchanges a token that can be exchanged.
func (s *site) rotate(token string) tokensBody {
	s.t.Helper()
	got := s.ask("POST", "/v1/rotate", token, "")
	require.Equal(s.t, http.StatusOK, got.StatusCode, "%s", got.body)
	return s.tokensIn(got)
}

func (s *site) tokensIn(got reply) tokensBody {
	s.t.Helper()
	var tokens tokensBody
	got.into(&tokens)
	assert.Equal(s.t, "no-store", got.Header.Get("Cache-Control"))
	assert.Equal(s.t, "Bearer", tokens.TokenType)
	s.secret(tokens.AccessToken, tokens.RefreshToken)
	return tokens
}

// alive asserts that forward auth accepts a token.
func (s *site) alive(token string) {
	s.t.Helper()
	got := s.ask("GET", "/v1/verify", token, "")
	assert.Equal(s.t, http.StatusOK, got.StatusCode, "%s", got.body)
}

// dead asserts that forward auth refuses a token as revoked.
func (s *site) dead(token string) {
	s.t.Helper()
	s.ask("GET", "/v1/verify", token, "").refused(http.StatusUnauthorized, "token_revoked")
}

// sign signs claims, ours where the map says nothing else; nil leaves out.
func (s *site) sign(typ string, change map[string]any) string {
	s.t.Helper()
	return signWith(s.t, s.ring, typ, s.claims(change))
}

func (s *site) claims(change map[string]any) map[string]any {
	now := s.clock.Now()
	claims := map[string]any{
		"iss": testIssuer, "aud": "rescind", "sub": "somebody", "jti": "a-token", "sid": "a-session",
		"iat": now.Unix(), "exp": now.Unix() + 600, "auth_time": now.Unix(), "auth_ms": now.UnixMilli(), "scope": "read write",
	}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func signWith(t *testing.T, ring *rotation.KeyRing, typ string, claims any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	token, err := ring.Sign(typ, payload)
	require.NoError(t, err)
	return token
}

// logBuffer is a log that a test can read.
type logBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// records are the log records so far.
func (b *logBuffer) records(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		all = append(all, record)
	}
	return all
}
