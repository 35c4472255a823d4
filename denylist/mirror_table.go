package denylist

import (
	"errors"
	"iter"
	"math"
	"reflect"
	"sync/atomic"
	"time"
)

// errFull: the table would need more bytes than it may have. It has dropped
// nothing and taken nothing: from now on something is missing in it.
var errFull = errors.New("denylist: the mirror's table is full")

// mirrorKey names an entry: its scope, and the digest of its issuer and id.
type mirrorKey struct {
	scope  Scope
	digest [16]byte
}

// mirrorRecord is what a put adds to an entry. It has a revoked half, a rotated
// half, both, or none that is known.
type mirrorRecord struct {
	revoked       bool
	cutoff        time.Time // of the revoked half, in wide scopes
	effectiveFrom time.Time // of the rotated half; zero: there is none
	expiresAt     time.Time

	// unresolved: there is an entry, and what it denies is not known. It stays
	// so, whatever is put beside it, until resolve.
	unresolved bool
}

// mirrorHit is an entry as look finds it. The zero mirrorHit is none. Instants
// are milliseconds of Unix time: none of this may cost an allocation.
type mirrorHit struct {
	revoked, rotated, unresolved bool

	cutoff    int64 // the revoked half denies logins that are not later; narrow scopes: all
	effective int64 // when the rotated half begins to deny; some past instant if it does
	expires   int64 // never before the entry's own expiry, and less than a second after
}

// found reports whether there is anything: an entry whose halves are gone is
// none.
func (h mirrorHit) found() bool { return h.revoked || h.rotated || h.unresolved }

// denies reports whether what is known of the entry denies a login at now,
// both in milliseconds on Redis's clock. Of an unresolved entry "no" is no
// answer. The caller reads the clock after look, never before.
func (h mirrorHit) denies(login, now int64) bool {
	return now < h.expires && (h.revoked && login <= h.cutoff || h.rotated && h.effective <= now)
}

// mirrorTable holds the entries of a mirror: some 26 bytes each in a few large
// arrays without pointers, which the garbage collector need not look into.
//
// Readers take no lock and wait for nobody. Writers wait for each other, shard
// by shard. A put or remove that has returned is seen by every look that begins
// later; one that is under way may be seen or not. A look never finds an entry
// that was not put, but for two whose 128 bits are the same, and never misses
// one that was.
type mirrorTable struct {
	scopes atomic.Uint32                             // the scopeSet of what was ever put: there is nothing of others
	born   uint64                                    // random: no other table's state is this one's
	arrays [mirrorShards]atomic.Pointer[mirrorArray] // of the shards: apart from what writers write

	added [addedCounters]atomic.Uint64 // keys that there were not before

	max     int64 // bytes; 0: no limit
	now     func() time.Time
	shards  [mirrorShards]mirrorShard
	entries atomic.Int64
	size    atomic.Int64
	sweep   atomic.Uint64 // the shard that purge looks at next
}

// newMirrorTable returns an empty table that takes maxBytes at most; 0 is no
// limit. Its clock stands for Redis's: it may be late, never early, since what
// has expired by it is forgotten.
func newMirrorTable(maxBytes int64, now func() time.Time) *mirrorTable {
	t := &mirrorTable{max: maxBytes, now: now, born: randomWord()}
	for i := range t.shards {
		t.shards[i].array = &t.arrays[i]
		t.shards[i].phase = float64(i) / mirrorShards
	}
	t.size.Store(int64(reflect.TypeFor[mirrorTable]().Size()))
	return t
}

func (t *mirrorTable) shard(place uint64) *mirrorShard { return &t.shards[place%mirrorShards] }

func (t *mirrorTable) array(place uint64) *mirrorArray { return t.arrays[place%mirrorShards].Load() }

// look finds an entry, expired ones too until they are purged. It neither
// locks nor allocates nor reads a clock.
func (t *mirrorTable) look(k mirrorKey) mirrorHit {
	key := placing.slotKey(k.scope, &k.digest)
	place := placing.place(key)
	a := t.array(place)
	if a == nil {
		return mirrorHit{}
	}
	slot, found := a.find(key, place)
	if !found {
		return mirrorHit{}
	}
	return a.hit(slot)
}

// noteScope notes that there may be something of a scope, before there is.
func (t *mirrorTable) noteScope(s Scope) {
	if !scopeSet(t.scopes.Load()).has(s) {
		t.scopes.Or(uint32(setOf(s)))
	}
}

