package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// How a Remote keeps its keys. docs/issuers.md states each.
const (
	defaultRefresh  = 15 * time.Minute // between fetches, where no header asks for fewer
	defaultTrust    = 24 * time.Hour   // without an answer
	defaultPatience = 5 * time.Second  // for one fetch, both requests of it
	retryAfter      = time.Minute      // a failure, while the keys of before are trusted
	fetchInterval   = 30 * time.Second // between any two fetches, whatever asks for them
	firstInterval   = 5 * time.Second  // likewise, before the first that succeeds
	soonest         = time.Minute      // after which a header may want the set fetched again
)

// ErrKeys: an issuer's keys were never fetched, or so long ago that they are
// not trusted any more. It cannot be told whether its tokens are genuine: 503,
// not 401 (R14).
var ErrKeys = errors.New("verifier: the issuer's keys cannot be had")

// RemoteOptions are the settings of a [Remote]. The zero value is safe.
type RemoteOptions struct {
	// RSAAlgorithm is the algorithm of RSA keys without alg, as in [ParseJWKS].
	// Default none: such keys are not used.
	RSAAlgorithm Algorithm
	// RefreshEvery is the age from which keys are fetched again: at most, and
	// by default, 15 min. A Cache-Control max-age of the issuer shortens it (to
	// 1 min at least), and never lengthens it.
	RefreshEvery time.Duration
	// TrustFor is how long keys are trusted without an answer. Default, and at
	// most, 24 h.
	TrustFor time.Duration
	// Timeout is for one fetch. Default 5 s.
	Timeout time.Duration

	// InsecureHTTP allows http to other hosts than a loopback one: whoever sits
	// between could hand out keys of their own.
	InsecureHTTP bool

	// Transport makes the requests. Default one of its own, like
	// http.DefaultTransport. It must not follow redirects.
	Transport http.RoundTripper
	Now       func() time.Time // default time.Now
}

// Remote is the key set of an issuer elsewhere, fetched over HTTPS: a
// [Versioned] KeySet, safe for concurrent use. Keys that the issuer withdraws
// are gone with the next fetch.
//
// It fetches when a key is asked for and the set is older than RefreshEvery, or
// has no such kid, or has never been there. Whoever asks then waits, since a
// key that was withdrawn hours ago must not verify one more token; a program
// that calls Refresh now and then spares its callers that. Only one fetch is in
// flight, whatever the number of callers, in a goroutine that ends with it:
// within Timeout, also if they have gone, so that nobody can keep keys from
// being fetched by hanging up. Two fetches begin no less than 30 s apart (5 s
// until one succeeds), so that random kids cannot make it ask more often.
//
// A set that has symmetric or private keys is refused: everybody could sign.
// It never fetches anything that a token names.
type Remote struct {
	source  source
	opts    RemoteOptions
	client  *http.Client
	flight  singleflight.Group
	state   atomic.Pointer[remoteState]
	fetches atomic.Uint64
	failed  atomic.Uint64
}

var _ Versioned = (*Remote)(nil)

// remoteState is what is known after one fetch. It is never written to.
type remoteState struct {
	Generation           // until when Key asks nobody
	keys       Keys      // nil: never fetched
	fetched    time.Time // when the request for keys was sent
	tried      time.Time // when the last fetch began
	err        error     // of the last fetch
}

// NewRemote returns the keys of the issuer of that name, byte for byte, whose
// metadata say where they are (OpenID Connect Discovery 1.0 section 4, else RFC
// 8414). It fetches nothing yet.
func NewRemote(issuer string, opts RemoteOptions) (*Remote, error) {
	places, err := metadataURLs(issuer, opts.InsecureHTTP)
	if err != nil {
		return nil, fmt.Errorf("verifier: the issuer's name: %w", err) // it may hold a password
	}
	return newRemote(source{issuer: issuer, metadata: places}, opts)
}

// NewRemoteJWKS returns the keys at a URL. It fetches nothing yet.
func NewRemoteJWKS(url string, opts RemoteOptions) (*Remote, error) {
	if _, err := fetchable(url, opts.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("verifier: the key set's URL: %w", err)
	}
	return newRemote(source{jwks: url}, opts)
}

func newRemote(from source, opts RemoteOptions) (*Remote, error) {
	for _, d := range []struct {
		value       *time.Duration
		unset, most time.Duration
	}{
		{&opts.RefreshEvery, defaultRefresh, defaultRefresh},
		{&opts.TrustFor, defaultTrust, defaultTrust},
		{&opts.Timeout, defaultPatience, time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.unset
		}
		if *d.value < 0 || *d.value > d.most {
			return nil, fmt.Errorf("verifier: remote keys: %v: want a time of at most %v", *d.value, d.most)
		}
	}
	if f := opts.RSAAlgorithm.family(); opts.RSAAlgorithm != "" && f != familyPKCS1 && f != familyPSS {
		return nil, fmt.Errorf("verifier: no RSA algorithm: %.20q", string(opts.RSAAlgorithm))
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := &Remote{source: from, opts: opts, client: newClient(opts.Transport)}
	r.state.Store(&remoteState{err: ErrKeys})
	return r, nil
}

// Key implements KeySet. It waits for a fetch where one is due, and no longer
// than ctx. ErrKeys: it cannot tell.
func (r *Remote) Key(ctx context.Context, kid string) (Key, error) {
	if err := r.freshen(ctx, 0); err != nil {
		return Key{}, err
	}
	key, err := r.lookUp(kid)
	if !errors.Is(err, ErrUnknownKey) {
		return key, err
	}
	if s := r.state.Load(); !s.rests(r.now()) {
		if err := r.fetch(ctx, s); err != nil {
			return Key{}, err
		}
		key, err = r.lookUp(kid)
	}
	// The issuer may have made the key since it last answered.
	if s := r.state.Load(); errors.Is(err, ErrUnknownKey) && s.err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrKeys, s.err)
	}
	return key, err
}

