// Package verifier turns a raw token into claims, or into a reason why not.
//
// The order is fixed (R1): size, strict reading, header, signature, claims,
// and the denylist last. Nothing before the denylist does I/O (but a remote
// key set's fetch), and a token that fails an earlier step is never looked up.
package verifier

import (
	"context"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// Denylist is what a Verifier asks last. Every denylist.Store is one.
type Denylist interface {
	// Check returns nil if nothing denies t.
	Check(ctx context.Context, t denylist.Token) error
}

// Issuer says whose tokens are trusted, and how far.
type Issuer struct {
	Name string // iss, byte for byte
	Keys KeySet
	// Audiences: a token must name at least one. Empty is refused at New.
	Audiences []string
	// Types a token's typ may have; "application/" may be left out and case
	// does not count. Default at+jwt only (RFC 9068). An empty string among
	// them accepts tokens without typ.
	Types []string
	// MaxLifetime is the most that exp − iat may be. Default 24 h.
	MaxLifetime time.Duration
	// InsecureIDFingerprint accepts tokens without jti: their id is a digest of
	// the decoded claims bytes (R3). Such a token can be denied by its issuer's
	// exact bytes only.
	InsecureIDFingerprint bool
}

// Options are the settings of a [Verifier]. The zero value is safe.
type Options struct {
	Leeway time.Duration // on exp, nbf and iat; default 0; at most denylist.MaxLeeway

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
type Verifier struct{}

// New returns a Verifier of the issuers' tokens. It refuses weak keys (R20), a
// leeway over denylist.MaxLeeway, and an issuer that is named twice, has no
// keys or no audience.
func New(list Denylist, issuers []Issuer, opts Options) (*Verifier, error) { panic("skeleton") }

// Verify returns the claims of raw, or the first reason to refuse it.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) { panic("skeleton") }

// Authenticate is Verify without the denylist: the token is genuine, but may
// have been revoked. For exchanges, whose Spend asks the denylist itself, and
// for revocations.
func (v *Verifier) Authenticate(ctx context.Context, raw string) (Claims, error) { panic("skeleton") }
