package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Mark asks for the renewal of tokens: they are as good as before, and should
// be exchanged at their next request. It denies nothing.
type Mark struct {
	Scope  Scope
	Issuer string // iss
	ID     string // jti, sid or sub; empty for ScopeIssuer

	// Until is when the last of the tokens has expired. Where it is not known,
	// leave it zero: the store takes Lifetime from its own now.
	Until time.Time
	// Lifetime is the longest that a token of the issuer can still live, where
	// Until is not known. Zero is the store's default, 90 days.
	Lifetime time.Duration
}

// Marker is a store that keeps marks. Memory is one, and so is Redis with one
// partition. Its methods are safe for concurrent use.
type Marker interface {
	// Mark writes marks, all or none, and returns their instant on the store's
	// clock; of several marks, the latest. A mark of what is marked already has
	// a later instant than that had, so that a token which was renewed before
	// is renewed again. ErrInvalid: one of them is wrong. An outcome that is
	// not known wraps ErrUnknown; repeating is safe.
	Mark(ctx context.Context, marks ...Mark) (time.Time, error)

	// Marked returns the latest instant at which t, its session, its subject or
	// its issuer was marked, zero where none was. A session that began after
	// the mark of its subject or issuer is not marked by it. An error means
	// that the store cannot tell.
	Marked(ctx context.Context, t Token) (time.Time, error)
}

var (
	_ Marker = (*Memory)(nil)
	_ Marker = (*Redis)(nil)
)

// ErrNoMarks: this store keeps no marks, whatever they are. Such an error wraps
// ErrInvalid too.
var ErrNoMarks = errors.New("denylist: marks want a store of one partition")

// maxMarks is how many marks one call writes.
const maxMarks = 100

func validateMarks(marks []Mark) error {
	if len(marks) > maxMarks {
		return fmt.Errorf("%w: %d marks at once: want at most %d", ErrInvalid, len(marks), maxMarks)
	}
	for _, m := range marks {
		// What has a name as an entry has one as a mark.
		e := Entry{Scope: m.Scope, Issuer: m.Issuer, ID: m.ID, Revoked: &Revoked{}, Lifetime: m.Lifetime}
		if err := e.validate(); err != nil {
			return err
		}
	}
	return nil
}

// expiry is when a mark of now is forgotten: when no verifier accepts the
// tokens any more (R5).
func (m Mark) expiry(p policy, now time.Time) time.Time {
	until := m.Until
	if until.IsZero() {
		until = now.Add(m.lifetime(p))
	}
	return p.outlive(until)
}

func (m Mark) lifetime(p policy) time.Duration {
	if m.Lifetime == 0 {
		return p.lifetime
	}
	return m.Lifetime
}

// concerns reports whether a mark of that scope and instant is meant for t:
// what a later login was issued needs no renewal.
func concerns(s Scope, at time.Time, t Token) bool {
	return !s.Wide() || !t.Login.After(at)
}
