package denylist

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxLabel is the most bytes of a session's label.
	MaxLabel = 64
	// MaxListed is how many sessions of a subject an inventory keeps. Of more
	// it forgets the oldest, which go on all the same.
	MaxListed = 100
)

// Listed is a session in the inventory of its subject.
type Listed struct {
	Issuer  string
	Subject string
	Session string
	Label   string    // what its user calls it; text of at most MaxLabel bytes
	Begun   time.Time // the login time
	Ends    time.Time // the session's absolute end
	// IdleUntil is when the session's newest token has expired. Who enlists a
	// session gives that of the first; its chain says the rest.
	IdleUntil time.Time
	Renewed   time.Time // when it was last exchanged; zero: never. Not given by who enlists
}

// Inventory is a store that lists the sessions of a subject. Memory and Redis
// are Inventories. It is an extra: no check asks it, and a session that it does
// not know is as good as another. Its methods are safe for concurrent use.
type Inventory interface {
	// Enlist adds a session that begins to its subject's inventory. ErrInvalid:
	// it cannot be one. An outcome that is not known wraps ErrUnknown;
	// repeating is safe.
	Enlist(ctx context.Context, s Listed) error
	// Sessions returns the sessions of a subject that are alive, the newest
	// first: not ended, revoked by no entry, and with a token that has not
	// expired. The others it forgets. The last of these is known of exchanges
	// with Exchange.Keep only. An error means that the store cannot tell.
	Sessions(ctx context.Context, issuer, subject string) ([]Listed, error)
}

var (
	_ Inventory = (*Memory)(nil)
	_ Inventory = (*Redis)(nil)
	_ Inventory = (*Mirror)(nil) // which has Redis list
)

// ValidLabel reports whether a text may be a session's label: nothing, or
// printable text of at most MaxLabel bytes.
func ValidLabel(label string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return len(label) <= MaxLabel && utf8.ValidString(label) && !strings.ContainsFunc(label, unprintable)
}

func (s Listed) validate() error {
	for _, id := range []string{s.Issuer, s.Subject, s.Session} {
		if id == "" || len(id) > MaxID {
			return fmt.Errorf("%w: id of %d bytes in an inventory: want 1 to %d", ErrInvalid, len(id), MaxID)
		}
	}
	switch {
	case !ValidLabel(s.Label):
		return fmt.Errorf("%w: label: want at most %d bytes of printable text", ErrInvalid, MaxLabel)
	case s.Begun.IsZero() || s.Ends.IsZero() || s.IdleUntil.IsZero():
		return fmt.Errorf("%w: a session in an inventory without its instants", ErrInvalid)
	}
	return nil
}

// kept is a session as stores keep it.
func (s Listed) kept() Listed {
	s.Issuer, s.Subject, s.Session, s.Label = strings.Clone(s.Issuer), strings.Clone(s.Subject), strings.Clone(s.Session), strings.Clone(s.Label)
	s.Begun, s.Ends, s.IdleUntil, s.Renewed = instant(s.Begun), instant(s.Ends), instant(s.IdleUntil), time.Time{}
	return s
}

// token is any of the session's, to ask entries about.
func (s Listed) token() Token {
	return Token{Issuer: s.Issuer, Session: s.Session, Subject: s.Subject, Login: s.Begun}
}

// renewed is the session as its chain knows it; without one nothing was
// exchanged.
func (s Listed) renewed(at, idleUntil time.Time) Listed {
	s.Renewed, s.IdleUntil = at, idleUntil
	return s
}

func (s Listed) over(now time.Time) bool { return over(s.Ends, now) || over(s.IdleUntil, now) }

// newestFirst sorts a list; of one instant, by id.
func newestFirst(list []Listed) {
	slices.SortFunc(list, func(a, b Listed) int {
		return cmp.Or(b.Begun.Compare(a.Begun), strings.Compare(a.Session, b.Session))
	})
}
