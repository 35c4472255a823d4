package scenario

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const serverIssuer = "https://issuer.example"

// keyDir is the directory of a server's key ring.
func keyDir(t *testing.T) (string, *rotation.KeyRing) {
	t.Helper()
	dir := t.TempDir()
	ring, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = ring.Generate(verifier.ES256)
	require.NoError(t, err)
	return dir, ring
}

// protected is a server that verifies with the ring's keys and denies what is
// on list.
func protected(t *testing.T, ring *rotation.KeyRing, list *denylist.Memory) *httptest.Server {
	t.Helper()
	v, err := verifier.New(list, []verifier.Issuer{{Name: serverIssuer, Keys: ring, Audiences: []string{"api"}}}, verifier.Options{})
	require.NoError(t, err)
	server := httptest.NewServer(v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "welcome")
	})))
	t.Cleanup(server.Close)
	return server
}

func newHTTPVerify(ctx context.Context, target string, tokens []string, knobs httpKnobs) (*httpAsker, error) {
	return newHTTPAsker(ctx, target, tokens, knobs, askBearers)
}

func httpKnobsOf(dir string, urls ...string) Knobs {
	knobs := Defaults()
	knobs.Tokens, knobs.KeysDir, knobs.Issuer, knobs.Audience, knobs.URLs = 20, dir, serverIssuer, []string{"api"}, urls
	return knobs
}

// class is the name under which an error counts.
func class(err error) string {
	var c bench.Classed
	if errors.As(err, &c) {
		return c.Class()
	}
	return ""
}

func TestHTTPVerify_TokensOfOurOwnMaking(t *testing.T) {
	t.Parallel()
	dir, ring := keyDir(t)
	list := denylist.NewMemory(denylist.MemoryOptions{})
	server := protected(t, ring, list)
	var shares []float64
	stand, err := Open(t.Context(), []string{httpVerifyName}, httpKnobsOf(dir, server.URL, server.URL+"/v1/verify"),
		func(_ string, share float64) { shares = append(shares, share) })
	require.NoError(t, err)
	defer stand.Close()

	host := strings.TrimPrefix(server.URL, "http://")
	contenders := stand.Contenders()
	require.Len(t, contenders, 2)
	assert.Equal(t, "http-verify:"+host, contenders[0].Name)
	assert.Equal(t, "http-verify:"+host+"/v1/verify", contenders[1].Name)
	assert.Equal(t, 1.0, shares[len(shares)-1])

	do, err := contenders[1].Scenario.Operation(0, 1)
	require.NoError(t, err)
	for range 50 {
		require.NoError(t, do(t.Context()))
	}
	_, err = list.Revoke(t.Context(), denylist.IssuerEntry(serverIssuer, time.Time{}))
	require.NoError(t, err)
	err = do(t.Context())
	assert.Equal(t, "http_401", class(err))
	assert.NoError(t, stand.Close())
}

// answering is a server that gives every request the same answer.
func answering(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

func TestHTTPVerify_Probe(t *testing.T) {
	t.Parallel()
	status := func(code int) string {
		return answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	var followed atomic.Int32
	elsewhere := answering(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())

	const token = "eyJzZWNyZXQiOjF9.e30.c2VjcmV0"
	for name, target := range map[string]struct {
		url  string
		want error
	}{
		"401":       {status(401), ErrRefused},
		"403":       {status(403), ErrRefused},
		"404":       {status(404), ErrRefused},
		"204":       {status(204), ErrRefused},
		"redirect":  {answering(t, http.RedirectHandler(elsewhere, http.StatusFound).ServeHTTP), ErrRefused},
		"503":       {status(503), ErrUnreachable},
		"nobody":    {"http://" + l.Addr().String(), ErrUnreachable},
		"no host":   {"http://no-such-host.invalid", ErrUnreachable},
		"not HTTPS": {strings.Replace(status(200), "http:", "https:", 1), ErrUnreachable},
		"hangs up": {answering(t, func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}), ErrUnreachable},
		"endless": {answering(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 2*maxAnswer))
		}), ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newHTTPVerify(t.Context(), target.url+"/v1/verify?key=hunter2", []string{token}, httpKnobs{})
			require.ErrorIs(t, err, target.want)
			assert.Contains(t, err.Error(), target.url+"/v1/verify")
			assert.NotContains(t, err.Error(), token)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	t.Cleanup(func() { assert.Zero(t, followed.Load(), "a redirect was followed") })
}

