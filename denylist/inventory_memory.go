package denylist

import (
	"context"
	"slices"
	"time"
)

// Enlist implements [Inventory]. Its outcome is always known.
func (m *Memory) Enlist(ctx context.Context, s Listed) error {
	if err := s.validate(); err != nil {
		return err
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	s = s.kept()
	whose := name{s.Issuer, s.Subject}
	list, _ := m.lists.get(whose, now)
	list = slices.DeleteFunc(slices.Clone(list), func(had Listed) bool {
		return had.Session == s.Session || over(had.Ends, now)
	})
	list = append(list, s)
	newestFirst(list)
	m.keepList(whose, list[:min(len(list), MaxListed)])
	m.lists.prune(now, pruneBatch)
	return nil
}

// keepList keeps a list until the last of its sessions has ended.
func (m *Memory) keepList(whose name, list []Listed) {
	if len(list) == 0 {
		m.lists.drop(whose)
		return
	}
	var ends time.Time
	for _, s := range list {
		ends = later(ends, s.Ends)
	}
	m.lists.put(whose, list, ends)
}

// Sessions implements [Inventory].
func (m *Memory) Sessions(ctx context.Context, issuer, subject string) ([]Listed, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, whose := m.clock(), name{issuer, subject}
	list, _ := m.lists.get(whose, now)
	var alive, kept []Listed
	for _, s := range list {
		shown := s
		if c, ok := m.chains.get(name{issuer, s.Session}, now); ok {
			shown = s.renewed(c.at, c.next.ExpiresAt)
		}
		if !shown.over(now) && m.revoked(s.token(), now) == nil {
			alive, kept = append(alive, shown), append(kept, s)
		}
	}
	if len(kept) < len(list) {
		m.keepList(whose, kept)
	}
	return alive, nil
}
