package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idp is an identity provider that a test can change.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	asked   []string
	down    bool
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{answers: map[string]http.HandlerFunc{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.Path)
	answer, down := p.answers[r.URL.Path], p.down
	p.mu.Unlock()
	switch {
	case down:
		w.WriteHeader(http.StatusInternalServerError)
	case answer == nil:
		http.NotFound(w, r)
	default:
		answer(w, r)
	}
}

func (p *idp) handle(path string, answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = answer
}

func (p *idp) say(path, body string) {
	p.handle(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

func (p *idp) isDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *idp) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// publish shows keys, and the document that leads to them.
func (p *idp) publish(issuer string, jwks ...string) {
	p.say("/keys", setOf(jwks...))
	path := strings.TrimSuffix(strings.TrimPrefix(issuer, p.URL), "/")
	p.say(path+"/.well-known/openid-configuration", metadata(issuer, p.URL+"/keys"))
}

func metadata(issuer, keys string) string {
	text, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": keys})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// remoteAt is a Remote on a clock of the test's.
func remoteAt(t *testing.T, p *idp, path string) (*Remote, *handClock) {
	t.Helper()
	clock := &handClock{now: testNow}
	r, err := NewRemote(p.URL+path, RemoteOptions{Now: clock.Now})
	require.NoError(t, err)
	return r, clock
}

func (c *handClock) pass(d time.Duration) { c.set(c.Now().Add(d)) }

func TestRemoteDiscovers(t *testing.T) {
	t.Parallel()
	es256 := jwkOf(t, ES256, `kid="one"`)
	for _, tt := range []struct{ name, issuer, document string }{
		{"OpenID Connect", "", "/.well-known/openid-configuration"},
		{"a path", "/realms/shop", "/realms/shop/.well-known/openid-configuration"},
		{"a slash at the end", "/", "/.well-known/openid-configuration"},
		{"a path with a slash at its end", "/realms/shop/", "/realms/shop/.well-known/openid-configuration"},
		{"OAuth only", "", "/.well-known/oauth-authorization-server"},
		{"OAuth only, a path", "/realms/shop", "/.well-known/oauth-authorization-server/realms/shop"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newIDP(t)
			p.say("/keys", setOf(es256))
			p.say(tt.document, metadata(p.URL+tt.issuer, p.URL+"/keys"))
			r, _ := remoteAt(t, p, tt.issuer)
			key, err := r.Key(t.Context(), "one")
			require.NoError(t, err)
			assert.Equal(t, ES256, key.Algorithm())
			assert.Equal(t, RemoteStats{Fetches: 1, FetchedAt: testNow, Keys: 1}, r.Stats())
		})
	}
}

// Whatever is wrong with what an issuer says: nobody is asked but it, no key is
// believed, and the answer is "cannot tell".
func TestRemoteRefuses(t *testing.T) {
	t.Parallel()
	const document = "/.well-known/openid-configuration"
	good := setOf(jwkOf(t, ES256, `kid="one"`))
	large := strings.Repeat(" ", maxDocument+1)
	other := newIDP(t)
	other.say("/keys", good)
	for _, tt := range []struct {
		name string
		set  func(p *idp)
	}{
		{"no document", func(p *idp) { p.say("/keys", good) }},
		{"another's document", func(p *idp) { p.say(document, metadata("https://other.example", p.URL+"/keys")) }},
		{"a slash more", func(p *idp) { p.say(document, metadata(p.URL+"/", p.URL+"/keys")) }},
		{"no issuer", func(p *idp) { p.say(document, `{"jwks_uri":"`+p.URL+`/keys"}`) }},
		{"two issuers", func(p *idp) {
			p.say(document, fmt.Sprintf(`{"issuer":"https://other.example","issuer":%q,"jwks_uri":%q}`, p.URL, p.URL+"/keys"))
		}},
		{"no jwks_uri", func(p *idp) { p.say(document, `{"issuer":"`+p.URL+`"}`) }},
		{"a jwks_uri without https", func(p *idp) { p.say(document, metadata(p.URL, "http://keys.example/keys")) }},
		{"a jwks_uri that is a file", func(p *idp) { p.say(document, metadata(p.URL, "file:///etc/passwd")) }},
		{"a jwks_uri with a user", func(p *idp) { p.say(document, metadata(p.URL, "https://a:b@keys.example/")) }},
		{"not JSON", func(p *idp) { p.say(document, "<html>") }},
		{"an array", func(p *idp) { p.say(document, "[]") }},
		{"too large", func(p *idp) { p.say(document, metadata(p.URL, p.URL+"/keys")+large) }},
		{"a document elsewhere", func(p *idp) {
			p.handle(document, http.RedirectHandler(other.URL+"/keys", http.StatusFound).ServeHTTP)
		}},
		{"keys elsewhere", func(p *idp) {
			p.handle("/keys", http.RedirectHandler(other.URL+"/keys", http.StatusFound).ServeHTTP)
		}},
		{"going in circles", func(p *idp) {
			p.handle("/keys", http.RedirectHandler(p.URL+"/keys", http.StatusFound).ServeHTTP)
		}},
		{"keys too large", func(p *idp) { p.say("/keys", good+large) }},
		{"no keys", func(p *idp) { p.say("/keys", `{"keys":[]}`) }},
		{"keys that are none", func(p *idp) { p.say("/keys", `{}`) }},
		{"a symmetric key", func(p *idp) { p.say("/keys", setOf(jwkOf(t, HS256, `alg="HS256"`))) }},
		{"a symmetric key among others", func(p *idp) { p.say("/keys", setOf(jwkOf(t, ES256), jwkOf(t, HS256, `alg="HS256"`))) }},
		{"a private key", func(p *idp) { p.say("/keys", setOf(jwkOf(t, ES256, `kid="one"`, `d="AAAA"`))) }},
		{"two of one kid", func(p *idp) { p.say("/keys", setOf(jwkOf(t, ES256, `kid="one"`), jwkOf(t, ES384, `kid="one"`))) }},
		{"status 204", func(p *idp) {
			p.handle("/keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newIDP(t)
			p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
			if tt.name == "no document" {
				p.handle(document, nil)
			}
			tt.set(p)
			r, _ := remoteAt(t, p, "")
			_, err := r.Key(t.Context(), "one")
			require.ErrorIs(t, err, ErrKeys)
			assert.NotErrorIs(t, err, ErrUnknownKey)
			assert.Equal(t, http.StatusServiceUnavailable, RefusalOf(err).Status)
			assert.Nil(t, r.Generation())
			assert.Equal(t, uint64(1), r.Stats().Failures)
		})
	}
	t.Cleanup(func() { assert.Zero(t, other.requests(), "another host was asked") })
}

func TestRemoteURLs(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "issuer.example", "http://issuer.example", "https://", "https://a:b@issuer.example", "https://issuer.example#a",
		"ftp://issuer.example", "https:issuer.example", "https://issuer.example?tenant=a", "http://127.0.0.1.issuer.example",
		"http://localhost.issuer.example", "https://issuer.example?", "https://issuer.example/\x7f",
	} {
		_, err := NewRemote(bad, RemoteOptions{})
		assert.Error(t, err, "%q", bad)
	}
	for _, good := range []string{"https://issuer.example", "https://issuer.example/a/", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:1"} {
		_, err := NewRemote(good, RemoteOptions{})
		assert.NoError(t, err, "%q", good)
	}
	_, err := NewRemoteJWKS("http://issuer.example/keys?tenant=a", RemoteOptions{InsecureHTTP: true})
	assert.NoError(t, err)
	_, err = NewRemoteJWKS("http://issuer.example/keys", RemoteOptions{})
	assert.Error(t, err)

	// A document over https does not lead to http, nor to this machine.
	for _, keys := range []string{"http://127.0.0.1/keys", "https://localhost/keys", "http://issuer.example/keys"} {
		_, err := parseMetadata([]byte(metadata("https://issuer.example", keys)), "https://issuer.example", false)
		assert.Error(t, err, keys)
	}
	for _, opts := range []RemoteOptions{
		{RefreshEvery: defaultRefresh + 1}, {TrustFor: defaultTrust + 1}, {RefreshEvery: -1}, {Timeout: time.Hour}, {RSAAlgorithm: ES256},
	} {
		_, err := NewRemote("https://issuer.example", opts)
		assert.Error(t, err, "%+v", opts)
	}
}

// Fetched again after 15 min, and what was withdrawn is gone then.
func TestRemoteRefreshes(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`), jwkOf(t, ES384, `kid="two"`))
	r, clock := remoteAt(t, p, "")
	one, err := r.Key(t.Context(), "one")
	require.NoError(t, err)
	before := r.Generation()

	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	clock.pass(defaultRefresh - 1)
	_, err = r.Key(t.Context(), "two")
	require.NoError(t, err)
	assert.Equal(t, uint64(1), r.Stats().Fetches)
	assert.Same(t, before, r.Generation())

	clock.pass(1)
	_, err = r.Key(t.Context(), "two")
	require.ErrorIs(t, err, ErrUnknownKey)
	assert.Equal(t, uint64(2), r.Stats().Fetches)
	assert.NotSame(t, before, r.Generation())
	again, err := r.Key(t.Context(), "one")
	require.NoError(t, err)
	assert.True(t, one == again, "a key that is still there is the same one")
}

// Random kids make it ask once in 30 s, and learn nothing.
func TestRemoteUnknownKids(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	r, clock := remoteAt(t, p, "")
	_, err := r.Key(t.Context(), "one")
	require.NoError(t, err)
	guess := func(n int) {
		for i := range n {
			_, err := r.Key(t.Context(), fmt.Sprint("guess-", i))
			require.ErrorIs(t, err, ErrUnknownKey)
			require.NotErrorIs(t, err, ErrKeys)
		}
	}
	guess(1000)
	assert.Equal(t, uint64(1), r.Stats().Fetches)
	for range 10 {
		clock.pass(fetchInterval)
		guess(100)
	}
	assert.Equal(t, uint64(11), r.Stats().Fetches)

	// A new key is found by its kid.
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`), jwkOf(t, ES384, `kid="new"`))
	clock.pass(fetchInterval)
	_, err = r.Key(t.Context(), "new")
	assert.NoError(t, err)

	// While the issuer does not answer, an unknown kid may be a new key's.
	p.isDown(true)
	clock.pass(fetchInterval)
	_, err = r.Key(t.Context(), "newer")
	assert.ErrorIs(t, err, ErrKeys)
	_, err = r.Key(t.Context(), "one")
	assert.NoError(t, err)
}

func TestRemoteWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	r, clock := remoteAt(t, p, "")
	_, err := r.Key(t.Context(), "one")
	require.NoError(t, err)

	p.isDown(true)
	clock.pass(time.Hour)
	for range 10 { // one minute a try
		_, err = r.Key(t.Context(), "one")
		require.NoError(t, err, "for an hour")
	}
	assert.Equal(t, uint64(2), r.Stats().Fetches)
	assert.Error(t, r.Refresh(t.Context()))
	assert.Equal(t, uint64(2), r.Stats().Fetches)

	clock.set(testNow.Add(defaultTrust - 1))
	_, err = r.Key(t.Context(), "one")
	require.NoError(t, err)
	assert.False(t, r.Generation().over(clock.Now()))
	clock.set(testNow.Add(defaultTrust))
	assert.True(t, r.Generation().over(clock.Now()), "caches ask then")
	_, err = r.Key(t.Context(), "one")
	require.ErrorIs(t, err, ErrKeys, "for a day")

	p.isDown(false)
	clock.pass(fetchInterval)
	_, err = r.Key(t.Context(), "one")
	assert.NoError(t, err, "back again")
	assert.NoError(t, r.Refresh(t.Context()))
}

// Refresh fetches before it is due, so that nobody waits.
func TestRemoteRefreshIsEarly(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	r, clock := remoteAt(t, p, "")
	for range 3 {
		require.NoError(t, r.Refresh(t.Context()))
	}
	assert.Equal(t, uint64(1), r.Stats().Fetches)
	clock.pass(defaultRefresh - time.Minute)
	require.NoError(t, r.Refresh(t.Context()))
	assert.Equal(t, uint64(2), r.Stats().Fetches)
}

