package denylist

import (
	"math"
	"sync"
	"sync/atomic"
)

// mirrorShards is how many shards a table has: few enough that ten thousand
// entries pay little for them, enough that of ten million a copy holds up the
// writers of one shard for some milliseconds. It holds up no reader.
const mirrorShards = 64

// Arrays are filled to slotLoad of their slots: beyond it, searches grow
// long. They grow by slotGrowth, so that little is ever unused, and shard by
// shard at another size, so that a table costs the same per entry whatever its
// size: with these two, 26 bytes.
const (
	slotLoad   = 0.82
	slotGrowth = 1.14
	minSlots   = 16

	// slotSlack is the share of slots that a copy leaves free below the
	// load: so many puts at least are between two copies.
	slotSlack = 1.0 / 16
)

// mirrorShard is one part of a table. Its writers hold mu.
type mirrorShard struct {
	array *atomic.Pointer[mirrorArray] // to nil: there was never an entry

	mu       sync.Mutex
	used     atomic.Int64 // slots, with those of entries that are gone
	sideUsed int
	full     bool    // there was no room
	fullAt   int64   // in this second
	phase    float64 // of its sizes, between two steps of growth
}

// change replaces an entry by what with makes of it. For callers that hold mu.
func (s *mirrorShard) change(t *mirrorTable, scope Scope, key slotKey, place uint64, with func(mirrorHit) mirrorHit) error {
	now := millis(t.now())
	a := s.array.Load()
	slot, found, have := s.at(t, a, key, place, now)
	h := with(have)
	if !h.found() {
		h = mirrorHit{}
	}
	if h == have {
		return nil
	}
	if a == nil || !s.room(a, scope, slot, found, h, now) {
		if !s.grow(t, now) {
			return errFull
		}
		a = s.array.Load()
		slot, found = a.find(key, place)
	}
	t.noteScope(scope)
	s.write(a, slot, scope, h, now)
	if !found {
		a.setKey(slot, key)
		t.addedAt(place).Add(1)
		s.used.Add(1)
	}
	t.entries.Add(count(h) - count(have))
	return nil
}

// at finds what there is of a key. What has expired is gone, as in Redis: it
// lends nothing to what is put in its place.
func (s *mirrorShard) at(t *mirrorTable, a *mirrorArray, key slotKey, place uint64, now int64) (slot uint64, found bool, have mirrorHit) {
	if a == nil {
		return 0, false, mirrorHit{}
	}
	if slot, found = a.find(key, place); !found {
		return slot, false, mirrorHit{}
	}
	have = a.hit(slot)
	if have.found() && have.expires <= now {
		a.setMeta(slot, 0)
		t.entries.Add(-1)
		return slot, true, mirrorHit{}
	}
	return slot, true, have
}

// count is what an entry counts for.
func count(h mirrorHit) int64 {
	if h.found() {
		return 1
	}
	return 0
}

// limit is how many slots of an array may be used.
func limit(slots uint64) int64 { return int64(float64(slots) * slotLoad) }

// room reports whether an entry can be written without growing.
func (s *mirrorShard) room(a *mirrorArray, scope Scope, slot uint64, found bool, h mirrorHit, now int64) bool {
	if !found && s.used.Load() >= limit(a.slots) {
		return false
	}
	if _, ok := inSlot(a.base, scope, h, now); ok || !h.found() || found && a.meta(slot)&slotSide != 0 {
		return true
	}
	return sideWords*(s.sideUsed+1) <= len(a.side)
}

