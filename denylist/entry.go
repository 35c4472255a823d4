package denylist

import (
	"fmt"
	"time"
)

// Scope is what an entry denies. The zero Scope is not valid.
type Scope uint8

// The scopes, from the narrowest to the widest.
const (
	ScopeToken   Scope = 1 + iota // one jti
	ScopeSession                  // every token with that sid
	ScopeSubject                  // every token of a sub whose login is not later than the cutoff
	ScopeIssuer                   // every token of an issuer whose login is not later than the cutoff
)

var scopeNames = [...]string{ScopeToken: "token", ScopeSession: "session", ScopeSubject: "subject", ScopeIssuer: "issuer"}

// Scopes lists the scopes from the narrowest to the widest.
func Scopes() []Scope { return []Scope{ScopeToken, ScopeSession, ScopeSubject, ScopeIssuer} }

// ParseScope is the inverse of [Scope.String].
func ParseScope(name string) (Scope, error) {
	for _, s := range Scopes() {
		if scopeNames[s] == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%w: no scope %.20q: want token, session, subject or issuer", ErrInvalid, name)
}

// Valid reports whether s is one of the four scopes.
func (s Scope) Valid() bool { return s >= ScopeToken && s <= ScopeIssuer }

// Wide reports whether entries of the scope have a cutoff: subject and issuer.
func (s Scope) Wide() bool { return s == ScopeSubject || s == ScopeIssuer }

func (s Scope) String() string {
	if !s.Valid() {
		return fmt.Sprintf("scope(%d)", uint8(s))
	}
	return scopeNames[s]
}

// MarshalText writes the scope's name.
func (s Scope) MarshalText() ([]byte, error) {
	if !s.Valid() {
		return nil, fmt.Errorf("%w: no such %v", ErrInvalid, s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads the scope's name.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}

// Entry is one record of the denylist. It has a revoked half, a rotated half,
// or both (R10). Build one with [TokenEntry], [SessionEntry], [SubjectEntry]
// or [IssuerEntry]; the store fills in what it computes.
type Entry struct {
	Scope  Scope
	Issuer string // iss
	ID     string // jti, sid or sub; empty for ScopeIssuer

	// Digest stands for Issuer and ID where neither is known: a Redis that had
	// forgotten the entry was given it back by a mirror, which knows no more.
	// Stores fill it in, and the names instead where they were asked by name.
	Digest string

	Revoked *Revoked // an explicit revocation: acts at once
	Rotated *Rotated // the token was exchanged: acts from EffectiveFrom on

	// Until is when the last token that the entry denies has expired: a
	// token's exp, or a session's end. Where it is not known, leave it zero:
	// the store takes Lifetime from its own now. Stores read it and do not
	// return it.
	Until time.Time
	// Lifetime is the longest that a token of the issuer can still live,
	// where Until is not known. Zero is the store's default, 90 days.
	Lifetime time.Duration

	// ExpiresAt is when the store forgets the entry: Until + MaxLeeway + the
	// skew margin (R5). Set by a caller, it can only lengthen that.
	ExpiresAt time.Time
}

// Revoked is the half of an entry that an explicit revocation writes. When
// entries merge, the first At and Reason and the latest Cutoff stand.
type Revoked struct {
	At     time.Time // on the store's clock; set by the store
	Reason string    // at most MaxReason bytes; never a secret
	// Cutoff denies logins that are not later. Wide scopes only: zero is the
	// store's now, further ahead than the skew margin is refused.
	Cutoff time.Time
}

// Rotated is the half of an entry that an exchange writes. When entries merge,
// the earliest of each instant stands.
type Rotated struct {
	At            time.Time // on the store's clock; set by the store
	EffectiveFrom time.Time // At + Exchange.Overlap; set by the store
}

// MaxReason is the most bytes that a reason may have.
const MaxReason = 256

// TokenEntry revokes one token. A zero exp means that it is not known.
func TokenEntry(issuer, jti string, exp time.Time) Entry {
	return Entry{Scope: ScopeToken, Issuer: issuer, ID: jti, Until: exp, Revoked: &Revoked{}}
}

// SessionEntry revokes every token of a session. A zero sessionExp means that
// the session's end is not known.
func SessionEntry(issuer, sid string, sessionExp time.Time) Entry {
	return Entry{Scope: ScopeSession, Issuer: issuer, ID: sid, Until: sessionExp, Revoked: &Revoked{}}
}

// SubjectEntry revokes every token of a subject whose login is not later than
// cutoff. A zero cutoff is the store's now, read inside the write (R6).
func SubjectEntry(issuer, sub string, cutoff time.Time) Entry {
	return Entry{Scope: ScopeSubject, Issuer: issuer, ID: sub, Revoked: &Revoked{Cutoff: cutoff}}
}

// IssuerEntry is the global switch: it revokes every token of an issuer whose
// login is not later than cutoff. A zero cutoff is the store's now.
func IssuerEntry(issuer string, cutoff time.Time) Entry {
	return Entry{Scope: ScopeIssuer, Issuer: issuer, Revoked: &Revoked{Cutoff: cutoff}}
}

// WithReason returns the entry with a reason for its revocation.
func (e Entry) WithReason(reason string) Entry {
	if e.Revoked != nil {
		r := *e.Revoked
		r.Reason = reason
		e.Revoked = &r
	}
	return e
}

// validate refuses what no store may hold; the clock-dependent rules (cutoff,
// expiry) are the store's.
func (e Entry) validate() error {
	switch {
	case !e.Scope.Valid():
		return fmt.Errorf("%w: %v", ErrInvalid, e.Scope)
	case e.Digest != "":
		return fmt.Errorf("%w: an entry is written by issuer and id", ErrInvalid)
	case e.Issuer == "" || len(e.Issuer) > MaxID:
		return fmt.Errorf("%w: issuer of %d bytes: want 1 to %d", ErrInvalid, len(e.Issuer), MaxID)
	case e.Scope == ScopeIssuer && e.ID != "":
		return fmt.Errorf("%w: an issuer entry has no id", ErrInvalid)
	case e.Scope != ScopeIssuer && (e.ID == "" || len(e.ID) > MaxID):
		return fmt.Errorf("%w: id of %d bytes: want 1 to %d", ErrInvalid, len(e.ID), MaxID)
	case e.Revoked == nil && e.Rotated == nil:
		return fmt.Errorf("%w: an entry that denies nothing", ErrInvalid)
	case e.Lifetime < 0:
		return fmt.Errorf("%w: negative lifetime", ErrInvalid)
	}
	if r := e.Revoked; r != nil {
		if len(r.Reason) > MaxReason {
			return fmt.Errorf("%w: reason of %d bytes: want at most %d", ErrInvalid, len(r.Reason), MaxReason)
		}
		if !r.Cutoff.IsZero() && !e.Scope.Wide() {
			return fmt.Errorf("%w: a %v entry has no cutoff", ErrInvalid, e.Scope)
		}
	}
	if e.Rotated != nil && e.Scope != ScopeToken {
		return fmt.Errorf("%w: only tokens rotate", ErrInvalid)
	}
	return nil
}
