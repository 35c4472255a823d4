// Package verifier turns a raw token into claims, or into a reason why not.
//
// The order is fixed (R1): size, strict reading, header, signature, claims,
// and the denylist last. Nothing before the denylist does I/O (but a remote
// key set's fetch), and a token that fails an earlier step is never looked up.
//
// Where two readers of one token could read two things, it is refused, though
// an RFC may allow it: invalid UTF-8 and half a surrogate pair, two members of
// one name, a name that is a registered one but for its case, JSON nested more
// than 32 deep, base64url with line breaks, padding or stray bits. A token has
// at most MaxTokenSize bytes. The ids jti, sub, sid and client_id are strings
// of 1 to 256 bytes without control characters. Claims that have a meaning
// here have their defined type, or the token is refused; null is no value.
package verifier

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// Denylist is what a Verifier asks last. Every denylist.Store is one.
type Denylist interface {
	// Check returns nil if nothing denies t.
	Check(ctx context.Context, t denylist.Token) error
}

// Options are the settings of a [Verifier]. The zero value is safe.
type Options struct {
	Leeway time.Duration // on exp, nbf and iat; default 0; at most denylist.MaxLeeway
	// ExactExpiry gives no leeway on exp: for exchanges (R7).
	ExactExpiry bool

	// InsecureIgnoreExpiry accepts expired tokens: for logout, which only
	// takes away.
	InsecureIgnoreExpiry bool
	// InsecureFailOpen accepts tokens of which the denylist cannot tell
	// (R14). OnFailOpen, which it requires, counts each.
	InsecureFailOpen bool
	OnFailOpen       func(cause error)

	// CacheEntries and CacheBytes bound the cache of verified tokens, whose
	// signature is not checked again: default 32,768 tokens and 2 KiB for each.
	// It never keeps a verdict: exp, nbf, the denylist and the issuer's keys
	// are asked whenever a token is seen. Each size that is not given follows
	// from the other; what cannot fit into memory is refused. Claims that a
	// caller holds on to keep all that the cache had of their token in memory,
	// which is not counted any more once the cache has dropped it.
	CacheEntries int
	CacheBytes   int64
	// NoCache is for verifiers that see each token once.
	NoCache bool

	// Now must be the clock of the denylist, if that is a Glancer. Default
	// time.Now.
	Now func() time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	list    Denylist
	glancer Glancer            // list, if it is one
	issuers map[string]*issuer // by iss; never written to
	trusts  []bool             // by the issuers' numbers: fewer in what Only returns
	opts    Options
	rooms   sync.Pool // of *room
	cache   *cache    // nil: none
}

// New returns a Verifier of the issuers' tokens. It refuses a leeway over
// denylist.MaxLeeway, and an issuer that is named twice, has no keys or no
// audience. Weak keys (R20) are refused where they are read: [NewKey].
func New(list Denylist, issuers []Issuer, opts Options) (*Verifier, error) {
	if list == nil {
		return nil, errors.New("verifier: no denylist")
	}
	if err := opts.complete(); err != nil {
		return nil, err
	}
	v := &Verifier{list: list, issuers: make(map[string]*issuer, len(issuers)), opts: opts}
	v.glancer, _ = list.(Glancer)
	v.rooms.New = func() any { return new(room) }
	for number, policy := range issuers {
		i, err := newIssuer(policy)
		if err != nil {
			return nil, err
		}
		if v.issuers[i.name] != nil {
			return nil, fmt.Errorf("verifier: issuer %q is named twice", i.name)
		}
		i.number = number
		v.issuers[i.name] = i
		v.trusts = append(v.trusts, true)
	}
	if len(v.issuers) == 0 {
		return nil, errors.New("verifier: no issuer to trust")
	}
	if !opts.NoCache {
		v.cache = newCache(opts.CacheEntries, opts.CacheBytes, opts.Now)
	}
	return v, nil
}

// complete checks the options and puts the defaults in.
func (o *Options) complete() error {
	if o.Leeway < 0 || o.Leeway > denylist.MaxLeeway {
		return fmt.Errorf("verifier: leeway %v: want 0 to %v, for which the denylist keeps its entries", o.Leeway, denylist.MaxLeeway)
	}
	if o.InsecureFailOpen && o.OnFailOpen == nil {
		return errors.New("verifier: InsecureFailOpen without OnFailOpen: nobody would know")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o.completeCache()
}

// Verify returns the claims of raw, or the first reason to refuse it: one of
// this package's errors, denylist.ErrRevoked, or any other error where the
// denylist cannot tell.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	if v.cache == nil {
		s, err := v.first(ctx, raw)
		if err != nil {
			return Claims{}, err
		}
		return Claims{&s.claims}, nil
	}
	hash := v.cache.hash(raw)
	if s := v.cache.find(hash); s != nil {
		if told, err := v.recall(ctx, s, raw); told {
			v.cache.hit(s)
			if err != nil {
				return Claims{}, err
			}
			return Claims{&s.claims}, nil
		}
	}
	v.cache.miss(hash)
	s, err := v.first(ctx, raw)
	if err != nil {
		return Claims{}, err // and is seen for the first time again
	}
	v.cache.put(hash, s)
	return Claims{&s.claims}, nil
}