func TestRemoteCacheControl(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		control, age string
		want         time.Duration
	}{
		{"", "", defaultRefresh},
		{"max-age=300", "", 5 * time.Minute},
		{"Public, Max-Age=300", "60", 4 * time.Minute},
		{"max-age=86400", "", defaultRefresh},
		{"max-age=1", "", soonest},
		{"max-age=99999999999999999999", "", soonest},
		{"max-age=-1", "", soonest},
		{"no-store", "", soonest},
		{"max-age=600, no-cache", "", soonest},
		{"max-age=600", "99999", soonest},
		{"must-revalidate", "", defaultRefresh},
		{strings.Repeat("a", maxCacheControl+1), "", defaultRefresh},
	} {
		p := newIDP(t)
		p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
		p.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", tt.control)
			w.Header().Set("Age", tt.age)
			_, _ = io.WriteString(w, setOf(jwkOf(t, ES256, `kid="one"`)))
		})
		r, _ := remoteAt(t, p, "")
		_, err := r.Key(t.Context(), "one")
		require.NoError(t, err)
		assert.Equal(t, testNow.Add(tt.want), r.Generation().Until, "%q", tt.control)
	}
}

// One fetch, whatever the number of callers; each waits no longer than it wants
// to, and the fetch goes on without them.
func TestRemoteOneFetchInFlight(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var flights atomic.Int64
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	p.handle("/keys", func(w http.ResponseWriter, _ *http.Request) {
		if flights.Add(1) == 1 {
			close(arrived)
		}
		<-release
		_, _ = io.WriteString(w, setOf(jwkOf(t, ES256, `kid="one"`)))
	})
	r, _ := remoteAt(t, p, "")

	impatient, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := r.Key(impatient, "one"); gone <- err }()
	<-arrived
	cancel()
	err := <-gone
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, http.StatusServiceUnavailable, RefusalOf(err).Status)

	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			_, err := r.Key(t.Context(), "one")
			assert.NoError(t, err)
		})
	}
	close(release)
	callers.Wait()
	assert.Equal(t, int64(1), flights.Load())
}

