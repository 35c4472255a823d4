package rotation_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// site is a house whose API renews tokens by the way.
type site struct {
	*house
	api      http.Handler
	failures []error
}

func newSite(t *testing.T, opts rotation.Options, sliding rotation.SlidingOptions) *site {
	t.Helper()
	opts.Style = rotation.Single
	s := &site{house: newHouse(t, opts)}
	s.api = s.handler(s.Sessions, s.house.api, sliding, hello)
	return s
}

// handler is an API as another node has it.
func (s *site) handler(sessions *rotation.Sessions, api *verifier.Verifier, opts rotation.SlidingOptions, app http.HandlerFunc) http.Handler {
	s.t.Helper()
	opts.Timeout = 10 * time.Second
	opts.OnFailure = func(err error) { s.failures = append(s.failures, err) }
	sliding, err := rotation.NewSliding(sessions, opts)
	require.NoError(s.t, err)
	return api.Middleware(sliding.Middleware(app))
}

func hello(w http.ResponseWriter, r *http.Request) {
	c, _ := verifier.FromContext(r.Context())
	_, _ = io.WriteString(w, c.ID())
}

// ask sends a request with a token to an API.
func ask(api http.Handler, raw string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w
}

// renewed is the token that a request is answered with, empty where it has
// none. The request itself must succeed.
func (s *site) renewed(raw string) string {
	s.t.Helper()
	w := ask(s.api, raw)
	require.Equal(s.t, http.StatusOK, w.Code, w.Body)
	return w.Header().Get("X-Renewed-Token")
}

func TestSliding_OnceLessThanHalfIsLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{VerifyOverlap: 10 * time.Second}, rotation.SlidingOptions{})
	first := s.login("read")
	half := first.IssuedAt.Add(first.AccessExpiresAt.Sub(first.IssuedAt) / 2)
	s.clock.Set(half)
	assert.Empty(t, s.renewed(first.Access))
	s.clock.Set(half.Add(time.Millisecond))
	second := s.renewed(first.Access)
	require.NotEmpty(t, second)
	claims := member(t, second, 1)
	assert.EqualValues(t, 1, claims["rot"])
	assert.Equal(t, "read", claims["scope"])
	s.accepts(second)
	assert.Empty(t, s.renewed(second))

	t.Run("idle for longer than it lives is logged out", func(t *testing.T) {
		s.clock.Advance(15*time.Minute + time.Second)
		assert.Equal(t, http.StatusUnauthorized, ask(s.api, second).Code)
	})
	assert.Empty(t, s.failures)
}

func TestSliding_AtEveryResponseAsOftenAsR13Allows(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{RotateEvery: time.Hour}, rotation.SlidingOptions{Always: true, Header: "X-Next"})
	raw := s.login().Access
	for range 20 {
		w := ask(s.api, raw)
		require.Equal(t, http.StatusOK, w.Code)
		raw = w.Header().Get("X-Next")
		require.NotEmpty(t, raw)
	}
	w := ask(s.api, raw)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Header().Get("X-Next"))
	assert.Empty(t, s.failures)
}

func TestR13_SlidingStopsAtTheSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{SessionTTL: 20 * time.Minute}, rotation.SlidingOptions{Always: true})
	first := s.login()
	s.clock.Advance(10 * time.Minute)
	second := s.renewed(first.Access)
	assert.EqualValues(t, first.SessionExpiresAt.Unix(), member(t, second, 1)["exp"])
	assert.Empty(t, s.renewed(second), "it would live no longer")
	s.clock.Set(first.SessionExpiresAt)
	assert.Equal(t, http.StatusUnauthorized, ask(s.api, second).Code)
}

