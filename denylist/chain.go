package denylist

import (
	"fmt"
	"time"
)

// chain is what a store remembers of a session that has exchanged anything:
// the highest rotation that was spent, and what it was spent for. One record a
// session, however often it exchanges.
type chain struct {
	rotation int64
	spent    string    // jti of the token that was spent
	at       time.Time // when it was spent
	key      string    // digest of the attempt's Idempotency-Key; empty: none
	next     Successor // without its Key
}

// spending is an attempt to exchange a token, as the table of [Spender.Spend]
// looks at it.
type spending struct {
	token  Token
	id     string // the successor's: the identity of the attempt
	key    string // as chain.key
	window time.Duration
	denied error // what a revoked half says of the token, if anything
}

// verdict is what is to be done with a spending.
type verdict uint8

const (
	refuse verdict = iota // for the error that comes with it
	retry                 // an earlier try of this attempt won
	replay                // an earlier attempt won; its successor is to be signed again
	record                // this attempt wins now
)

// decide is the table of [Spender.Spend]: the first line that matches. c is
// the session's chain, nil where it has exchanged nothing.
func (c *chain) decide(s spending, now time.Time) (verdict, error) {
	t := s.token
	again := c != nil && t.Rotation == c.rotation
	switch {
	case again && t.ID == c.spent && s.id == c.next.ID && s.denied == nil:
		return retry, nil
	case over(t.ExpiresAt, now):
		return refuse, ErrExpired
	case c.superseded(t):
		return refuse, fmt.Errorf("%w: by another token of the session", ErrReused)
	case again && c.key != "" && s.key != c.key:
		return refuse, fmt.Errorf("%w: with another key", ErrReused)
	case again && c.key == "" && (s.window <= 0 || over(c.at.Add(s.window), now)):
		return refuse, fmt.Errorf("%w: longer ago than the window", ErrReused)
	case s.denied != nil:
		return refuse, s.denied
	case again && over(c.next.ExpiresAt, now):
		return refuse, fmt.Errorf("%w: so has the successor on record", ErrExpired)
	case again:
		return replay, nil
	default:
		return record, nil
	}
}

// superseded reports whether the chain is past t, or went on with another
// token than t: of t's rotation, or as the successor that t would have to be.
func (c *chain) superseded(t Token) bool {
	switch {
	case c == nil:
		return false
	case t.Rotation < c.rotation:
		return true
	case t.Rotation == c.rotation:
		return t.ID != c.spent
	case t.Rotation == c.rotation+1:
		return t.ID != c.next.ID
	}
	return false
}

// over reports whether end has come. A token is dead at the instant of its exp
// (RFC 7519, section 4.1.4), and a window closed at its end.
func over(end, now time.Time) bool { return millis(end) <= millis(now) }

// keyDigest is what a chain keeps of an Idempotency-Key.
func keyDigest(issuer, key string) string {
	if key == "" {
		return ""
	}
	return digest(issuer, key)
}

// validateSpend refuses what no store may record.
func validateSpend(t Token, s Successor, how Exchange) error {
	if err := t.validateSpendable(); err != nil {
		return err
	}
	switch {
	case s.ID == "" || len(s.ID) > MaxID:
		return fmt.Errorf("%w: successor's id of %d bytes: want 1 to %d", ErrInvalid, len(s.ID), MaxID)
	case len(s.Note) > MaxNote:
		return fmt.Errorf("%w: note of %d bytes: want at most %d", ErrInvalid, len(s.Note), MaxNote)
	case how.Window < 0 || how.Overlap < 0:
		return fmt.Errorf("%w: negative window or overlap", ErrInvalid)
	}
	for _, e := range how.Denies {
		if err := e.validate(); err != nil {
			return err
		}
		if e.Rotated == nil || e.Revoked != nil {
			return fmt.Errorf("%w: an exchange writes only the rotated half of an entry", ErrInvalid)
		}
	}
	return nil
}

// validateSpendable refuses a token that belongs to no chain.
func (t Token) validateSpendable() error {
	if err := t.validate(); err != nil {
		return err
	}
	switch {
	case t.Session == "":
		return fmt.Errorf("%w: a token without a session cannot be exchanged", ErrInvalid)
	case t.Rotation < 0 || t.Rotation > maxRotation:
		return fmt.Errorf("%w: rotation %d", ErrInvalid, t.Rotation)
	}
	return nil
}

// validateRevocations refuses what a caller of Revoke may not ask.
func validateRevocations(entries []Entry) error {
	for _, e := range entries {
		if err := e.validate(); err != nil {
			return err
		}
		if e.Rotated != nil {
			return fmt.Errorf("%w: the rotated half of an entry is an exchange's to write", ErrInvalid)
		}
	}
	return nil
}