// A verifier's cache follows: nothing is verified anew while keys stay, and
// what a withdrawn key verified dies with it.
func TestRemoteVoidsTheCache(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	text, err := json.Marshal(jwkFrom(t, f.key))
	require.NoError(t, err)
	p := newIDP(t)
	p.publish(p.URL, string(text))
	r, clock := remoteAt(t, p, "")
	v := verifierOf(t, f, r, clock.Now)
	raw := f.token(map[string]any{"exp": testNow.Add(20 * time.Hour).Unix()})
	verify := func() error { _, err := v.Verify(t.Context(), raw); return err }
	require.NoError(t, verify())
	clock.pass(time.Hour)
	require.NoError(t, verify())
	require.NoError(t, verify())
	assert.Equal(t, uint64(2), v.CacheStats().Hits)
	p.isDown(true)
	clock.pass(time.Hour)
	require.NoError(t, verify())

	p.isDown(false)
	p.publish(p.URL, jwkOf(t, EdDSA, `kid="another"`))
	clock.pass(retryAfter)
	require.ErrorIs(t, verify(), ErrUnknownKey)
	assert.Equal(t, uint64(1), v.CacheStats().Voided)
}

// jwkFrom is a key as its issuer shows it.
func jwkFrom(t *testing.T, key Key) map[string]any {
	t.Helper()
	public, ok := key.Public().(interface{ Bytes() ([]byte, error) })
	require.True(t, ok)
	point, err := public.Bytes()
	require.NoError(t, err)
	half := len(point) / 2
	return map[string]any{
		"kty": "EC", "crv": "P-256", "kid": key.ID(), "x": segment(string(point[1 : 1+half])), "y": segment(string(point[1+half:])),
	}
}

// A token cannot name where its keys are: not in its header, nor by its issuer.
func TestR2_NothingIsFetchedWhereATokenPoints(t *testing.T) {
	t.Parallel()
	f := newForge(t, ES256)
	p, other := newIDP(t), newIDP(t)
	r, clock := remoteAt(t, p, "")
	issuer := f.issuer()
	issuer.Keys = r
	asked := &list{deny: map[string]error{}}
	v, err := New(asked, []Issuer{issuer}, Options{Now: clock.Now})
	require.NoError(t, err)
	for _, name := range []string{"jku", "x5u"} {
		header := fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"x",%q:%q}`, name, other.URL+"/keys")
		_, err := v.Verify(t.Context(), f.text(header, f.payload()))
		assert.ErrorIs(t, err, ErrHeader, name)
	}
	_, err = v.Verify(t.Context(), f.token(map[string]any{"iss": other.URL}))
	assert.ErrorIs(t, err, ErrIssuer)
	_, err = v.Verify(t.Context(), f.text(fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q}`, other.URL+"/keys"), f.payload()))
	assert.ErrorIs(t, err, ErrKeys)
	assert.Zero(t, other.requests())
	assert.Empty(t, asked.asked)
}