func TestHTTPVerify_KeepsAConnectionForEachWorker(t *testing.T) {
	t.Parallel()
	const workers = 8
	var dialled atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 20<<10)) // to be read to its end, or the connection is lost
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	h, err := newHTTPVerify(t.Context(), server.URL, []string{"a", "b"}, httpKnobs{Workers: workers})
	require.NoError(t, err)
	defer h.Close()
	all(t, h, workers, func(do bench.Operation) {
		for range 100 {
			assert.NoError(t, do(t.Context()))
		}
	})
	// A dial that another worker's connection overtook is not thrown away.
	assert.LessOrEqual(t, dialled.Load(), int32(2*workers))
}

// all runs something with every worker's operation, side by side.
func all(t *testing.T, s bench.Scenario, workers int, run func(do bench.Operation)) {
	t.Helper()
	var done sync.WaitGroup
	for worker := range workers {
		do, err := s.Operation(worker, workers)
		require.NoError(t, err)
		done.Go(func() { run(do) })
	}
	done.Wait()
}

func TestHTTPVerify_HTTP2OverTLS(t *testing.T) {
	t.Parallel()
	var versions [3]atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		versions[r.ProtoMajor].Add(1)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	_, err := newHTTPVerify(t.Context(), server.URL, []string{"a"}, httpKnobs{})
	require.ErrorIs(t, err, ErrUnreachable, "a certificate of nobody was accepted")
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	h, err := newHTTPVerify(t.Context(), server.URL, []string{"a"}, httpKnobs{Workers: 2, Roots: roots})
	require.NoError(t, err)
	defer h.Close()
	all(t, h, 2, func(do bench.Operation) {
		for range 20 {
			assert.NoError(t, do(t.Context()))
		}
	})
	assert.Equal(t, int32(41), versions[2].Load())
}

// A worker that is asked for again goes on where it was; another goes its own
// way, and the same way with the same seed.
func TestHTTPVerify_OrderComesFromTheSeed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sent []string
	url := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, r.Header.Get("Authorization"))
	})
	tokens := make([]string, 100)
	for i := range tokens {
		tokens[i] = strings.Repeat("x", i+1)
	}
	orderOf := func(seed uint64, worker int, asks ...int) []string {
		h, err := newHTTPVerify(t.Context(), url, tokens, httpKnobs{Workers: 2, Seed: seed})
		require.NoError(t, err)
		defer h.Close()
		sent = nil
		for _, times := range asks {
			do, err := h.Operation(worker, 2)
			require.NoError(t, err)
			for range times {
				require.NoError(t, do(t.Context()))
			}
		}
		return sent
	}
	first := orderOf(1, 0, 20)
	assert.Equal(t, first, orderOf(1, 0, 10, 10))
	assert.NotEqual(t, first, orderOf(1, 1, 20))
	assert.NotEqual(t, first, orderOf(2, 0, 20))
}

// BenchmarkHTTPVerify shows what the operation adds to net/http.
func BenchmarkHTTPVerify(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	h, err := newHTTPVerify(b.Context(), server.URL, []string{"a", "b"}, httpKnobs{})
	require.NoError(b, err)
	defer h.Close()
	b.Run("transport", func(b *testing.B) {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL, nil)
		require.NoError(b, err)
		request.Header.Set("Authorization", "Bearer a")
		b.ReportAllocs()
		for b.Loop() {
			answer, err := h.transport.RoundTrip(request)
			if err != nil {
				b.Fatal(err)
			}
			_ = answer.Body.Close()
		}
	})
	b.Run("operation", func(b *testing.B) {
		do, err := h.Operation(0, 1)
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			if err := do(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