// Whatever the application does with the headers, scripts may read the token
// and no cache keeps it.
func TestSliding_NoCacheKeepsTheToken(t *testing.T) {
	t.Parallel()
	careless := func(w http.ResponseWriter) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("CDN-Cache-Control", "max-age=3600")
		w.Header().Set("Vary", "Accept, Origin")
		w.Header().Set("Access-Control-Expose-Headers", "X-Total")
	}
	for name, app := range map[string]http.HandlerFunc{
		"body":      func(w http.ResponseWriter, _ *http.Request) { careless(w); _, _ = w.Write([]byte("x")) },
		"status":    func(w http.ResponseWriter, _ *http.Request) { careless(w); w.WriteHeader(http.StatusTeapot) },
		"nothing":   func(w http.ResponseWriter, _ *http.Request) { careless(w) },
		"flush":     func(w http.ResponseWriter, _ *http.Request) { careless(w); _ = http.NewResponseController(w).Flush() },
		"early":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); careless(w); w.WriteHeader(200) },
		"read from": func(w http.ResponseWriter, _ *http.Request) { careless(w); _, _ = io.Copy(w, strings.NewReader("x")) },
		"not modified": func(w http.ResponseWriter, r *http.Request) {
			careless(w)
			w.Header().Set("ETag", `"1"`)
			http.ServeContent(w, r, "a.txt", time.Unix(1, 0), strings.NewReader("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, rotation.Options{VerifyOverlap: time.Minute}, rotation.SlidingOptions{})
			web := httptest.NewServer(s.handler(s.Sessions, s.house.api, rotation.SlidingOptions{Always: true}, app))
			t.Cleanup(web.Close)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL, nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+s.login().Access)
			r.Header.Set("If-None-Match", `"1"`)
			r.Header.Set("If-Modified-Since", time.Now().UTC().Format(http.TimeFormat))
			answer, err := web.Client().Do(r)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.NotEqual(t, http.StatusNotModified, answer.StatusCode)
			s.accepts(answer.Header.Get("X-Renewed-Token"))
			assert.Equal(t, []string{"no-store"}, answer.Header.Values("Cache-Control"))
			assert.Empty(t, answer.Header.Values("CDN-Cache-Control"))
			assert.Contains(t, strings.Join(answer.Header.Values("Vary"), ", "), "Authorization")
			assert.Equal(t, []string{"X-Total", "X-Renewed-Token"}, answer.Header.Values("Access-Control-Expose-Headers"))
		})
	}
}

// A connection that the application takes over is no reason to fail.
func TestSliding_LeavesTheWriterAsItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{}, rotation.SlidingOptions{})
	web := httptest.NewServer(s.handler(s.Sessions, s.house.api, rotation.SlidingOptions{Always: true}, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			_ = conn.Close()
		}
	}))
	t.Cleanup(web.Close)
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.login().Access+"\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusNoContent, answer.StatusCode)
}

// The middleware meets a token that somebody else exchanged, and neither fails
// the request nor ends the session.
func TestR12_SlidingNeverKillsASession(t *testing.T) {
	t.Parallel()
	for name, attempt := range map[string]rotation.Attempt{"without a key": {}, "with a key": {IdempotencyKey: "k"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, rotation.Options{VerifyOverlap: time.Minute, ReplayWindow: 0}, rotation.SlidingOptions{Always: true})
			first := s.login()
			second, err := s.Exchange(t.Context(), first.Access, attempt)
			require.NoError(t, err)
			assert.Empty(t, s.renewed(first.Access))
			s.accepts(second.Access)
			s.accepts(s.exchange(second.Access).Access)
			assert.Empty(t, s.renewed(first.Access), "a grandparent")
			assert.Empty(t, s.failures)
		})
	}
}

// The response with the successor is lost: the next request has it again.
func TestSliding_LostResponse(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second}, rotation.SlidingOptions{})
	first := s.login().Access
	s.clock.Advance(8 * time.Minute)
	lost := s.renewed(first)
	s.clock.Advance(5 * time.Second)
	again := s.renewed(first)
	assert.Equal(t, member(t, lost, 1), member(t, again, 1))
	s.clock.Advance(8 * time.Minute)
	assert.NotEmpty(t, s.renewed(again))
}

func TestR14_RenewalThatCannotTellLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	app := &application{}
	s := newSite(t, rotation.Options{Claims: app.say}, rotation.SlidingOptions{})
	first := s.login()
	for name, trouble := range map[string]struct {
		store *troubled
		err   error
	}{
		"store":       {&troubled{Store: s.list, refuse: 99}, nil},
		"unavailable": {&troubled{Store: s.list, refuse: 99, cause: denylist.ErrUnavailable}, nil},
		"application": {&troubled{Store: s.list}, errors.New("database is down")},
	} {
		app.err, s.failures = trouble.err, nil
		s.api = s.handler(s.node(trouble.store, nil), s.house.api, rotation.SlidingOptions{Always: true}, hello)
		assert.Empty(t, s.renewed(first.Access), name)
		assert.Len(t, s.failures, 1, name)
		assert.ErrorIs(t, s.failures[0], denylist.ErrUnavailable, name)
	}
}

// A verifier with an old copy of the denylist lets a request pass that the
// exchange denies: then it is denied.
func TestSliding_HardRevocationWins(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{}, rotation.SlidingOptions{})
	stale, err := verifier.New(denylist.NewMemory(denylist.MemoryOptions{}), []verifier.Issuer{s.Issuer()}, verifier.Options{Now: s.clock.Now})
	require.NoError(t, err)
	api := s.handler(s.Sessions, stale, rotation.SlidingOptions{Always: true}, hello)
	first := s.login()
	require.NoError(t, s.Logout(t.Context(), first.Access))
	w := ask(api, first.Access)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Body.String(), "token_revoked")
	assert.Empty(t, w.Header().Get("X-Renewed-Token"))
}

