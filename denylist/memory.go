package denylist

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// MemoryOptions are the settings of a [Memory]. The zero value is safe.
type MemoryOptions struct {
	SkewMargin time.Duration    // default 60 s
	Lifetime   time.Duration    // of tokens whose exp is not known; default 90 days
	Now        func() time.Time // default time.Now
}

// Memory is a store for one process: it forgets everything at its end. It
// starts no goroutine: each write forgets a few of the entries and chains that
// have expired.
type Memory struct {
	policy policy
	now    func() time.Time

	mu      sync.RWMutex
	entries [ScopeIssuer + 1]*table[name, *Entry] // by scope
	chains  *table[name, *chain]                  // by session
	marks   *table[markName, time.Time]
	logins  *table[string, failures] // counts of failed ones
	homes   *table[string, failures] // the same, where their accounts are at home
	lists   *table[name, []Listed]   // inventories, by subject
	log     changeLog
}

// name is what a row is found by: an id and whose it is.
type name struct{ issuer, id string }

// clone returns a copy that keeps no larger string alive, such as the token
// that the ids were cut from.
func (n name) clone() name { return name{strings.Clone(n.issuer), strings.Clone(n.id)} }

var (
	_ Store    = (*Memory)(nil)
	_ Spender  = (*Memory)(nil)
	_ Operator = (*Memory)(nil)
	_ Barrier  = (*Memory)(nil)
	_ Follower = (*Memory)(nil)
)

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	m := &Memory{
		policy: newPolicy(opts.SkewMargin, opts.Lifetime),
		now:    opts.Now,
		chains: newTable[name, *chain](),
		marks:  newTable[markName, time.Time](),
		logins: newTable[string, failures](),
		homes:  newTable[string, failures](),
		lists:  newTable[name, []Listed](),
		log:    newChangeLog(),
	}
	if m.now == nil {
		m.now = time.Now
	}
	for _, s := range Scopes() {
		m.entries[s] = newTable[name, *Entry]()
	}
	return m
}

// clock is the store's clock, to the millisecond.
func (m *Memory) clock() time.Time { return instant(m.now()) }

// Check implements [Store].
func (m *Memory) Check(ctx context.Context, t Token) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.denial(t, func(e *Entry) bool {
		now := m.clock() // read only where there is something to compare it with
		return !over(e.ExpiresAt, now) && e.denies(t, now)
	})
}

// denial returns a [*RevokedError] with the narrowest entry of t's ids that
// denies it.
func (m *Memory) denial(t Token, denies func(*Entry) bool) error {
	ids := [...]string{ScopeToken: t.ID, ScopeSession: t.Session, ScopeSubject: t.Subject, ScopeIssuer: ""}
	for scope := ScopeToken; scope <= ScopeIssuer; scope++ {
		if r := m.entries[scope].rows[name{t.Issuer, ids[scope]}]; r != nil && denies(r.value) {
			return &RevokedError{Entry: r.value.clone()}
		}
	}
	return nil
}

// Revoke implements [Store]. Its outcome is always known.
func (m *Memory) Revoke(ctx context.Context, entries ...Entry) (Receipt, error) {
	if err := validateRevocations(entries); err != nil {
		return Receipt{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Receipt{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock()
	stamped, err := m.stamp(entries, now, 0)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{At: now, Results: make([]Result, 0, len(entries))}
	for _, e := range stamped {
		receipt.Results = append(receipt.Results, m.write(e, now))
	}
	m.prune(now, len(entries))
	return receipt, nil
}

// stamp is policy.stamp for all entries, or for none.
func (m *Memory) stamp(entries []Entry, now time.Time, overlap time.Duration) ([]Entry, error) {
	stamped := make([]Entry, 0, len(entries))
	for _, e := range entries {
		e, err := m.policy.stamp(e, now, overlap)
		if err != nil {
			return nil, err
		}
		stamped = append(stamped, e)
	}
	return stamped, nil
}

// write merges a stamped entry into its table.
func (m *Memory) write(e Entry, now time.Time) Result {
	if over(e.ExpiresAt, now) {
		return Result{Entry: e, Outcome: Obsolete}
	}
	table, key, outcome := m.entries[e.Scope], name{e.Issuer, e.ID}.clone(), Recorded
	e.Issuer, e.ID = key.issuer, key.id
	if have, ok := table.get(key, now); ok {
		e, outcome = merge(*have, e), Merged
		if e.equal(*have) {
			return Result{Entry: e, Outcome: Unchanged}
		}
	}
	kept := e.clone()
	table.put(key, &kept, e.ExpiresAt)
	m.log.add(logged{at: now, entry: &kept})
	return Result{Entry: e, Outcome: outcome}
}

// prune forgets some of what has expired, and more of it than was written.
func (m *Memory) prune(now time.Time, written int) {
	batch := max(pruneBatch, 2*written)
	for _, s := range Scopes() {
		m.entries[s].prune(now, batch)
	}
	m.chains.prune(now, batch)
}

// Barrier implements [Barrier]: here every check sees every write at once.
func (m *Memory) Barrier(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

// interrupted says that nothing was asked and nothing written, because the
// caller has gone.
func interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
