package denylist

import (
	"context"
	"time"
)

// markName is what a mark of Memory is found by.
type markName struct {
	scope Scope
	name
}

// Mark implements [Marker]. Its outcome is always known.
func (m *Memory) Mark(ctx context.Context, marks ...Mark) (time.Time, error) {
	if err := validateMarks(marks); err != nil {
		return time.Time{}, err
	}
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	latest := now
	for _, mark := range marks {
		key, at, expires := markName{mark.Scope, name{mark.Issuer, mark.ID}.clone()}, now, mark.expiry(m.policy, now)
		if had, ok := m.marks.get(key, now); ok {
			at, expires = later(at, had.Add(time.Millisecond)), later(expires, m.marks.rows[key].expires)
		}
		if over(expires, now) {
			continue
		}
		m.marks.put(key, at, expires)
		latest = later(latest, at)
	}
	m.marks.prune(now, max(pruneBatch, 2*len(marks)))
	return latest, nil
}

// Marked implements [Marker].
func (m *Memory) Marked(ctx context.Context, t Token) (time.Time, error) {
	if err := t.validate(); err != nil {
		return time.Time{}, err
	}
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	now, latest := m.clock(), time.Time{}
	ids := [...]string{ScopeToken: t.ID, ScopeSession: t.Session, ScopeSubject: t.Subject, ScopeIssuer: ""}
	for scope := ScopeToken; scope <= ScopeIssuer; scope++ {
		at, ok := m.marks.get(markName{scope, name{t.Issuer, ids[scope]}}, now)
		if ok && concerns(scope, at, t) {
			latest = later(latest, at)
		}
	}
	return latest, nil
}
