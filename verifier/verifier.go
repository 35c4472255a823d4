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

	Now func() time.Time // default time.Now
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	list    Denylist
	issuers map[string]*issuer // by iss; never written to
	opts    Options
	rooms   sync.Pool // of *room
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
	v.rooms.New = func() any { return new(room) }
	for _, policy := range issuers {
		i, err := newIssuer(policy)
		if err != nil {
			return nil, err
		}
		if v.issuers[i.name] != nil {
			return nil, fmt.Errorf("verifier: issuer %q is named twice", i.name)
		}
		v.issuers[i.name] = i
	}
	if len(v.issuers) == 0 {
		return nil, errors.New("verifier: no issuer to trust")
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
	return nil
}

// Verify returns the claims of raw, or the first reason to refuse it: one of
// this package's errors, denylist.ErrRevoked, or any other error where the
// denylist cannot tell.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	claims, err := v.Authenticate(ctx, raw)
	if err != nil {
		return Claims{}, err
	}
	if err := v.ask(ctx, claims.Token()); err != nil {
		return Claims{}, err
	}
	// Once more, now that the answer is there: a process that was suspended
	// before it asked may have come after the entry was forgotten (R5).
	if err := v.inTime(claims.c); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// Authenticate is Verify without the denylist: the token is genuine, but may
// have been revoked. For exchanges, whose Spend asks the denylist itself, and
// for revocations.
func (v *Verifier) Authenticate(ctx context.Context, raw string) (Claims, error) {
	in := v.rooms.Get().(*room)
	defer v.rooms.Put(in)
	defer in.clear()

	token, err := in.read(raw) // size, strict reading, header
	if err != nil {
		return Claims{}, err
	}
	issuer, err := v.issuerOf(token)
	if err != nil {
		return Claims{}, err
	}
	key, err := issuer.keyOf(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	if err := key.verify(token.signingInput, token.signature); err != nil {
		return Claims{}, err
	}
	c, err := issuer.claimSet(token, key)
	if err != nil {
		return Claims{}, err
	}
	if err := v.inTime(c); err != nil {
		return Claims{}, err
	}
	return Claims{c}, nil
}

// inTime holds exp, nbf and iat against the clock, to the nanosecond.
func (v *Verifier) inTime(c *claims) error {
	now := v.opts.Now()
	end := c.expiresAt
	if !v.opts.ExactExpiry {
		end = end.Add(v.opts.Leeway)
	}
	if !now.Before(end) && !v.opts.InsecureIgnoreExpiry {
		return ErrExpired
	}
	if latest := now.Add(v.opts.Leeway); latest.Before(c.notBefore) || latest.Before(c.issuedAt) {
		return ErrNotYetValid
	}
	return nil
}

// ask asks the denylist. Where that cannot tell, the token is refused, or by
// InsecureFailOpen accepted; a denial that was read is one either way (R14).
func (v *Verifier) ask(ctx context.Context, t denylist.Token) error {
	err := v.list.Check(ctx, t)
	if err == nil || !v.opts.InsecureFailOpen || isAnswer(err) {
		return err
	}
	v.opts.OnFailOpen(err)
	return nil
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
