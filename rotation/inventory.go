package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

var (
	// ErrNoSession: the subject has no such session, or none that is alive.
	ErrNoSession = errors.New("rotation: no such session")
	// ErrUnlisted: the session is in no list, so that others may be in none.
	ErrUnlisted = errors.New("rotation: session is not listed")
)

// errNoInventory: Options.Inventory is not set.
var errNoInventory = fmt.Errorf("%w: sessions are kept in no inventory", ErrInvalid)

// KeepsInventory reports whether sessions are listed: Options.Inventory is set.
func (s *Sessions) KeepsInventory() bool { return s.opts.Inventory != nil }

// List returns the sessions of a subject that are alive, the newest first, of
// those that began since there is an inventory: the newest denylist.MaxListed.
// An error that is not ErrInvalid means that the store cannot tell.
func (s *Sessions) List(ctx context.Context, subject string) ([]denylist.Listed, error) {
	if s.opts.Inventory == nil {
		return nil, errNoInventory
	}
	return s.opts.Inventory.Sessions(ctx, s.opts.Issuer, subject)
}

// End ends one of a subject's sessions. ErrNoSession: it is not listed as one
// of the subject's, or has ended already.
func (s *Sessions) End(ctx context.Context, subject, session string) error {
	list, err := s.List(ctx, subject)
	if err != nil {
		return err
	}
	for _, l := range list {
		if l.Session == session {
			return s.revoke(ctx, s.listedEntry(l))
		}
	}
	return ErrNoSession
}

// EndOthers ends all sessions of a token's subject but the token's own: those
// that are listed, and all that began before it. An inventory forgets the oldest
// first, so that is every one where the token's session is listed. ErrUnlisted:
// it is not. The others that are known have ended all the same.
func (s *Sessions) EndOthers(ctx context.Context, own verifier.Claims) error {
	list, err := s.List(ctx, own.Subject())
	if err != nil {
		return err
	}
	earlier := denylist.SubjectEntry(s.opts.Issuer, own.Subject(), own.Login().Add(-time.Millisecond))
	earlier.Lifetime = s.opts.longestLifetime()
	entries := []denylist.Entry{earlier.WithReason(endedByUser)}
	listed := false
	for _, l := range list {
		if l.Session == own.Session() {
			listed = true
			continue
		}
		entries = append(entries, s.listedEntry(l))
	}
	if err := s.revoke(ctx, entries...); err != nil {
		return err
	}
	if !listed {
		return ErrUnlisted
	}
	return nil
}

// endedByUser is the reason of what List's reader ends.
const endedByUser = "ended by its user"

func (s *Sessions) listedEntry(l denylist.Listed) denylist.Entry {
	return denylist.SessionEntry(s.opts.Issuer, l.Session, l.Ends).WithReason(endedByUser)
}

// enlist adds a session that begins to the inventory, if there is one. Without
// that it does not begin: whoever looks at the list has to find it there.
func (s *Sessions) enlist(ctx context.Context, d descent, label string, t Tokens) error {
	if s.opts.Inventory == nil {
		return nil
	}
	idle := t.AccessExpiresAt
	if t.RefreshExpiresAt.After(idle) {
		idle = t.RefreshExpiresAt
	}
	listed := denylist.Listed{
		Issuer: s.opts.Issuer, Subject: d.subject, Session: t.Session, Label: label,
		Begun: d.login, Ends: d.sessionEnd, IdleUntil: idle,
	}
	return untilKnown(ctx, func(ctx context.Context) error { return s.opts.Inventory.Enlist(ctx, listed) })
}

// keepChain is how long a chain has to be kept for the inventory, which reads
// there whether a session still has a token that is alive.
func (s *Sessions) keepChain(m mint, style Style) time.Time {
	if s.opts.Inventory == nil {
		return time.Time{}
	}
	return m.spendable(style)
}
