package verifier

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// CacheStats counts what a verifier's cache of verified tokens did.
type CacheStats struct {
	Hits      uint64 // tokens that were not verified again; whether they were accepted is another matter
	Misses    uint64 // tokens that were, or were none
	Evictions uint64 // tokens that made room for others
	Voided    uint64 // tokens whose key was no longer the issuer's
	Entries   int64
	Bytes     int64 // that the entries keep alive
}

// cache holds tokens that were verified, and never a verdict: see sight. Who
// looks for one takes no lock and allocates nothing. It starts no goroutine.
//
// Where a token is kept is a matter of a keyed hash, so that nobody can choose
// tokens that meet in one bucket; a hit compares every byte. A token that was
// seen once makes room for the next such one before any that was seen again
// does: a client with a thousand tokens cannot drive out those that everybody
// uses.
type cache struct {
	// What is written to shares no cache line with what every look-up reads.
	stripes [cacheStripes]stripe
	bytes   atomic.Int64
	sweep   atomic.Uint64 // the bucket that makes room next
	_       [48]byte

	secret   [4]uint64 // where tokens are kept
	maxBytes int64
	now      func() time.Time
	ways     int // slots of a bucket that are used: all, but in the smallest cache

	buckets []bucket
	ghosts  []ghosts // of the buckets, under their locks
}

// cacheStripes share the locks and counters of the buckets.
const cacheStripes = 64

// stripe is alone on its cache line.
type stripe struct {
	mu                              sync.Mutex // guards writing to its buckets
	hits, misses, evictions, voided atomic.Uint64
	entries                         atomic.Int64
	_                               [16]byte
}

func newCache(entries int, maxBytes int64, now func() time.Time) *cache {
	c := &cache{
		maxBytes: maxBytes,
		now:      now,
		ways:     min(entries, bucketWays),
		buckets:  make([]bucket, max(1, entries/bucketWays)),
		ghosts:   make([]ghosts, max(1, entries/bucketWays)),
	}
	var random [8 * len(c.secret)]byte
	_, _ = rand.Read(random[:]) // which does not fail
	for i := range c.secret {
		c.secret[i] = binary.LittleEndian.Uint64(random[8*i:])
	}
	return c
}

// hashed is how much of a token is hashed: its end, where the signature is. Two
// genuine tokens with one end are two signatures with 192 bits in common, which
// only who has the key could make; they would share a bucket, and no more.
const hashed = 32

// hash spreads tokens over the buckets. Only the secret keeps somebody who may
// have many tokens from choosing those that meet. Two rounds of multiplication
// do for 32 bytes of a signature what hash/maphash does for any in three times
// the time, and for all of a token in six times.
func (c *cache) hash(raw string) uint64 {
	if len(raw) < hashed {
		return 0 // no token is as short
	}
	end := raw[len(raw)-hashed:]
	a, b := bits.Mul64(word(end)^c.secret[0], word(end[8:])^c.secret[1])
	d, e := bits.Mul64(word(end[16:])^c.secret[2], word(end[24:])^c.secret[3])
	hi, lo := bits.Mul64(a^d^c.secret[1], b^e^c.secret[2])
	return hi ^ lo
}

// word is the first eight bytes of s: one load.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// home is the number of a token's bucket: its hash's high bits.
func (c *cache) home(hash uint64) uint64 {
	at, _ := bits.Mul64(hash, uint64(len(c.buckets)))
	return at
}

// stripe guards and counts for a bucket.
func (c *cache) stripe(at uint64) *stripe { return &c.stripes[at%cacheStripes] }

// find returns the token with that hash, or nil. Whether it has the same bytes
// is for judge to see.
func (c *cache) find(hash uint64) *sight {
	b := &c.buckets[c.home(hash)]
	for match := b.match(hash); match != 0; match &= match - 1 {
		s := b.slots[slotOf(match)].Load()
		if s != nil && s.hash == hash {
			return s
		}
	}
	return nil
}

// miss counts a token that has to be verified.
func (c *cache) miss(hash uint64) { c.stripe(c.home(hash)).misses.Add(1) }

