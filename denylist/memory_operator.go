package denylist

import (
	"context"
	"slices"
)

// Get implements [Operator].
func (m *Memory) Get(ctx context.Context, scope Scope, issuer, id string) (Entry, error) {
	if err := validateName(scope, issuer, id); err != nil {
		return Entry{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Entry{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.entries[scope].get(name{issuer, id}, m.clock())
	if !ok {
		return Entry{}, ErrNotFound
	}
	return e.clone(), nil
}

// Reinstate implements [Operator].
func (m *Memory) Reinstate(ctx context.Context, scope Scope, issuer, id string) (Entry, error) {
	if err := validateName(scope, issuer, id); err != nil {
		return Entry{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	table, key, now := m.entries[scope], name{issuer, id}, m.clock()
	e, ok := table.get(key, now)
	switch {
	case !ok:
		return Entry{}, ErrNotFound
	case e.Revoked == nil:
		return Entry{}, ErrSpent
	}
	left := *e
	left.Revoked = nil
	m.log.add(logged{at: now, entry: &left, reinstated: true})
	if left.Rotated == nil {
		table.drop(key)
		return Entry{}, nil
	}
	table.rows[key].value = &left
	return left.clone(), nil
}

// validateName refuses what can name no entry.
func validateName(scope Scope, issuer, id string) error {
	return Entry{Scope: scope, Issuer: issuer, ID: id, Revoked: &Revoked{}}.validate()
}

// Counts implements [Operator].
func (m *Memory) Counts(ctx context.Context) (Counts, error) {
	if err := interrupted(ctx); err != nil {
		return Counts{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.clock()
	count := func(s Scope) int64 { return int64(m.entries[s].live(now)) }
	return Counts{
		Token:   count(ScopeToken),
		Session: count(ScopeSession),
		Subject: count(ScopeSubject),
		Issuer:  count(ScopeIssuer),
	}, nil
}

// List implements [Operator]. Each page sorts what is left to list.
func (m *Memory) List(ctx context.Context, q Query) (Page, error) {
	limit, after, err := q.parse()
	if err != nil {
		return Page{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Page{}, err
	}
	left := m.left(q.Scope, after)
	var page Page
	if len(left) > limit {
		left = left[:limit]
		page.Next = left[limit-1].position.cursor()
	}
	for _, l := range left {
		page.Entries = append(page.Entries, l.entry.clone())
	}
	return page, nil
}

// listed is an entry and its place in the list.
type listed struct {
	position position
	entry    *Entry
}

// left lists the live entries of a scope (0: of all) after a position.
func (m *Memory) left(scope Scope, after position) []listed {
	var left []listed
	for _, e := range m.live(scope) {
		if at := positionOf(*e); at.compare(after) > 0 {
			left = append(left, listed{at, e})
		}
	}
	slices.SortFunc(left, func(a, b listed) int { return a.position.compare(b.position) })
	return left
}

// live returns the live entries of a scope (0: of all) in any order. They are
// never changed, so nobody need wait while they are sorted.
func (m *Memory) live(scope Scope) []*Entry {
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := m.clock()
	var live []*Entry
	for _, s := range Scopes() {
		if scope != 0 && s != scope {
			continue
		}
		for _, r := range m.entries[s].rows {
			if !over(r.expires, now) {
				live = append(live, r.value)
			}
		}
	}
	return live
}
