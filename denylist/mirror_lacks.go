package denylist

import (
	"math/bits"
	"sync/atomic"
)

// addedCounters is how many counters there are of the keys that are added: few
// enough to stay in a processor's first cache, and so many that of a thousand
// new entries a second each counts one every other second.
const addedCounters = 2048

// state is another one whenever a key was added that lacks could find for a
// token: a sum of counters that only go up. Those of a scope that has its first
// key are zero where nothing was added.
//
// It need not be the state of one instant. A sum that others have made can be
// the same of other summands only if one of theirs was read later than here: then
// they have looked since this look began.
func (t *mirrorTable) state(p *Prepared) uint64 {
	sum := t.born
	for left := t.scopes.Load(); left != 0; left &= left - 1 {
		place := p.spot(Scope(bits.TrailingZeros32(left))).place.Load()
		sum += t.addedAt(place).Load()
	}
	return sum
}

// addedAt counts for a place.
func (t *mirrorTable) addedAt(place uint64) *atomic.Uint64 { return &t.added[place>>16%addedCounters] }

// lacks reports whether look would find nothing in any of the scopes: the path
// of every check that allows. Where that was so in the same state, it is so
// again, and most checks read nothing of a large table. The state is read before
// the table, and changes after it.
func (t *mirrorTable) lacks(p *Prepared) bool {
	state := t.state(p)
	if p.lacked(state) {
		return true
	}
	if !t.search(p) {
		return false
	}
	p.setLacked(state)
	return true
}

// search looks for what lacks reports. The first word of each search is on its
// way from memory before any is compared: they are waited for together.
func (t *mirrorTable) search(p *Prepared) (none bool) {
	var searches [ScopeIssuer]search
	n := 0
	for left := t.scopes.Load(); left != 0; left &= left - 1 {
		at := p.spot(Scope(bits.TrailingZeros32(left)))
		place := at.place.Load()
		a := t.array(place)
		if a == nil {
			continue
		}
		s := &searches[n%len(searches)]
		s.array, s.word = a, at.word.Load()
		s.line = a.line(place)
		s.first = atomic.LoadUint64(&a.words[s.line*lineWords])
		n++
	}
	for i := range searches[:n] {
		if !searches[i].ends() {
			return false
		}
	}
	return true
}
