package rotation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// SlidingOptions are the settings of [Sliding]. The zero value is safe.
type SlidingOptions struct {
	// Header is the response header that the renewed token is in. Default
	// X-Renewed-Token.
	Header string
	// Always renews at every response, as often as R13 allows, and not only
	// where less than half of the token's life is left.
	Always bool
	// Marks is asked about every token, one round trip each, whether it was
	// marked for renewal. Default: nobody is asked.
	Marks denylist.Marker
	// Timeout is how long a request may wait for a renewal. Default 250 ms.
	Timeout time.Duration
	// OnFailure counts renewals of which the store, or the application that is
	// asked for claims, could not tell. Their requests go on with what they had.
	OnFailure func(cause error)
}

const (
	defaultRenewedHeader  = "X-Renewed-Token"
	defaultSlidingTimeout = 250 * time.Millisecond
)

// Sliding renews single tokens by the way, in a response header, for as long
// as they are used: who is idle for longer than a token lives is logged out,
// and nobody keeps a record of sessions. It is safe for concurrent use.
//
// Give Options.VerifyOverlap and Options.ReplayWindow some seconds. Without an
// overlap the requests that are under way with the old token are refused, and
// without a window a client that misses one response has lost its session.
type Sliding struct {
	sessions *Sessions
	opts     SlidingOptions
}

// NewSliding returns a Sliding of the sessions' tokens.
func NewSliding(s *Sessions, opts SlidingOptions) (*Sliding, error) {
	if s == nil {
		return nil, errors.New("rotation: sliding: no sessions")
	}
	if s.partitioned {
		return nil, errors.New("rotation: sliding: want a store of one partition")
	}
	if opts.Header == "" {
		opts.Header = defaultRenewedHeader
	}
	if strings.ContainsFunc(opts.Header, func(c rune) bool { return !isHeaderRune(c) }) {
		return nil, fmt.Errorf("rotation: sliding: header %.40q: want letters, digits and hyphens", opts.Header)
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("rotation: sliding: negative timeout %v", opts.Timeout)
	}
	if opts.Timeout == 0 {
		opts.Timeout = defaultSlidingTimeout
	}
	if opts.OnFailure == nil {
		opts.OnFailure = func(error) {}
	}
	return &Sliding{sessions: s, opts: opts}, nil
}

// isHeaderRune is a part of what RFC 9110, section 5.6.2 allows.
func isHeaderRune(c rune) bool {
	return c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// Middleware is for use behind [verifier.Verifier.Middleware], whose verdict
// stands: a request without claims is refused as one without a token. Other
// issuers' tokens, pairs' and clients' pass as they are.
//
// A token is renewed before next is called. That costs this one request a
// write, and next may fail as it likes: the client has its token. next sees the
// claims that the request came with. A hard revocation that the renewal meets
// is the answer; anything else that keeps it from renewing is none.
func (l *Sliding) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, ok := verifier.FromContext(r.Context())
		if !ok {
			verifier.RefusalOf(verifier.ErrMissing).Write(w)
			return
		}
		addWord(w.Header(), "Vary", "Authorization")
		renewed, err := l.renew(r, claims)
		switch {
		case err != nil:
			verifier.RefusalOf(err).Write(w)
		case renewed == "":
			next.ServeHTTP(w, r)
		default:
			l.serve(next, w, r, renewed)
		}
	})
}

// renew returns the successor of the request's token, empty where there is
// nothing to renew, or the denial that it met.
//
// A retry within the replay window is given the successor again. It mints
// nothing, but is what a client goes on with that missed the first answer.
func (l *Sliding) renew(r *http.Request, c verifier.Claims) (string, error) {
	raw, err := verifier.BearerToken(r)
	if err != nil || c.Issuer() != l.sessions.opts.Issuer || !c.Renewable() || c.ClientID() != "" {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.opts.Timeout)
	defer cancel()
	due, marked := l.due(ctx, c)
	if !due {
		return "", nil
	}
	_, tokens, err := l.sessions.exchangeOnce(ctx, raw, Attempt{}, marked)
	switch {
	case err == nil:
		return tokens.Access, nil
	case errors.Is(err, denylist.ErrRevoked), errors.Is(err, verifier.ErrKeyWithdrawn):
		return "", err
	case !settled(err):
		l.opts.OnFailure(err)
	}
	return "", nil
}

// settled reports whether there is nothing to renew, for certain: the token
// was exchanged by somebody else, or its time is over.
func settled(err error) bool {
	return slices.ContainsFunc([]error{
		denylist.ErrReused, denylist.ErrExpired, verifier.ErrExpired, ErrTooOften, ErrNotExchangeable,
	}, func(known error) bool { return errors.Is(err, known) })
}

// due reports whether a token is to be renewed, and for which mark.
func (l *Sliding) due(ctx context.Context, c verifier.Claims) (due bool, marked int64) {
	life, left := c.ExpiresAt().Sub(c.IssuedAt()), c.ExpiresAt().Sub(l.sessions.opts.Now())
	// A successor would not live longer than the session (R13).
	if c.ExpiresAt().Before(c.SessionExpiresAt()) {
		due = l.opts.Always || 2*left < life
	}
	oldest := l.sessions.opts.ClaimsVersion
	if oldest == 0 && l.opts.Marks == nil {
		return due, 0
	}
	var said own
	if err := c.Decode(&said); err != nil {
		return due, 0
	}
	due = due || said.Version < oldest
	if l.opts.Marks == nil {
		return due, 0
	}
	at, err := l.opts.Marks.Marked(ctx, c.Token())
	if err != nil {
		l.opts.OnFailure(err)
		return due, 0
	}
	// The successor says for which mark it was renewed, to the millisecond and
	// on the store's clock, so that it is not renewed for it again. Its iat
	// could not tell: that is in whole seconds, and on a node's clock.
	if !at.IsZero() && at.UnixMilli() > said.Marked {
		return true, at.UnixMilli()
	}
	return due, 0
}
