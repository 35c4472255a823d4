package denylist

import (
	"iter"
	"math"
	"math/bits"
	"reflect"
	"sync/atomic"
)

// mirrorArray is open addressing with linear probing, from line to line. A key
// never moves and never leaves: entries change in place, and what is to be
// forgotten stays until the shard is copied. So readers need no lock. All memory
// is words without pointers, read and written atomically once others can see it.
//
// A slot is the two words of its key, and 32 bits, two slots to a word, behind
// all keys: the flags below, and when the entry expires, in seconds since base
// and rounded up, or where in the side table the rest is. An entry lives in
// the side table when it is a cutoff, is not yet in effect, or expires in more
// than two years. Its three words there are expiry, cutoff and effective-from,
// in milliseconds.
type mirrorArray struct {
	words []uint64
	side  []uint64
	slots uint64
	base  int64 // seconds of Unix time
}

const (
	slotRevoked    uint32 = 1 << 31
	slotRotated    uint32 = 1 << 30
	slotUnresolved uint32 = 1 << 29
	slotSide       uint32 = 1 << 28

	scopeShift        = 26 // two bits of scope, so that keys can be told again
	slotRest   uint32 = 1<<scopeShift - 1

	sideWords = 3

	// lineSlots is how many keys share a cache line. Searches begin at the
	// first of a line: most end in that line, so a look costs one cache miss,
	// and another for what a key that is found says.
	lineSlots = 4
	lineWords = 2 * lineSlots
)

// inEffect is the effective-from of a rotated half that already denies.
const inEffect = 0

// newMirrorArray makes room for some slots, a multiple of lineSlots, and some
// side entries, or a few more where the allocator would round up anyway.
func newMirrorArray(slots, side int, now int64) *mirrorArray {
	a := &mirrorArray{words: wholeWords(slotWords(slots)), base: floorSeconds(now)}
	a.slots = uint64(2*len(a.words)/5) / lineSlots * lineSlots
	if side > 0 {
		a.side = wholeWords(sideWords * side)
	}
	return a
}

// wholeWords returns n words, all zero, and those that the allocator adds.
func wholeWords(n int) []uint64 {
	words := append([]uint64(nil), make([]uint64, n)...)
	words = words[:cap(words)]
	clear(words[n:])
	return words
}

func floorSeconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

// bytes is what the array costs; nil costs nothing.
func (a *mirrorArray) bytes() int64 {
	if a == nil {
		return 0
	}
	return int64(8*(len(a.words)+len(a.side))) + int64(reflect.TypeFor[mirrorArray]().Size())
}

// arrayBytes is the least that an array of some slots and side entries costs.
func arrayBytes(slots, side int) int64 {
	return int64(8*(slotWords(slots)+sideWords*side)) + int64(reflect.TypeFor[mirrorArray]().Size())
}

// slotWords is two words for each key, and half a word for what it says.
func slotWords(slots int) int { return (5*slots + 1) / 2 }

// find returns the slot of a key, or the empty slot where a search for it ends.
// There is always one: arrays are never filled.
func (a *mirrorArray) find(k slotKey, place uint64) (slot uint64, found bool) {
	slot = a.line(place) * lineSlots
	for {
		// A writer stores the first word of a key last.
		switch atomic.LoadUint64(&a.words[2*slot]) {
		case 0:
			return slot, false
		case k.a:
			if atomic.LoadUint64(&a.words[2*slot+1]) == k.b {
				return slot, true
			}
		}
		if slot++; slot == a.slots {
			slot = 0
		}
	}
}

// line is the line in which the search for a place begins.
func (a *mirrorArray) line(place uint64) uint64 {
	line, _ := bits.Mul64(place, a.slots/lineSlots)
	return line
}

// search is a search for a key that has begun.
type search struct {
	array *mirrorArray
	word  uint64 // the first of the key
	line  uint64
	first uint64 // the first word of the first key in the line
}

// ends reports whether the search ends at an empty slot, line by line: a line
// is filled from its first slot, so that one whose last is empty ends it, and
// how many are filled makes no branch that a processor would have to guess.
// False: there may be something.
func (s *search) ends() bool {
	first, a := s.first, s.word
	for line := s.line; ; {
		words := (*[lineWords]uint64)(s.array.words[line*lineWords:])
		last := atomic.LoadUint64(&words[6])
		if first == a || atomic.LoadUint64(&words[2]) == a || atomic.LoadUint64(&words[4]) == a || last == a {
			return false
		}
		if last == 0 {
			return true
		}
		if line++; line == s.array.slots/lineSlots {
			line = 0
		}
		first = atomic.LoadUint64(&s.array.words[line*lineWords])
	}
}