func TestSliding_LeavesOtherTokensAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, rotation.Options{}, rotation.SlidingOptions{Always: true})
	pair := login(t, s.node(s.list, func(o *rotation.Options) { o.Style = rotation.Pair }), "alice")
	assert.Empty(t, s.renewed(pair.Access))
	clients, err := s.Login(t.Context(), rotation.Login{At: s.clock.Now(), Subject: "alice", ClientID: "app"})
	require.NoError(t, err)
	assert.Empty(t, s.renewed(clients.Access))
	assert.Equal(t, http.StatusUnauthorized, ask(s.api, pair.Refresh).Code)
	assert.Empty(t, s.failures)

	sliding, err := rotation.NewSliding(s.Sessions, rotation.SlidingOptions{})
	require.NoError(t, err)
	w := ask(sliding.Middleware(http.HandlerFunc(hello)), s.login().Access)
	assert.Equal(t, http.StatusUnauthorized, w.Code, "nobody has verified it")
}

func TestSliding_BadOptions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, rotation.Options{})
	for _, opts := range []rotation.SlidingOptions{{Header: "X Token"}, {Header: "X-T\r\nSet-Cookie"}, {Header: "X-Tök"}, {Timeout: -1}} {
		_, err := rotation.NewSliding(h.Sessions, opts)
		assert.Error(t, err, "%+v", opts)
	}
	_, err := rotation.NewSliding(nil, rotation.SlidingOptions{})
	assert.Error(t, err)
}

// Fifty requests of one page while one of them, or the client, exchanges the
// token that they came with.
func TestR12_FiftyRequestsWhileOneRotates(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		for name, overlap := range map[string]time.Duration{"overlap on": time.Minute, "overlap off": 0} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, store, rotation.Options{Style: rotation.Single, VerifyOverlap: overlap, ReplayWindow: time.Minute})
				sliding, err := rotation.NewSliding(f.nodes[0], rotation.SlidingOptions{Always: true, Timeout: 10 * time.Second})
				require.NoError(t, err)
				byTheWay := f.api.Middleware(sliding.Middleware(http.HandlerFunc(hello)))
				plain := f.api.Middleware(http.HandlerFunc(hello))

				// All at once: with the overlap nobody is refused, and everybody
				// who is renewed has the same successor.
				first := login(t, f.nodes[0], "s").Access
				answers := crowd(50, func() *httptest.ResponseRecorder { return ask(byTheWay, first) })
				ids := map[any]bool{}
				for _, w := range answers {
					if overlap > 0 {
						assert.Equal(t, http.StatusOK, w.Code, w.Body)
					}
					if raw := w.Header().Get("X-Renewed-Token"); raw != "" {
						ids[member(t, raw, 1)["jti"]] = true
					}
				}
				assert.Len(t, ids, 1)

				// Those that begin after it.
				want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[overlap > 0]
				for _, w := range crowd(50, func() *httptest.ResponseRecorder { return ask(byTheWay, first) }) {
					assert.Equal(t, want, w.Code, w.Body)
				}

				// The client rotates, of a single token and of a pair.
				second := login(t, f.nodes[0], "s").Access
				_, err = f.nodes[1].Exchange(t.Context(), second, rotation.Attempt{})
				require.NoError(t, err)
				pairs := newFleet(t, store, rotation.Options{VerifyOverlap: overlap})
				pair := login(t, pairs.nodes[0], "s")
				_, err = pairs.nodes[1].Exchange(t.Context(), pair.Refresh, rotation.Attempt{})
				require.NoError(t, err)
				pairApi := pairs.api.Middleware(http.HandlerFunc(hello))
				for _, ask := range []func() *httptest.ResponseRecorder{
					func() *httptest.ResponseRecorder { return ask(plain, second) },
					func() *httptest.ResponseRecorder { return ask(pairApi, pair.Access) },
				} {
					for _, w := range crowd(50, ask) {
						assert.Equal(t, want, w.Code, w.Body)
					}
				}
			})
		}
	})
}

// crowd does something many times at once.
func crowd(n int, do func() *httptest.ResponseRecorder) []*httptest.ResponseRecorder {
	answers := make([]*httptest.ResponseRecorder, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-start
			answers[i] = do()
		})
	}
	close(start)
	wg.Wait()
	return answers
}