// expect makes room for so many entries, which spares a load most of its
// copying. What room the table may not have is left to put to refuse.
func (t *mirrorTable) expect(entries int) {
	for i := range t.shards {
		// Less what a copy leaves free: no more than growing would have taken.
		t.shards[i].expect(t, int(float64(entries)/mirrorShards*(1-slotSlack)))
	}
}

// put merges a record into an entry as merge does (R10): nothing of what is
// there is weakened, shortened or postponed. On errFull nothing has changed.
func (t *mirrorTable) put(k mirrorKey, r mirrorRecord) error {
	add := r.hit(k.scope)
	return t.change(k, func(have mirrorHit) mirrorHit { return have.merge(add) })
}

// resolve is put with a record that says all that Redis has of the entry, so
// that the entry is no longer unresolved. A record without halves: Redis has
// none. The question must have been sent after the put that it resolves.
func (t *mirrorTable) resolve(k mirrorKey, r mirrorRecord) error {
	add := r.hit(k.scope)
	add.unresolved = false
	return t.change(k, func(have mirrorHit) mirrorHit {
		have.unresolved = false
		return have.merge(add)
	})
}

// remove takes the revoked half off an entry that was reinstated. A rotated
// half stays, and so does what is unresolved.
func (t *mirrorTable) remove(k mirrorKey) {
	// It needs no room, so it cannot fail.
	_ = t.change(k, func(have mirrorHit) mirrorHit {
		have.revoked = false
		return have
	})
}

// change replaces an entry by what with makes of it.
func (t *mirrorTable) change(k mirrorKey, with func(mirrorHit) mirrorHit) error {
	key := placing.slotKey(k.scope, &k.digest)
	place := placing.place(key)
	s := t.shard(place)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(t, k.scope, key, place, with)
}

// purge forgets what has expired at now, shard after shard from where the last
// call ended, and stops after the shard in which it has looked at budget
// slots. It returns how many slots it freed. A shard of which less than a
// sixteenth would be freed is left as it is: that costs less than to copy it.
func (t *mirrorTable) purge(now time.Time, budget int) (freed int64) {
	for range t.shards {
		s := &t.shards[t.sweep.Add(1)%mirrorShards]
		looked, dropped := s.purge(t, millis(now))
		freed += dropped
		if budget -= looked; budget <= 0 {
			break
		}
	}
	return freed
}

// len is the number of entries, with those that have expired until they are
// purged.
func (t *mirrorTable) len() int { return int(t.entries.Load()) }

// bytes is the memory that the table uses, exactly, but for arrays that it has
// left and the garbage collector has not taken.
func (t *mirrorTable) bytes() int64 { return t.size.Load() }

// reserve takes bytes, or gives them back, if the limit allows.
func (t *mirrorTable) reserve(bytes int64) bool {
	for {
		size := t.size.Load()
		if bytes > 0 && t.max > 0 && size+bytes > t.max {
			return false
		}
		if t.size.CompareAndSwap(size, size+bytes) {
			return true
		}
	}
}

// all yields every entry, in no order. It takes no lock: what is put meanwhile
// may be missing, and what is removed may be there.
func (t *mirrorTable) all() iter.Seq2[mirrorKey, mirrorHit] {
	return func(yield func(mirrorKey, mirrorHit) bool) {
		for i := range t.shards {
			a := t.arrays[i].Load()
			for slot, h := range a.all() {
				// What is not stored yet has no first word.
				if key := a.key(slot); key.a != 0 && !yield(placing.key(a.scope(slot), key), h) {
					return
				}
			}
		}
	}
}

// hit is r as it is found when it is all that was put.
func (r mirrorRecord) hit(s Scope) mirrorHit {
	h := mirrorHit{revoked: r.revoked, unresolved: r.unresolved, expires: millis(r.expiresAt)}
	if r.revoked {
		h.cutoff = math.MaxInt64
		if s.Wide() {
			h.cutoff = millis(r.cutoff)
		}
	}
	if !r.effectiveFrom.IsZero() {
		h.rotated, h.effective = true, millis(r.effectiveFrom)
	}
	return h
}

// merge is R10.
func (h mirrorHit) merge(add mirrorHit) mirrorHit {
	switch {
	case !h.found():
		return add
	case !add.found():
		return h
	}
	if add.revoked && (!h.revoked || h.cutoff < add.cutoff) {
		h.revoked, h.cutoff = true, add.cutoff
	}
	if add.rotated && (!h.rotated || add.effective < h.effective) {
		h.rotated, h.effective = true, add.effective
	}
	h.expires = max(h.expires, add.expires)
	h.unresolved = h.unresolved || add.unresolved
	return h
}
