package denylist

import (
	"fmt"
	"slices"
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
	size  atomic.Int64 // what there is to look at: what empty reads

	mu        sync.RWMutex
	ticks     uint64                // orders what begins and what ends
	unsettled map[string]*unsettled // by the entry's key
	homeless  int                   // attempts under way for which there was no room
	lost      time.Time             // until then more is unknown than is remembered
}

// unsettled is what is not acknowledged of one entry.
type unsettled struct {
	flying  []*attempt
	unknown *Entry    // what attempts of unknown outcome deny together; nil: there are none
	named   time.Time // the latest cutoff that one of those named
	ended   uint64    // when the last of those ended
}

// attempt is one entry on its way to Redis.
type attempt struct {
	key   string
	entry Entry     // as Redis will write it
	named time.Time // the cutoff that it names; zero: Redis's now
	begun uint64
	of    *unsettled // nil: there was no room
}

func newPending(limit int) *pending {
	return &pending{limit: limit, unsettled: make(map[string]*unsettled)}
}

// empty reports whether there is nothing that could deny anything.
func (p *pending) empty() bool { return p.size.Load() == 0 }

// begin notes that e is about to be revoked, and that it will be foreseen if
// that is done at now.
func (p *pending) begin(key string, e, foreseen Entry, now time.Time) *attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	p.ticks++
	if over(p.lost, now) {
		p.lost = time.Time{}
	}
	a := &attempt{key: key, entry: foreseen, named: e.Revoked.Cutoff, begun: p.ticks}
	if a.of = p.home(key, now); a.of == nil {
		p.homeless++
		return a
	}
	a.of.flying = append(a.of.flying, a)
	return a
}

// home is where attempts of an entry are remembered; nil: there is no room.
func (p *pending) home(key string, now time.Time) *unsettled {
	u := p.unsettled[key]
	if u == nil && (len(p.unsettled) < p.limit || p.forget(now)) {
		u = &unsettled{}
		p.unsettled[key] = u
	}
	return u
}

// forget drops what has expired and reports whether that made room.
func (p *pending) forget(now time.Time) bool {
	for key, u := range p.unsettled {
		if len(u.flying) == 0 && over(u.unknown.ExpiresAt, now) {
			delete(p.unsettled, key)
		}
	}
	return len(p.unsettled) < p.limit
}

// written notes that an attempt was acknowledged and what stands now. That
// settles those whose outcome is unknown, unless they denied more. A cutoff
// that Redis chose is later than all that it chose before.
func (p *pending) written(a *attempt, stands Entry) {
	p.end(a, func(u *unsettled) {
		if u.unknown == nil || stands.Revoked == nil {
			return
		}
		covered := u.unknown.Revoked.Cutoff
		if a.named.IsZero() && u.ended < a.begun {
			covered = u.named
		}
		if !stands.Revoked.Cutoff.Before(covered) {
			u.unknown = nil
		}
	})
}

// refused notes that an attempt certainly wrote nothing.
func (p *pending) refused(a *attempt) { p.end(a, func(*unsettled) {}) }

// unknown notes that nobody knows what became of an attempt, which ended at
// now: where it named no cutoff, Redis may have taken any instant until then.
func (p *pending) unknown(a *attempt, now time.Time) {
	e := a.entry.clone()
	if e.Scope.Wide() && a.named.IsZero() {
		e.Revoked.Cutoff = later(e.Revoked.Cutoff, instant(now))
	}
	p.end(a, func(u *unsettled) {
		if u.unknown != nil {
			e = merge(*u.unknown, e)
		}
		p.ticks++
		u.unknown, u.named, u.ended = &e, later(u.named, a.named), p.ticks
	})
}

// end takes an attempt off its entry and settles what is left of that.
func (p *pending) end(a *attempt, settle func(*unsettled)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	if a.of == nil {
		p.endHomeless(a, settle)
		return
	}
	a.of.flying = slices.DeleteFunc(a.of.flying, func(o *attempt) bool { return o == a })
	settle(a.of)
	p.drop(a.key)
}

// endHomeless ends an attempt that there was no room for. Only if its outcome
// is unknown is anything lost.
func (p *pending) endHomeless(a *attempt, settle func(*unsettled)) {
	p.homeless--
	var alone unsettled
	if settle(&alone); alone.unknown != nil {
		p.lost = later(p.lost, alone.unknown.ExpiresAt)
	}
}

// drop forgets an entry of which everything is settled.
func (p *pending) drop(key string) {
	if u := p.unsettled[key]; u != nil && len(u.flying) == 0 && u.unknown == nil {
		delete(p.unsettled, key)
	}
}

// tick is an instant in the order of what begins and what ends.
func (p *pending) tick() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticks++
	return p.ticks
}

// reinstated forgets what was unknown of an entry when the reinstatement
// began. What has become so since may have been written after it.
func (p *pending) reinstated(key string, begun uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.resize()
	if u := p.unsettled[key]; u != nil && u.ended < begun {
		u.unknown = nil
		p.drop(key)
	}
}

// resize is for callers that hold mu.
func (p *pending) resize() {
	n := len(p.unsettled) + p.homeless
	if !p.lost.IsZero() {
		n++
	}
	p.size.Store(int64(n))
}

// check returns a [*RevokedError] where an attempt in one of the places denies
// t, and ErrUnavailable where an attempt that is not remembered might.
func (p *pending) check(places []place, t Token, now time.Time) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, at := range places {
		if e := p.unsettled[at.key].denial(t, now); e != nil {
			return &RevokedError{Entry: e.clone()}
		}
	}
	if p.homeless > 0 || !over(p.lost, now) {
		return fmt.Errorf("%w: more than %d revocations have an unknown outcome", ErrUnavailable, p.limit)
	}
	return nil
}

// denial is the first attempt that denies t, or nil.
func (u *unsettled) denial(t Token, now time.Time) *Entry {
	if u == nil {
		return nil
	}
	denies := func(e *Entry) bool { return !over(e.ExpiresAt, now) && e.revokes(t) }
	if u.unknown != nil && denies(u.unknown) {
		return u.unknown
	}
	for _, a := range u.flying {
		if denies(&a.entry) {
			return &a.entry
		}
	}
	return nil
}
