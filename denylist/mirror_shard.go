package denylist

import (
	"math"
	"sync"
	"sync/atomic"
)

// mirrorShards is how many shards a table has: few enough that ten thousand
// entries pay little for them, enough that of ten million a copy holds up the
// writers of one shard for about a millisecond.
const mirrorShards = 128

// Arrays are filled to mirrorLoad of their slots: beyond it, searches grow
// long. They grow by mirrorGrowth, so that little is ever unused, and shard by
// shard at another size, so that a table costs the same per entry whatever its
// size: with these two, 26 bytes.
const (
	mirrorLoad   = 0.82
	mirrorGrowth = 1.14
	minSlots     = 16

	// mirrorSlack is the share of slots that a copy leaves free below the
	// load: so many puts at least are between two copies.
	mirrorSlack = 1.0 / 16
)

// mirrorShard is one part of a table. Its writers hold mu.
type mirrorShard struct {
	array atomic.Pointer[mirrorArray] // nil: there was never an entry

	mu       sync.Mutex
	used     int // slots, with those of entries that are gone
	sideUsed int
	phase    float64 // of its sizes, between two steps of growth
}

// change replaces an entry by what with makes of it. For callers that hold mu.
func (s *mirrorShard) change(t *mirrorTable, scope Scope, key slotKey, place uint64, with func(mirrorHit) mirrorHit) error {
	a, have := s.array.Load(), mirrorHit{}
	var slot uint64
	found := false
	if a != nil {
		if slot, found = a.find(key, place); found {
			have = a.hit(slot)
		}
	}
	h := with(have)
	if h == have {
		return nil
	}
	now := millis(t.now())
	if a == nil || !s.room(a, scope, slot, found, h, now) {
		if !s.grow(t, now) {
			return errFull
		}
		a = s.array.Load()
		slot, found = a.find(key, place)
	}
	s.write(a, slot, scope, h, now)
	if !found {
		a.setKey(slot, key)
		s.used++
	}
	t.entries.Add(count(h) - count(have))
	return nil
}

// count is what an entry counts for.
func count(h mirrorHit) int64 {
	if h.found() {
		return 1
	}
	return 0
}

// limit is how many slots of an array may be used.
func limit(slots uint64) int { return int(float64(slots) * mirrorLoad) }

// room reports whether an entry can be written without growing.
func (s *mirrorShard) room(a *mirrorArray, scope Scope, slot uint64, found bool, h mirrorHit, now int64) bool {
	if !found && s.used >= limit(a.slots) {
		return false
	}
	if _, ok := a.plain(scope, h, now); ok || !h.found() || found && a.meta(slot)&slotSide != 0 {
		return true
	}
	return sideWords*(s.sideUsed+1) <= len(a.side)
}

// write says in a slot what an entry is now. A place in the side table that an
// entry has left is never another's: a reader may be on its way there.
func (s *mirrorShard) write(a *mirrorArray, slot uint64, scope Scope, h mirrorHit, now int64) {
	old := a.meta(slot)
	if !h.found() {
		a.setMeta(slot, old&^slotHalves)
		return
	}
	meta, ok := a.plain(scope, h, now)
	if !ok {
		at := old & slotRest
		if old&slotSide == 0 {
			at = uint32(s.sideUsed)
			s.sideUsed++
		}
		a.setSide(at, h)
		meta = h.flags(scope) | slotSide | at
	}
	a.setMeta(slot, meta)
}

// kept counts the entries that a copy at now would keep, and those of them
// that need the side table.
func (a *mirrorArray) kept(now int64) (entries, side int) {
	for slot, h := range a.alive(now) {
		entries++
		if _, ok := a.plain(a.scope(slot), h, now); !ok {
			side++
		}
	}
	return entries, side
}

// alive yields the slots of entries that have not expired.
func (a *mirrorArray) alive(now int64) func(yield func(uint64, mirrorHit) bool) {
	return func(yield func(uint64, mirrorHit) bool) {
		for slot := range a.slots {
			// The keys need not be looked at: an empty slot has no halves.
			if h := a.hit(slot); h.found() && h.expires > now && !yield(slot, h) {
				return
			}
		}
	}
}

// grow makes room for another entry, in the side table too. At the limit of
// the table's memory it makes what room the expired leave. False: there is
// none.
func (s *mirrorShard) grow(t *mirrorTable, now int64) bool {
	old := s.array.Load()
	var entries, side int
	if old != nil {
		entries, side = old.kept(now)
	}
	slots := s.slotsFor(entries + 1)
	if s.copy(t, old, slots, sideFor(side+1, slots), now) {
		return true
	}
	// Less than a full step: as much as there is, and some use.
	if old == nil || entries+int(float64(old.slots)*mirrorSlack) >= limit(old.slots) {
		return false
	}
	return s.copy(t, old, int(old.slots), max(len(old.side)/sideWords, side+1), now)
}

// slotsFor is the shard's size for so many entries: minSlots times a power of
// mirrorGrowth, and the shard's phase more.
func (s *mirrorShard) slotsFor(entries int) int {
	least := float64(entries) / (mirrorLoad * (1 - mirrorSlack))
	steps := math.Log(least/minSlots)/math.Log(mirrorGrowth) - s.phase
	return int(math.Ceil(minSlots * math.Pow(mirrorGrowth, max(math.Ceil(steps), 0)+s.phase)))
}

// sideFor is the size of a side table: a quarter more than is needed, and
// enough that what rotates does not have the shard copied over and over.
func sideFor(side, slots int) int {
	if side == 1 {
		return 1 + slots/128
	}
	return side + side/4 + slots/128
}

// purge copies the shard without what has expired at now, if that is worth it.
func (s *mirrorShard) purge(t *mirrorTable, now int64) (looked, freed int) {
	a := s.array.Load()
	if a == nil {
		return 1, 0
	}
	looked = int(a.slots)
	// Looking holds up nobody.
	if entries, _ := a.kept(now); !s.worth(a, entries) {
		return looked, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.array.Load()
	entries, side := a.kept(now)
	before := s.used
	if !s.worth(a, entries) || !s.copy(t, a, s.slotsFor(entries), sideFor(side, int(a.slots)), now) {
		return looked, 0
	}
	return looked, before - s.used
}