// rests reports whether the last fetch is too recent for another. A clock that
// went back is no reason to wait.
func (s *remoteState) rests(now time.Time) bool {
	interval := fetchInterval
	if s.keys == nil {
		interval = firstInterval
	}
	return !now.Before(s.tried) && now.Sub(s.tried) < interval
}

// lookUp finds a key among those that are trusted now.
func (r *Remote) lookUp(kid string) (Key, error) {
	s := r.state.Load()
	if s.keys == nil || !r.now().Before(s.fetched.Add(r.opts.TrustFor)) {
		return Key{}, fmt.Errorf("%w: %w", ErrKeys, s.err)
	}
	return s.keys.Key(context.Background(), kid)
}

// Generation implements [Versioned].
func (r *Remote) Generation() *Generation {
	s := r.state.Load()
	if s.keys == nil {
		return nil
	}
	return &s.Generation
}

// Refresh fetches the keys if that is due within a minute, and returns the
// error of the last fetch: for a program that calls it every few seconds, so
// that no caller of Key waits.
func (r *Remote) Refresh(ctx context.Context) error {
	if err := r.freshen(ctx, min(time.Minute, r.opts.RefreshEvery/2)); err != nil {
		return err
	}
	return r.state.Load().err
}

// freshen fetches the keys if that is due within the given time.
func (r *Remote) freshen(ctx context.Context, within time.Duration) error {
	s := r.state.Load()
	now := r.now()
	if s.err != nil {
		within = min(within, retryAfter/2) // no earlier, but before callers have to wait
	}
	if now.Add(within).Before(s.Until) && !now.Before(s.tried) || s.rests(now) {
		return nil
	}
	return r.fetch(ctx, s)
}

// fetch waits for a fetch, unless one has ended since the state seen was read.
func (r *Remote) fetch(ctx context.Context, seen *remoteState) error {
	done := r.flight.DoChan("", func() (any, error) {
		if r.state.Load() == seen {
			r.state.Store(r.next(seen))
		}
		return nil, nil
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrKeys, ctx.Err())
	}
}

// next is the state after a fetch. After one that failed, the keys are those of
// before, for as long as they are trusted.
func (r *Remote) next(before *remoteState) *remoteState {
	ctx, cancel := context.WithTimeout(context.Background(), r.opts.Timeout)
	defer cancel()
	r.fetches.Add(1)
	now := r.now()
	set, err := r.source.fetch(ctx, r)
	s := &remoteState{keys: before.keys, fetched: before.fetched, tried: now, err: err}
	switch {
	case err != nil:
		r.failed.Add(1)
		s.Until = now.Add(retryAfter)
	case set.hasMaxAge:
		s.Until = now.Add(min(r.opts.RefreshEvery, max(set.maxAge, soonest)))
	default:
		s.Until = now.Add(r.opts.RefreshEvery)
	}
	switch {
	case err == nil:
		s.keys, s.fetched = set.keys.like(before.keys), now
	case s.fetched.After(now): // by a clock that was ahead
		s.fetched = now
	}
	// What is not trusted any more is asked for as often as may be.
	if end := s.fetched.Add(r.opts.TrustFor); s.Until.After(end) {
		s.Until = end
	}
	return s
}

// now is the wall clock: the other one stands still while a machine sleeps.
func (r *Remote) now() time.Time { return r.opts.Now().Round(0) }

// like returns ks with the keys of before where they are the same, so that
// tokens which those verified need not be verified again.
func (ks Keys) like(before Keys) Keys {
	out := make(Keys, 0, len(ks))
	for _, k := range ks {
		for _, b := range before {
			if same(k, b) {
				k = b
			}
		}
		out = append(out, k)
	}
	return out
}

// same reports whether two public keys verify the same signatures.
func same(a, b Key) bool {
	public, ok := a.Public().(interface{ Equal(x crypto.PublicKey) bool })
	return ok && a.ID() == b.ID() && a.Algorithm() == b.Algorithm() && public.Equal(b.Public())
}

// RemoteStats say how fetching goes.
type RemoteStats struct {
	Fetches   uint64    // begun
	Failures  uint64    // of them
	FetchedAt time.Time // of the keys that it has; zero: never
	Keys      int
}

// Stats may be called at any time.
func (r *Remote) Stats() RemoteStats {
	s := r.state.Load()
	return RemoteStats{Fetches: r.fetches.Load(), Failures: r.failed.Load(), FetchedAt: s.fetched, Keys: len(s.keys)}
}