func (a *mirrorArray) key(slot uint64) slotKey {
	return slotKey{a: atomic.LoadUint64(&a.words[2*slot]), b: atomic.LoadUint64(&a.words[2*slot+1])}
}

// setKey makes an empty slot a key's. What it says must be there already.
func (a *mirrorArray) setKey(slot uint64, k slotKey) {
	atomic.StoreUint64(&a.words[2*slot+1], k.b)
	atomic.StoreUint64(&a.words[2*slot], k.a)
}

func (a *mirrorArray) meta(slot uint64) uint32 {
	return uint32(atomic.LoadUint64(&a.words[2*a.slots+slot/2]) >> (slot % 2 * 32))
}

// setMeta is for the one writer: the other half of the word is another slot's.
func (a *mirrorArray) setMeta(slot uint64, m uint32) {
	word, shift := &a.words[2*a.slots+slot/2], slot%2*32
	rest := atomic.LoadUint64(word) &^ (math.MaxUint32 << shift)
	atomic.StoreUint64(word, rest|uint64(m)<<shift)
}

func (a *mirrorArray) scope(slot uint64) Scope { return Scope(a.meta(slot)>>scopeShift&3) + 1 }

// hit reads a slot. What a writer changes meanwhile is seen in parts, each of
// which was true: a merge only ever adds to what is denied, and a removal is a
// single store.
func (a *mirrorArray) hit(slot uint64) mirrorHit {
	m := a.meta(slot)
	h := mirrorHit{
		revoked:    m&slotRevoked != 0,
		rotated:    m&slotRotated != 0,
		unresolved: m&slotUnresolved != 0,
	}
	switch {
	case !h.found():
		return mirrorHit{}
	case m&slotSide != 0:
		at := a.side[sideWords*(m&slotRest):][:sideWords]
		h.expires = int64(atomic.LoadUint64(&at[0]))
		h.cutoff = int64(atomic.LoadUint64(&at[1]))
		h.effective = int64(atomic.LoadUint64(&at[2]))
	default:
		h.expires = (a.base + int64(m&slotRest)) * 1000
		h.cutoff, h.effective = math.MaxInt64, inEffect
	}
	return h
}

// all yields the slots that have an entry, and the entries. The keys need not
// be looked at: an empty slot has no halves.
func (a *mirrorArray) all() iter.Seq2[uint64, mirrorHit] {
	return func(yield func(uint64, mirrorHit) bool) {
		if a == nil {
			return
		}
		for slot := range a.slots {
			if h := a.hit(slot); h.found() && !yield(slot, h) {
				return
			}
		}
	}
}

// kept counts the entries that a copy at now would keep, and those of them
// that it would put into the side table.
func (a *mirrorArray) kept(now int64) (entries, side int) {
	for slot, h := range a.all() {
		if h.expires <= now {
			continue
		}
		entries++
		if _, ok := inSlot(floorSeconds(now), a.scope(slot), h, now); !ok {
			side++
		}
	}
	return entries, side
}

// inSlot is the meta of an entry that needs no room in the side table at now.
func inSlot(base int64, s Scope, h mirrorHit, now int64) (meta uint32, ok bool) {
	seconds := max(-floorSeconds(-h.expires)-base, 0) // rounded up
	fits := seconds <= int64(slotRest) && !(h.revoked && s.Wide()) && !(h.rotated && h.effective > now)
	return h.flags(s) | uint32(seconds)&slotRest, fits
}

// setSide writes an entry's words in the side table. What reads them by an
// older meta reads a half that is already there, or is on its way.
func (a *mirrorArray) setSide(at uint32, h mirrorHit) {
	words := a.side[sideWords*at:][:sideWords]
	atomic.StoreUint64(&words[0], uint64(h.expires))
	atomic.StoreUint64(&words[1], uint64(h.cutoff))
	atomic.StoreUint64(&words[2], uint64(h.effective))
}

// flags is the part of an entry's meta that says which halves it has.
func (h mirrorHit) flags(s Scope) uint32 {
	m := uint32(s-1) << scopeShift
	if h.revoked {
		m |= slotRevoked
	}
	if h.rotated {
		m |= slotRotated
	}
	if h.unresolved {
		m |= slotUnresolved
	}
	return m
}
