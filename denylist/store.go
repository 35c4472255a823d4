package denylist

import (
	"context"
	"time"
)

// Store is a denylist. Its methods are safe for concurrent use and honour the
// context's deadline.
//
// A gate returns an error: a (bool, error) opens the day someone drops the
// error.
type Store interface {
	// Check returns nil if nothing denies t, an error wrapping ErrRevoked if
	// something does, any other error if the store cannot tell: ErrUnavailable,
	// or ErrInvalid for a token that no entry could deny.
	Check(ctx context.Context, t Token) error

	// Revoke merges entries into the denylist (R10), all of one partition in
	// one step. A caller may give entries only a revoked half; the rotated
	// half is Spend's. ErrInvalid: one of the entries is wrong, or its cutoff
	// too far ahead, and none was written. An outcome that is not known wraps
	// ErrUnknown; repeating is safe. From the attempt on, Check of the same store denies
	// what the entries deny (R16), whether or not the outcome is known.
	Revoke(ctx context.Context, entries ...Entry) (Receipt, error)
}

// Receipt says what Revoke did.
type Receipt struct {
	At      time.Time // the write's instant, on the store's clock
	Results []Result  // one for each entry, in their order
}

// Result is one entry as it stands after a write.
type Result struct {
	Entry   Entry
	Outcome Outcome
}

// Outcome is what became of an entry that was to be written.
type Outcome uint8

// The outcomes of a revocation.
const (
	Recorded  Outcome = 1 + iota // the entry is new
	Merged                       // an entry was there; it denies more now, or for longer
	Unchanged                    // an entry was there and denies as much already
	Obsolete                     // no verifier can still accept what it would deny: nothing was written
)

var outcomeNames = [...]string{Recorded: "recorded", Merged: "merged", Unchanged: "unchanged", Obsolete: "obsolete"}

func (o Outcome) String() string {
	if o < Recorded || o > Obsolete {
		return "unknown"
	}
	return outcomeNames[o]
}

// Spender is the half of a store that an exchange needs. Memory and Redis are
// Spenders.
type Spender interface {
	// Spend records, in one atomic step on the store's clock, that t
	// (rotation t.Rotation of session t.Session) was exchanged for s.
	// First match, against the session's chain:
	//
	//   s.ID is the successor on record for t's rotation, t not denied     Won        (a retry of this attempt after a lost reply)
	//   t expired                                                          ErrExpired
	//   a later rotation; t's rotation with another jti; the next rotation
	//     by a token that is not the successor on record                   ErrReused
	//   t's rotation, spent with a key, and s has another or none          ErrReused
	//   t's rotation, spent without one, and the window is over or 0       ErrReused
	//   session, subject, issuer or t denied by a revoked entry
	//     (a rotated one never counts here)                                ErrRevoked
	//   t's rotation                                                       Replayed with the successor on record,
	//                                                                      or ErrExpired if that has expired
	//   otherwise                                                          recorded; Won
	//
	// A token has expired at the very millisecond of its exp, and the window
	// is over at its end. What wins and what is replayed writes how.Denies,
	// what is refused writes nothing. An outcome that is not known wraps
	// ErrUnknown; the same attempt (the same s.ID) may be repeated.
	Spend(ctx context.Context, t Token, s Successor, how Exchange) (Spent, error)

	// Spendable says what Spend would answer for t, with no key and no
	// window, and writes nothing: introspection, logout.
	Spendable(ctx context.Context, t Token) error

	// Now is the store's clock, to the millisecond: login times (R6).
	Now(ctx context.Context) (time.Time, error)
}

// Successor is the token that an exchange would mint.
type Successor struct {
	ID        string    // its fresh jti: the identity of the attempt
	IssuedAt  time.Time // iat
	ExpiresAt time.Time // exp
	// Key is the caller's Idempotency-Key, or empty. Stores keep a digest.
	Key string
	// Note is what the issuer needs to sign the same successor again. Opaque
	// to stores, at most MaxNote bytes, never a secret.
	Note string
}

// MaxNote is the most bytes that a note may have.
const MaxNote = 1 << 10

// Exchange says how a token is to be spent.
type Exchange struct {
	// Window is how long after the spending a retry without a key may have
	// the same successor again. 0: never.
	Window time.Duration
	// Overlap is how long a rotated token may still authenticate requests in
	// flight (R12). 0: not at all.
	Overlap time.Duration
	// Keep is how long the session's chain is kept at least: until the expiry
	// of a token that expires then. Zero: until t's. An [Inventory] reads in
	// chains whose newest token is still alive.
	Keep time.Time
	// Denies are written as rotated in the same step, effective from the
	// store's now + Overlap: the old renewable token, the old access token of
	// a pair. As everywhere, one that no verifier can still accept is not
	// written. They must have a rotated half and no other.
	Denies []Entry
}

// Spent is the successor that stands.
type Spent struct {
	// Successor is the one on record; its Key is empty.
	Successor Successor
	// Replayed is true where an earlier attempt won and its successor is to
	// be signed again; false where this attempt won.
	Replayed bool
	At       time.Time // when the token was spent, on the store's clock
}

// Barrier is a store that can say when a write has reached every check.
type Barrier interface {
	// Barrier returns when every check of the fleet that begins later sees
	// the writes that were acknowledged before the call (R16): it waits for
	// the fleet's max_staleness. An error wraps ErrUnknown: the writes stand,
	// but checks elsewhere may not see them yet.
	Barrier(ctx context.Context) error
}