// write says in a slot what an entry is now. A place in the side table that an
// entry has left is never another's: a reader may be on its way there.
func (s *mirrorShard) write(a *mirrorArray, slot uint64, scope Scope, h mirrorHit, now int64) {
	if !h.found() {
		a.setMeta(slot, 0)
		return
	}
	old := a.meta(slot)
	meta, ok := inSlot(a.base, scope, h, now)
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

// grow makes room for another entry, in the side table too. At the limit of
// the table's memory it makes what room the expired leave. False: there is
// none, and for the rest of the second nobody looks for it again.
func (s *mirrorShard) grow(t *mirrorTable, now int64) bool {
	if s.full && s.fullAt == floorSeconds(now) {
		return false
	}
	old := s.array.Load()
	entries, side := old.kept(now)
	slots := slotsFor(entries+1, s.phase)
	if s.copy(t, old, slots, sideFor(side+1, slots), now) {
		return true
	}
	// Less than a full step is worth a copy only if some puts follow it.
	if old != nil && float64(entries)+float64(old.slots)*slotSlack < float64(limit(old.slots)) &&
		s.copy(t, old, int(old.slots), max(len(old.side)/sideWords, side+1), now) {
		return true
	}
	s.full, s.fullAt = true, floorSeconds(now)
	return false
}

// purge copies the shard without what has expired at now, if that is worth it.
func (s *mirrorShard) purge(t *mirrorTable, now int64) (looked int, freed int64) {
	a := s.array.Load()
	if a == nil {
		return 1, 0
	}
	looked = int(a.slots)
	worth := func(entries int) bool { return float64(s.used.Load()-int64(entries)) >= float64(a.slots)*slotSlack }
	// Whether it is worth it is found out first, which holds up nobody.
	if entries, _ := a.kept(now); !worth(entries) {
		return looked, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.array.Load()
	entries, side := a.kept(now)
	before, slots := s.used.Load(), min(slotsFor(entries, s.phase), int(a.slots))
	if !worth(entries) || !s.copy(t, a, slots, max(side, min(sideFor(side, slots), len(a.side)/sideWords)), now) {
		return looked, 0
	}
	return looked, before - s.used.Load()
}

// copy replaces the shard's array by one of another size, without what has
// expired at now. Readers of the old one see what was true when they loaded it:
// nobody writes to it any more. False: the table may not have so many bytes.
func (s *mirrorShard) copy(t *mirrorTable, old *mirrorArray, slots, side int, now int64) bool {
	estimate := arrayBytes(slots, side) - old.bytes()
	if !t.reserve(estimate) {
		return false
	}
	a := newMirrorArray(slots, side, now)
	if rounded := a.bytes() - old.bytes() - estimate; !t.reserve(rounded) {
		t.reserve(-estimate)
		return false
	}
	var gone int64
	s.used.Store(0)
	s.sideUsed, s.full = 0, false
	for slot, h := range old.all() {
		if h.expires <= now {
			gone++
			continue
		}
		key := old.key(slot)
		to, _ := a.find(key, placing.place(key))
		s.write(a, to, old.scope(slot), h, now)
		a.setKey(to, key)
		s.used.Add(1)
	}
	t.entries.Add(-gone)
	s.array.Store(a)
	return true
}

// expect makes room for so many entries, unless there is more or the table may
// not have it.
func (s *mirrorShard) expect(t *mirrorTable, entries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, slots := s.array.Load(), slotsFor(entries, s.phase)
	if old != nil && int(old.slots) >= slots {
		return
	}
	now := millis(t.now())
	_, side := old.kept(now)
	s.copy(t, old, slots, sideFor(side, slots), now)
}

// slotsFor is the size of a shard with so many entries: minSlots times a power
// of slotGrowth, and as much more as is the shard's phase.
func slotsFor(entries int, phase float64) int {
	least := float64(entries) / (slotLoad * (1 - slotSlack))
	steps := math.Ceil(math.Log(least/minSlots)/math.Log(slotGrowth) - phase)
	slots := minSlots * math.Pow(slotGrowth, max(steps, 0)+phase)
	return int(math.Ceil(slots/lineSlots)) * lineSlots
}

// sideFor is the size of a side table: a quarter more than is needed, and
// enough for what rotates not to have the shard copied over and over.
func sideFor(entries, slots int) int {
	if entries == 0 {
		return 0
	}
	return entries + entries/4 + slots/128
}
