package verifier

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// bucketWays is how many tokens a bucket holds: with their tags they fill one
// cache line.
const bucketWays = 7

// bucket is where tokens with the same high bits of their hash are kept. It is
// read without a lock and written to under its stripe's.
type bucket struct {
	// tags are seven bytes of the tokens' hashes, so that a look-up touches no
	// token but its own; above them stands the hand, the slot that was filled
	// first.
	tags  atomic.Uint64
	slots [bucketWays]atomic.Pointer[sight]
}

const (
	everyByte = 0x0101010101010101
	everyTop  = 0x8080808080808080
	allTags   = 1<<(8*bucketWays) - 1
)

// match marks the slots whose tag is the hash's by the top bits of their bytes,
// and now and then another one above them.
func (b *bucket) match(hash uint64) uint64 {
	x := b.tags.Load() ^ hash&0xff*everyByte
	return (x - everyByte) &^ x & everyTop & allTags
}

// slotOf is the first slot that match has marked.
func slotOf(match uint64) int { return bits.TrailingZeros64(match) / 8 }

// set puts a token, or nil, into a slot and returns what was there. Who looks
// meanwhile finds the old one, the new one or none.
func (b *bucket) set(slot int, s *sight) (old *sight) {
	old = b.slots[slot].Swap(s)
	if s == nil {
		return old
	}
	tags, at := b.tags.Load(), 8*slot
	hand := uint64(slot+1) % bucketWays
	b.tags.Store(tags&allTags&^(0xff<<at) | s.hash&0xff<<at | hand<<(8*bucketWays))
	return old
}

// slotFor finds the slot for a token: where the same one is already, or an empty
// one. It is below zero where the bucket is full.
func (b *bucket) slotFor(s *sight, ways int) int {
	empty := -1
	for i := range ways {
		switch have := b.slots[i].Load(); {
		case have == nil:
			empty = i
		case have.hash == s.hash && have.raw == s.raw:
			return i
		}
	}
	return empty
}

// victim is the slot whose token has to go: one that nobody accepts any more or
// that was seen once, the oldest first. Where there is none, those that were
// seen again are passed over some rounds, each of which takes a visit off
// them, until one has none left. It is below zero if all have.
func (b *bucket) victim(ways, rounds int, clock func() time.Time) int {
	hand := int(b.tags.Load() >> (8 * bucketWays))
	var now time.Time // most do without it
	for i := range ways {
		slot := (hand + i) % ways
		s := b.slots[slot].Load()
		if s == nil {
			continue
		}
		if s.visits.Load() == 0 {
			return slot
		}
		if now.IsZero() {
			now = clock()
		}
		if s.over(now) {
			return slot
		}
	}
	for i := range ways * rounds {
		slot := (hand + i) % ways
		if s := b.slots[slot].Load(); s != nil && s.forget() {
			return slot
		}
	}
	return -1
}

// indexOf is the slot of a token, or below zero.
func (b *bucket) indexOf(s *sight) int {
	for i := range b.slots {
		if b.slots[i].Load() == s {
			return i
		}
	}
	return -1
}

// maxVisits is how often a token must be passed over after its last hit until
// it makes room for others.
const maxVisits = 3

// visit counts a hit. A token that is hit all the time is not written to: many
// processors share its memory.
func (s *sight) visit() {
	if n := s.visits.Load(); n < maxVisits {
		s.visits.Store(n + 1)
	}
}

// forget takes one visit off, or reports that there is none.
func (s *sight) forget() bool {
	n := s.visits.Load()
	if n > 0 {
		s.visits.Store(n - 1)
	}
	return n == 0
}

// over reports whether nobody accepts the token any more.
func (s *sight) over(now time.Time) bool {
	return now.Unix()-int64(denylist.MaxLeeway/time.Second) > s.valid.last
}

// ghosts are the last tokens of a bucket that had to go after they were seen
// once, by 16 bits of their hashes. One that comes back soon is treated as seen
// again: else those that were hot once would leave the others no time to become
// so.
type ghosts [2]uint64

// add puts a token in front of the others and drops the last.
func (g *ghosts) add(hash uint64) {
	g[1] = g[1]<<16 | g[0]>>48
	g[0] = g[0]<<16 | ghost(hash)
}

func (g *ghosts) has(hash uint64) bool {
	want := ghost(hash)
	for _, four := range g {
		for ; four != 0; four >>= 16 {
			if four&0xffff == want {
				return true
			}
		}
	}
	return false
}

// ghost is never zero, which is nobody.
func ghost(hash uint64) uint64 { return hash>>8&0xffff | 1 }
