package denylist

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxPending is how many revocations of unknown outcome a store remembers:
// some 30 MB of them.
const maxPending = 1 << 16

// pending holds the revocations that a store has attempted and that Redis has
// not acknowledged (R16). Checks of the same store are denied by them from the
// attempt on, until a later attempt succeeds, an operator reinstates, or they
// expire.
type pending struct {
	limit int
	size  atomic.Int64 // attempts, or 1 where some were lost: what empty reads

	mu       sync.RWMutex
	attempts map[string]*attempt // by the entry's key
	lost     time.Time           // until then more is unknown than is remembered
}

// attempt is all the unacknowledged attempts to revoke one entry.
type attempt struct {
	entry   Entry     // what they deny together
	named   time.Time // the latest cutoff that one of them named
	flying  int       // how many have not returned yet
	unknown bool      // one has returned without knowing its outcome
}

func newPending(limit int) *pending {
	return &pending{limit: limit, attempts: make(map[string]*attempt)}
}

// empty reports whether there is nothing that could deny anything.
func (p *pending) empty() bool { return p.size.Load() == 0 }

// begin notes that e is about to be revoked, and that it will be foreseen if
// that is done at now.
func (p *pending) begin(key string, e, foreseen Entry, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	a := p.attempts[key]
	switch {
	case a != nil:
		a.entry = merge(a.entry, foreseen)
	case len(p.attempts) >= p.limit && !p.forget(now):
		p.lost = later(p.lost, foreseen.ExpiresAt)
		return
	default:
		a = &attempt{entry: foreseen}
		p.attempts[key] = a
	}
	a.named = later(a.named, e.Revoked.Cutoff)
	a.flying++
}

// forget drops what has expired and reports whether that made room.
func (p *pending) forget(now time.Time) bool {
	for key, a := range p.attempts {
		if a.flying == 0 && over(a.entry.ExpiresAt, now) {
			delete(p.attempts, key)
		}
	}
	return len(p.attempts) < p.limit
}

// written notes that the attempt to revoke e was acknowledged and what stands
// now. That settles earlier attempts whose outcome is unknown, unless they
// denied more: a cutoff that is not named is later than all such before.
func (p *pending) written(key string, e, stands Entry) {
	p.end(key, func(a *attempt) {
		covered := a.entry.Revoked.Cutoff
		if e.Revoked.Cutoff.IsZero() {
			covered = a.named
		}
		if stands.Revoked != nil && !stands.Revoked.Cutoff.Before(covered) {
			a.unknown = false
		}
	})
}

// refused notes that an attempt certainly wrote nothing.
func (p *pending) refused(key string) { p.end(key, func(*attempt) {}) }

// unknown notes that nobody knows what became of an attempt, which ended at
// now: had it no cutoff, Redis may have taken any instant until then.
func (p *pending) unknown(key string, e Entry, now time.Time) {
	p.end(key, func(a *attempt) {
		a.unknown = true
		if e.Scope.Wide() && e.Revoked.Cutoff.IsZero() {
			a.entry.Revoked.Cutoff = later(a.entry.Revoked.Cutoff, instant(now))
		}
	})
}

func (p *pending) end(key string, settle func(*attempt)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	a := p.attempts[key]
	if a == nil {
		return
	}
	a.flying = max(a.flying-1, 0)
	settle(a)
	if a.flying == 0 && !a.unknown {
		delete(p.attempts, key)
	}
}

// reinstated forgets what is unknown of an entry.
func (p *pending) reinstated(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	if a := p.attempts[key]; a != nil {
		if a.unknown = false; a.flying == 0 {
			delete(p.attempts, key)
		}
	}
}

// resize is for callers that hold mu.
func (p *pending) resize() {
	n := int64(len(p.attempts))
	if !p.lost.IsZero() {
		n++
	}
	p.size.Store(n)
}

// check returns a [*RevokedError] where an attempt in one of the places denies
// t, and ErrUnavailable where attempts were lost.
func (p *pending) check(places []place, t Token, now time.Time) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, at := range places {
		if a := p.attempts[at.key]; a != nil && !over(a.entry.ExpiresAt, now) && a.entry.revokes(t) {
			return &RevokedError{Entry: a.entry.clone()}
		}
	}
	if !over(p.lost, now) {
		return fmt.Errorf("%w: more than %d revocations have an unknown outcome", ErrUnavailable, p.limit)
	}
	return nil
}