// first is the verdict on a token that was not seen before.
func (v *Verifier) first(ctx context.Context, raw string) (*sight, error) {
	s, err := v.prove(ctx, raw, v.cache != nil)
	if err != nil {
		return nil, err
	}
	if _, err := v.judge(ctx, s, s.raw, nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Authenticate is Verify without the denylist: the token is genuine, but may
// have been revoked. For exchanges, whose Spend asks the denylist itself, and
// for revocations. It leaves the cache alone.
func (v *Verifier) Authenticate(ctx context.Context, raw string) (Claims, error) {
	s, err := v.prove(ctx, raw, false)
	if err != nil {
		return Claims{}, err
	}
	if err := v.inTime(s, v.opts.Now()); err != nil {
		return Claims{}, err
	}
	return Claims{&s.claims}, nil
}

// Recognize is Authenticate of a token that may have expired: for revocations,
// which only take away.
func (v *Verifier) Recognize(ctx context.Context, raw string) (Claims, error) {
	s, err := v.prove(ctx, raw, false)
	if err != nil {
		return Claims{}, err
	}
	return Claims{&s.claims}, nil
}

// prove finds a token genuine, whenever it is valid. What is to be kept has a
// copy of it too.
func (v *Verifier) prove(ctx context.Context, raw string, keep bool) (*sight, error) {
	in := v.rooms.Get().(*room)
	defer v.rooms.Put(in)
	defer in.clear()

	token, err := in.read(raw, keep) // size, strict reading, header
	if err != nil {
		return nil, err
	}
	issuer, err := v.issuerOf(token)
	if err != nil {
		return nil, err
	}
	keys := issuer.generation() // before the key, which may change meanwhile
	key, err := issuer.keyOf(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := key.verify(token.signingInput, token.signature); err != nil {
		return nil, err
	}
	in.remember(raw)
	s := &sight{issuer: issuer, key: key, kid: token.kid, raw: token.raw, text: token.size, generation: keys}
	if err := issuer.claimSet(&s.claims, token, key); err != nil {
		return nil, err
	}
	s.valid = spanOf(v.opts.bounds(&s.claims))
	return s, nil
}

// span is the whole seconds of Unix time in which a token is valid, but for the
// last.
type span struct{ first, last int64 }

func spanOf(from, end time.Time) span {
	s := span{first: from.Unix(), last: math.MaxInt64}
	if from.Nanosecond() > 0 {
		s.first++
	}
	if !end.IsZero() {
		s.last = end.Unix()
	}
	return s
}

// bounds are when a token is valid, to the nanosecond: exp, nbf and iat with the
// leeway of a verifier. A zero end does not matter.
func (o *Options) bounds(c *claims) (from, end time.Time) {
	from = c.issuedAt
	if c.notBefore.After(from) {
		from = c.notBefore
	}
	switch {
	case o.InsecureIgnoreExpiry:
	case o.ExactExpiry:
		end = c.expiresAt()
	default:
		end = c.expiresAt().Add(o.Leeway)
	}
	return from.Add(-o.Leeway), end
}

// inTime holds a token against the clock.
func (v *Verifier) inTime(s *sight, now time.Time) error {
	if second := now.Unix(); s.valid.first <= second && second < s.valid.last {
		return nil // as nearly always
	}
	from, end := v.opts.bounds(&s.claims)
	switch {
	case !now.Before(end) && !end.IsZero():
		return ErrExpired
	case now.Before(from):
		return ErrNotYetValid
	}
	return nil
}

// ask asks the denylist. Where that cannot tell, the token is refused, or by
// InsecureFailOpen accepted; a denial that was read is one either way (R14).
func (v *Verifier) ask(ctx context.Context, s *sight) error {
	if err := v.list.Check(ctx, s.claims.token.Token()); err != nil {
		if !v.opts.InsecureFailOpen || isAnswer(err) {
			return err
		}
		v.opts.OnFailOpen(err)
	}
	// Once more, now that the answer is there: a process that was suspended
	// before it asked may have come after the entry was forgotten (R5).
	return v.inTime(s, v.opts.Now())
}

// isAnswer reports whether a denylist's error says more than that it cannot
// tell: a denial, or that the token is none it could ever deny.
func isAnswer(err error) bool {
	for _, answer := range []error{denylist.ErrRevoked, denylist.ErrReused, denylist.ErrExpired, denylist.ErrInvalid} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}
