package denylist

import (
	"fmt"
	"time"
)

// MaxLeeway is the most that a verifier may add to a token's exp (R5). Every
// entry outlives the tokens that it denies by this much, plus the store's skew
// margin, so that no verifier still accepts a token whose entry is gone.
const MaxLeeway = 2 * time.Minute

// MaxID is the most bytes that a jti, sid, sub or iss may have.
const MaxID = 256

// maxRotation is the highest rotation: beyond it neither JSON nor Lua counts
// exactly.
const maxRotation = 1<<53 - 1

// Token is what a store needs to know of a verified token. Ids are the bytes
// of the claims, compared byte for byte.
type Token struct {
	Issuer    string    // iss
	ID        string    // jti
	Session   string    // sid; empty where the token belongs to no session
	Subject   string    // sub; empty where the token has none
	ExpiresAt time.Time // exp

	// Login is the instant at which the session began, which the cutoffs of
	// subject and issuer entries are compared with: auth_ms, on Redis's
	// clock, for rescind's own tokens; the earlier of auth_time and iat, in
	// whole seconds, for foreign ones. A tie is denied (R6).
	Login time.Time

	// Rotation is the number of exchanges since login. Only Spend reads it.
	Rotation int64

	prepared *Prepared // nil: nobody has prepared it
}

// Prepared returns t with what stores compute of its ids: a copy that is
// checked often costs no hashing each time. Its fields may be changed all the
// same; it is then an unprepared token. Two prepared tokens are not == unless
// one is a copy of the other.
func (t Token) Prepared() Token {
	if t.prepared.of(&t) {
		return t
	}
	var p Prepared
	p.Set(t, t.prepared)
	return p.token
}

// String shows the ids, for logs and tests.
func (t Token) String() string {
	return fmt.Sprintf("token %q of %q (session %q, rotation %d, subject %q, login %v, until %v)",
		t.ID, t.Issuer, t.Session, t.Rotation, t.Subject, t.Login, t.ExpiresAt)
}

// validate refuses a token that no entry could deny.
func (t *Token) validate() error {
	if t.Issuer == "" || t.ID == "" {
		return fmt.Errorf("%w: a token without issuer or id", ErrInvalid)
	}
	for _, id := range [...]string{t.Issuer, t.ID, t.Session, t.Subject} {
		if len(id) > MaxID {
			return fmt.Errorf("%w: an id of %d bytes: want at most %d", ErrInvalid, len(id), MaxID)
		}
	}
	return nil
}