func FuzzParseMetadata(f *testing.F) {
	const issuer = "https://issuer.example/"
	f.Add([]byte(metadata(issuer, "https://issuer.example/keys")))
	f.Add([]byte(metadata("https://issuer.example", "https://issuer.example/keys")))
	f.Add([]byte(`{"issuer":"https://issuer.example/","jwks_uri":"http://127.0.0.1/"}`))
	f.Add([]byte(`{"issuer":"https://issuer.example/","jwks_uri":"https://a@b"}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		place, err := parseMetadata(data, issuer, false)
		if err != nil {
			assert.Empty(t, place)
			return
		}
		u, err := fetchable(place, false)
		require.NoError(t, err)
		assert.Equal(t, "https", u.Scheme)
		assert.False(t, loopback(u.Hostname()))
		var lax map[string]any // what another reader finds
		require.NoError(t, json.Unmarshal(data, &lax))
		assert.Equal(t, issuer, lax["issuer"])
	})
}

var errOffline = errors.New("no network")

// roundTripper is a transport of the test's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRemoteTransport(t *testing.T) {
	t.Parallel()
	var asked []string
	r, err := NewRemote("https://issuer.example/a", RemoteOptions{Now: testClock, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		return nil, errOffline
	})})
	require.NoError(t, err)
	_, err = r.Key(t.Context(), "one")
	require.ErrorIs(t, err, errOffline)
	assert.Equal(t, []string{"https://issuer.example/a/.well-known/openid-configuration"}, asked)
	_, err = r.Key(t.Context(), "one")
	require.ErrorIs(t, err, ErrKeys)
	assert.Len(t, asked, 1, "not at once again")
}

// No header makes keys older than they may be, or younger than nothing.
func FuzzMaxAge(f *testing.F) {
	for _, control := range []string{"max-age=300", "public, max-age=15, stale-if-error=86400", "no-store", `max-age="5"`, "max-age=", "=,,="} {
		f.Add(control, "10")
	}
	f.Fuzz(func(t *testing.T, control, age string) {
		got, _ := maxAge(http.Header{"Cache-Control": {control}, "Age": {age}})
		assert.GreaterOrEqual(t, got, time.Duration(0))
	})
}

// Whatever an issuer publishes, what comes of it are public keys.
func FuzzParseRemoteJWKS(f *testing.F) {
	f.Add([]byte(setOf(jwkOf(f, ES256, `kid="one"`), jwkOf(f, RS256, `alg="RS256"`))))
	f.Add([]byte(setOf(jwkOf(f, HS256, `alg="HS256"`))))
	f.Add([]byte(jwkOf(f, EdDSA, `d="AAAA"`)))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseRemoteJWKS(data, RS256)
		if err != nil {
			return
		}
		for _, key := range keys {
			assert.False(t, key.Algorithm().Symmetric())
			assert.NotNil(t, key.Public())
		}
	})
}

// An issuer that hangs is asked by Refresh before anybody has to wait for it.
func TestRemoteRefreshSparesCallersAFailure(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	r, clock := remoteAt(t, p, "")
	require.NoError(t, r.Refresh(t.Context()))
	p.isDown(true)
	clock.set(testNow.Add(defaultRefresh - time.Minute))
	for range 10 * 60 { // ten minutes, second by second
		tried := r.Stats().Fetches
		_, err := r.Key(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, tried, r.Stats().Fetches, "a caller never fetches")
		assert.NotErrorIs(t, r.Refresh(t.Context()), ErrKeys)
		clock.pass(time.Second)
	}
	assert.Equal(t, uint64(1+20), r.Stats().Fetches, "once in 30 s")
}

// A clock that was ahead, and went back, makes no key trusted for longer.
func TestRemoteTrustOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	p.publish(p.URL, jwkOf(t, ES256, `kid="one"`))
	r, clock := remoteAt(t, p, "")
	clock.set(testNow.Add(365 * 24 * time.Hour))
	require.NoError(t, r.Refresh(t.Context()))
	p.isDown(true)
	clock.set(testNow)
	_, err := r.Key(t.Context(), "one")
	require.NoError(t, err)
	clock.pass(defaultTrust)
	_, err = r.Key(t.Context(), "one")
	assert.ErrorIs(t, err, ErrKeys)
}
