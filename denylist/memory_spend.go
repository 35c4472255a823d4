package denylist

import (
	"context"
	"strings"
	"time"
)

// Spend implements [Spender]. Its outcome is always known.
func (m *Memory) Spend(ctx context.Context, t Token, s Successor, how Exchange) (Spent, error) {
	if err := validateSpend(t, s, how); err != nil {
		return Spent{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Spent{}, err
	}
	key := keyDigest(t.Issuer, s.Key)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	denies, err := m.stamp(how.Denies, now, how.Overlap)
	if err != nil {
		return Spent{}, err
	}
	c, _ := m.chains.get(name{t.Issuer, t.Session}, now)
	verdict, err := c.decide(spending{
		token: t, id: s.ID, key: key, window: how.Window, denied: m.revoked(t, now),
	}, now)
	if verdict == refuse {
		return Spent{}, err
	}
	if verdict == record {
		c = m.record(t, s, key, how.Keep, now)
	}
	// A retry and a replay write them again: merged, they change nothing.
	for _, e := range denies {
		m.write(e, now)
	}
	m.prune(now, 1+len(denies))
	return Spent{Successor: c.next, Replayed: verdict == replay, At: c.at}, nil
}

// revoked is denial by revoked halves only: a rotated one never counts against
// an exchange.
func (m *Memory) revoked(t Token, now time.Time) error {
	return m.denial(t, func(e *Entry) bool { return !over(e.ExpiresAt, now) && e.revokes(t) })
}

// record makes the attempt the last of its session's chain, which lives as
// long as any token that it knows to be spent, and longer where it is told to.
func (m *Memory) record(t Token, s Successor, key string, keep, now time.Time) *chain {
	session := name{t.Issuer, t.Session}.clone()
	expires := m.policy.outlive(later(t.ExpiresAt, keep))
	if r := m.chains.rows[session]; r != nil {
		expires = later(expires, r.expires)
	}
	c := &chain{
		rotation: t.Rotation,
		spent:    strings.Clone(t.ID),
		at:       now,
		key:      key,
		next: Successor{
			ID:        strings.Clone(s.ID),
			IssuedAt:  instant(s.IssuedAt),
			ExpiresAt: instant(s.ExpiresAt),
			Note:      strings.Clone(s.Note),
		},
	}
	m.chains.put(session, c, expires)
	return c
}

// Spendable implements [Spender].
func (m *Memory) Spendable(ctx context.Context, t Token) error {
	if err := t.validateSpendable(); err != nil {
		return err
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.clock()
	c, _ := m.chains.get(name{t.Issuer, t.Session}, now)
	_, err := c.decide(spending{token: t, denied: m.revoked(t, now)}, now)
	return err
}

// Now implements [Spender].
func (m *Memory) Now(ctx context.Context) (time.Time, error) {
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	return m.clock(), nil
}
