package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// ErrNoSession: the subject has no such session, or none that is alive.
var ErrNoSession = errors.New("rotation: no such session")

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
	return s.endListed(ctx, subject, func(l denylist.Listed) bool { return l.Session == session }, ErrNoSession)
}

// EndOthers ends all sessions of a subject that are listed, but for one. Those
// that no inventory knows go on: LogoutAll ends them too, and this one.
func (s *Sessions) EndOthers(ctx context.Context, subject, but string) error {
	return s.endListed(ctx, subject, func(l denylist.Listed) bool { return l.Session != but }, nil)
}

// endListed revokes the sessions that are meant; where there are none, it
// returns none.
func (s *Sessions) endListed(ctx context.Context, subject string, meant func(denylist.Listed) bool, none error) error {
	list, err := s.List(ctx, subject)
	if err != nil {
		return err
	}
	var entries []denylist.Entry
	for _, l := range list {
		if meant(l) {
			entries = append(entries, denylist.SessionEntry(s.opts.Issuer, l.Session, l.Ends).WithReason("ended by its user"))
		}
	}
	if len(entries) == 0 {
		return none
	}
	return s.revoke(ctx, entries...)
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