// hit counts one that has not. It is for afterwards: an atomic addition makes
// everything behind it wait, and the verdict is waiting for memory.
func (c *cache) hit(s *sight) {
	c.stripe(c.home(s.hash)).hits.Add(1)
	s.visit()
}

// put keeps a token that was verified and accepted.
func (c *cache) put(hash uint64, s *sight) {
	s.hash = hash
	if s.generation != nil {
		s.verified.Store(s.generation)
	}
	s.size = s.cost()
	if !c.reserve(s.size) {
		return
	}
	at := c.home(hash)
	b, of := &c.buckets[at], c.stripe(at)
	of.mu.Lock()
	defer of.mu.Unlock()
	slot := b.slotFor(s, c.ways)
	if slot < 0 {
		slot = max(b.victim(c.ways, maxVisits+1, c.now), 0) // all are hit faster than they are passed over
	}
	if old := b.slots[slot].Load(); old != nil {
		if old.hash == hash && old.raw == s.raw { // it was verified twice at once
			s.visits.Store(old.visits.Load())
		} else {
			c.gone(at, old)
		}
		c.drop(at, slot)
	}
	if c.ghosts[at].has(hash) {
		s.visit()
	}
	b.set(slot, s)
	of.entries.Add(1)
}

// void forgets a token that proves nothing any more.
func (c *cache) void(s *sight) {
	at := c.home(s.hash)
	of := c.stripe(at)
	of.mu.Lock()
	defer of.mu.Unlock()
	if slot := c.buckets[at].indexOf(s); slot >= 0 {
		c.drop(at, slot)
		of.voided.Add(1)
	}
}

// drop empties a slot. The caller has the stripe's lock.
func (c *cache) drop(at uint64, slot int) {
	c.bytes.Add(-c.buckets[at].set(slot, nil).size)
	c.stripe(at).entries.Add(-1)
}

// gone notes that a token has to make room. The caller has the stripe's lock.
func (c *cache) gone(at uint64, s *sight) {
	c.stripe(at).evictions.Add(1)
	if s.visits.Load() == 0 {
		c.ghosts[at].add(s.hash)
	}
}

// tries is in how many buckets a token that was seen once is looked for, before
// one that was seen again has to go.
const tries = 256

// reserve takes bytes for a token, and makes room for it where there is none:
// bucket after bucket, so that every token has the same chance to stay.
func (c *cache) reserve(size int64) bool {
	if size > c.maxBytes {
		return false
	}
	var now time.Time
	for turn := 0; turn < tries+(maxVisits+2)*len(c.buckets); {
		used := c.bytes.Load()
		if used+size <= c.maxBytes {
			if c.bytes.CompareAndSwap(used, used+size) {
				return true
			}
			continue
		}
		if turn == 0 {
			now = c.now()
		}
		rounds := 0
		if turn++; turn > tries {
			rounds = 1
		}
		c.evict(c.sweep.Add(1)%uint64(len(c.buckets)), rounds, now)
	}
	return false // others take the room as fast as it is made
}

// evict makes room in a bucket, if it has a victim.
func (c *cache) evict(at uint64, rounds int, now time.Time) {
	b, of := &c.buckets[at], c.stripe(at)
	clock := func() time.Time { return now }
	if rounds == 0 && b.victim(c.ways, 0, clock) < 0 {
		return // most have none: not worth a lock
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if slot := b.victim(c.ways, rounds, clock); slot >= 0 {
		c.gone(at, b.slots[slot].Load())
		c.drop(at, slot)
	}
}

func (c *cache) stats() (all CacheStats) {
	for i := range c.stripes {
		s := &c.stripes[i]
		all.Hits += s.hits.Load()
		all.Misses += s.misses.Load()
		all.Evictions += s.evictions.Load()
		all.Voided += s.voided.Load()
		all.Entries += s.entries.Load()
	}
	all.Bytes = c.bytes.Load()
	return all
}

// CacheStats counts what the cache did so far, for this verifier and those
// that Only made of it; all is zero with NoCache.
func (v *Verifier) CacheStats() CacheStats {
	if v.cache == nil {
		return CacheStats{}
	}
	return v.cache.stats()
}
