package denylist

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// maxOwn is how many writes of its own a mirror remembers at once.
const maxOwn = 1 << 16

// overlay holds what this process has written and the table need not have yet:
// each write from its acknowledgement until the table is complete as of a later
// instant. Until then no older record of the log can weaken it.
type overlay struct {
	size atomic.Int64 // what there is to look at

	mu   sync.RWMutex
	on   bool // somebody follows the log, and will say when the table has it
	own  map[mirrorKey]ownWrite
	lost time.Time // own writes until then are not all remembered

	forgotten int // times that Redis forgot
}

// ownWrite is what the writes to an entry left.
type ownWrite struct {
	hit   mirrorHit
	ask   bool // what it denies now only Redis knows
	acked time.Time

	// late: it began before Redis forgot, and was noted after. Which of the two
	// Redis did first nobody knows.
	late  bool
	begun ownBeginning
}

// ownBeginning is when a write began: an instant, and how often Redis had
// forgotten.
type ownBeginning struct {
	at        time.Time
	forgotten int
}

// begin is to be called before Redis is asked to write.
func (o *overlay) begin(now time.Time) ownBeginning {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return ownBeginning{at: now, forgotten: o.forgotten}
}

// note adds a write that was acknowledged at an instant, or before.
func (o *overlay) note(key mirrorKey, w ownWrite) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.on {
		return
	}
	w.late = !w.ask && w.begun.forgotten != o.forgotten
	have, known := o.own[key]
	if !known && len(o.own) >= maxOwn && !w.late {
		o.lost = later(o.lost, w.acked)
		o.resize()
		return
	}
	if known {
		w.hit, w.ask, w.acked = have.hit.merge(w.hit), have.ask || w.ask, later(have.acked, w.acked)
		if have.late {
			w.late, w.begun.at = true, earlier(have.begun.at, w.begun.at)
		}
	}
	o.own[key] = w
	o.resize()
}

// proven forgets what a table has that is complete as of an instant.
func (o *overlay) proven(since time.Time) {
	if o.size.Load() == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, w := range o.own {
		if w.acked.Before(since) && !w.late {
			delete(o.own, key)
		}
	}
	if o.lost.Before(since) {
		o.lost = time.Time{}
	}
	o.resize()
}

// into enters what was written into a table that Redis has forgotten, and
// reports what of it did not fit. What a reinstatement may have taken back is
// entered all the same.
func (o *overlay) into(table *mirrorTable) (missing error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgotten++
	for key, w := range o.own {
		err := table.change(key, func(have mirrorHit) mirrorHit { return have.merge(w.hit) })
		missing = errors.Join(missing, err)
	}
	return missing
}

// late are the writes that were noted late, and when the first of them began.
func (o *overlay) late() (hits map[mirrorKey]mirrorHit, begun time.Time) {
	if o.size.Load() == 0 {
		return nil, time.Time{}
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	for key, w := range o.own {
		if !w.late {
			continue
		}
		if hits == nil {
			hits, begun = make(map[mirrorKey]mirrorHit), w.begun.at
		}
		hits[key], begun = w.hit, earlier(begun, w.begun.at)
	}
	return hits, begun
}

// settle notes that late writes are remembered elsewhere.
func (o *overlay) settle(hits map[mirrorKey]mirrorHit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, hit := range hits {
		if w, known := o.own[key]; known && w.hit == hit {
			w.late = false
			o.own[key] = w
		}
	}
}

// follow begins to remember, or ends and forgets.
func (o *overlay) follow(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.on, o.own, o.lost = on, make(map[mirrorKey]ownWrite), time.Time{}
	o.resize()
}

// resize is for callers that hold mu.
func (o *overlay) resize() {
	n := len(o.own)
	if !o.lost.IsZero() {
		n++
	}
	o.size.Store(int64(n))
}

// look calls found with the writes to some keys, and reports whether Redis has to
// be asked about one of them.
func (o *overlay) look(keys []mirrorKey, found func(Scope, ownWrite)) (ask bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !o.lost.IsZero() {
		return true
	}
	for _, key := range keys {
		w, known := o.own[key]
		if !known {
			continue
		}
		if w.ask {
			return true
		}
		found(key.scope, w)
	}
	return false
}

// Revoke implements [Store]. What it wrote is denied here before it returns.
func (m *Mirror) Revoke(ctx context.Context, entries ...Entry) (Receipt, error) {
	begun := m.own.begin(m.opts.Now())
	return m.revokeAnd(ctx, entries, func(r Receipt) {
		now := m.opts.Now()
		for _, result := range r.Results {
			if result.Outcome != Obsolete {
				e := result.Entry
				m.own.note(mirrorKeyFor(e), ownWrite{hit: recordOf(e).hit(e.Scope), acked: now, begun: begun})
			}
		}
	})
}

// Spend implements [Spender]: it asks Redis. What it denies is denied here from
// the same instant on.
func (m *Mirror) Spend(ctx context.Context, t Token, s Successor, how Exchange) (Spent, error) {
	if denial := m.deniedFormerly(t); denial != nil {
		return Spent{}, denial
	}
	begun := m.own.begin(m.opts.Now())
	spent, err := m.Redis.Spend(ctx, t, s, how)
	if err != nil {
		return spent, err
	}
	now := m.opts.Now()
	for _, e := range how.Denies {
		e, err := m.policy.stamp(e, spent.At, how.Overlap)
		if err == nil && e.ExpiresAt.After(spent.At) {
			m.own.note(mirrorKeyFor(e), ownWrite{hit: recordOf(e).hit(e.Scope), acked: now, begun: begun})
		}
	}
	return spent, nil
}

// Spendable implements [Spender]: it asks Redis.
func (m *Mirror) Spendable(ctx context.Context, t Token) error {
	if denial := m.deniedFormerly(t); denial != nil {
		return denial
	}
	return m.Redis.Spendable(ctx, t)
}

// Reinstate implements [Operator]. Until the mirror has read of it, checks of
// the entry ask Redis.
func (m *Mirror) Reinstate(ctx context.Context, scope Scope, issuer, id string) (Entry, error) {
	left, err := m.Redis.Reinstate(ctx, scope, issuer, id)
	if err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotFound) {
		key := mirrorKeyFor(Entry{Scope: scope, Issuer: issuer, ID: id})
		m.own.note(key, ownWrite{ask: true, acked: m.opts.Now()})
	}
	return left, err
}
