package denylist

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMirrorTable_UnderWriters: while shards grow, are purged and copied, an
// entry that was put and not removed is found by every later look, and nobody
// ever finds one that was not put.
func TestMirrorTable_UnderWriters(t *testing.T) {
	t.Parallel()
	const writers, each = 3, 2000
	var now atomic.Int64
	now.Store(millis(mirrorNow))
	clock := func() time.Time { return atMillis(now.Load()) }
	table := newMirrorTable(0, clock)
	var done atomic.Bool
	var put [writers]atomic.Uint64 // how many entries a writer has put

	var writing, reading sync.WaitGroup
	for w := range uint64(writers) {
		writing.Go(func() {
			for i := range uint64(each) {
				own, brief := numberedKey(ScopeToken, w<<32|i), numberedKey(ScopeToken, 1<<62|w<<32|i)
				r := mirrorRecord{revoked: true, expiresAt: mirrorNow.AddDate(0, 0, 1)}
				if i%3 == 0 { // by way of the side table
					r = mirrorRecord{effectiveFrom: clock().Add(time.Millisecond), expiresAt: r.expiresAt}
				}
				assert.NoError(t, table.put(own, r))
				put[w].Store(i + 1)
				assert.NoError(t, table.put(brief, mirrorRecord{revoked: true, expiresAt: clock().Add(2 * time.Second)}))
				if i%5 == 0 {
					table.remove(brief)
				}
			}
		})
	}
	reading.Go(func() { // a sweeper, and time passing
		for !done.Load() {
			table.purge(clock(), 500)
			now.Add(10)
		}
	})
	for seed := range uint64(3) {
		reading.Go(func() {
			random := rand.New(rand.NewPCG(seed, 0))
			for !done.Load() {
				w := random.Uint64N(writers)
				if n := put[w].Load(); n > 0 {
					k := numberedKey(ScopeToken, w<<32|random.Uint64N(n))
					if lacks(table, k) {
						t.Errorf("lacks(%v): it was put, and not removed", k)
						return
					}
					if h := table.look(k); h.revoked == h.rotated || h.expires != millis(mirrorNow.AddDate(0, 0, 1)) {
						t.Errorf("look(%v) = %+v: it was put, and not removed", k, h)
						return
					}
				}
				if h := table.look(numberedKey(ScopeToken, 1<<63|random.Uint64N(each))); h.found() {
					t.Errorf("an entry that nobody put: %+v", h)
					return
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()

	table.purge(mirrorNow.Add(12*time.Hour), math.MaxInt)
	checkWhole(t, table, mirrorModel{}, atMillis(maxMillis))
	for w := range uint64(writers) {
		for i := range uint64(each) {
			require.True(t, table.look(numberedKey(ScopeToken, w<<32|i)).found())
		}
	}
}

// TestMirrorTable_CutoffUnderReaders: while the cutoff of a subject only ever
// rises, and is taken back and renewed, a reader never sees one that was never
// there, nor an older one than it saw before.
func TestMirrorTable_CutoffUnderReaders(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	k, end := numberedKey(ScopeSubject, 1), mirrorNow.Add(time.Hour)
	var done atomic.Bool
	var acknowledged atomic.Int64
	acknowledged.Store(math.MinInt64)
	var reading sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for !done.Load() {
				least := acknowledged.Load()
				if h := table.look(k); least != math.MinInt64 && (!h.revoked || h.cutoff < least) {
					t.Errorf("cutoff %+v, after %d was put", h, least)
					return
				}
			}
		})
	}
	for i := range 4000 {
		cutoff := mirrorNow.Add(time.Duration(i) * time.Millisecond)
		assert.NoError(t, table.put(k, mirrorRecord{revoked: true, cutoff: cutoff, expiresAt: end}))
		acknowledged.Store(millis(cutoff))
		// Neighbours make the shard grow under it.
		assert.NoError(t, table.put(numberedKey(ScopeSubject, uint64(i)+2), mirrorRecord{revoked: true, cutoff: cutoff, expiresAt: end}))
	}
	done.Store(true)
	reading.Wait()
}

// TestMirrorTable_Full: at its limit a table takes nothing more, says so each
// time, keeps all that it has, and goes on when something has expired.
func TestMirrorTable_Full(t *testing.T) {
	t.Parallel()
	const limit = 1 << 18
	clock := &mirrorClock{now: mirrorNow}
	table := newMirrorTable(limit, clock.read)
	var in, out []uint64
	for i := range uint64(20_000) {
		r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Duration(1+i%2) * time.Hour)}
		if err := table.put(numberedKey(ScopeToken, i), r); err != nil {
			assert.ErrorIs(t, err, errFull)
			out = append(out, i)
			continue
		}
		in = append(in, i)
		if table.bytes() > limit {
			t.Fatalf("%d bytes after %d entries, limit %d", table.bytes(), len(in), limit)
		}
	}
	assert.Equal(t, len(in), table.len())
	assert.Greater(t, len(in), limit/34)
	require.NotEmpty(t, out)
	for _, i := range in {
		require.True(t, table.look(numberedKey(ScopeToken, i)).found())
	}
	for _, i := range out {
		require.False(t, table.look(numberedKey(ScopeToken, i)).found())
	}
	assert.NoError(t, table.put(numberedKey(ScopeToken, in[0]), mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(3 * time.Hour)}),
		"what is there needs no room")

	clock.now = mirrorNow.Add(time.Hour) // half of them are over: no purge is needed
	for _, i := range out[:len(in)/4] {
		require.NoError(t, table.put(numberedKey(ScopeToken, i), mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(4 * time.Hour)}))
	}
	for _, i := range in {
		require.True(t, i%2 == 0 || table.look(numberedKey(ScopeToken, i)).found())
	}
	assert.LessOrEqual(t, table.bytes(), int64(limit))
	checkWhole(t, table, mirrorModel{}, atMillis(maxMillis))
}

// TestMirrorTable_Expect: room that was made beforehand is no more than growing
// would have taken, and loses nothing that was there.
func TestMirrorTable_Expect(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var sizes []int64
	for _, expected := range []int{0, n, n / 10} {
		table := newMirrorTable(0, func() time.Time { return mirrorNow })
		require.NoError(t, table.put(numberedKey(ScopeSubject, 0), mirrorRecord{revoked: true, cutoff: mirrorNow, expiresAt: mirrorNow.Add(time.Hour)}))
		table.expect(expected)
		for i := range uint64(n) {
			require.NoError(t, table.put(numberedKey(ScopeToken, i), mirrorRecord{unresolved: true, expiresAt: mirrorNow.Add(time.Hour)}))
		}
		assert.Equal(t, millis(mirrorNow), table.look(numberedKey(ScopeSubject, 0)).cutoff)
		assert.Equal(t, n+1, table.len())
		sizes = append(sizes, table.bytes())
		checkWhole(t, table, mirrorModel{}, atMillis(maxMillis))
	}
	assert.InEpsilon(t, sizes[0], sizes[1], 0.08)
	limited := newMirrorTable(sizes[0]/2, func() time.Time { return mirrorNow })
	limited.expect(n)
	assert.LessOrEqual(t, limited.bytes(), sizes[0]/2)
}

// TestMirrorTable_PurgeShrinks: what has expired costs nothing after a sweep of
// many small steps.
func TestMirrorTable_PurgeShrinks(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	for i := range uint64(20_000) {
		end := mirrorNow.Add(time.Minute)
		if i%100 == 0 {
			end = mirrorNow.Add(time.Hour)
		}
		require.NoError(t, table.put(numberedKey(ScopeToken, i), mirrorRecord{revoked: true, expiresAt: end}))
	}
	before, steps := table.bytes(), 0
	assert.Zero(t, table.purge(mirrorNow, math.MaxInt))
	for table.purge(mirrorNow.Add(time.Minute), 2000) > 0 {
		steps++
	}
	assert.Greater(t, steps, 10)
	assert.Equal(t, 200, table.len())
	assert.Less(t, table.bytes(), before/8)
	for i := uint64(0); i < 20_000; i += 100 {
		require.True(t, table.look(numberedKey(ScopeToken, i)).found())
	}
}

// longestProbe is the most slots that a search of a table can look at, and the
// mean of searches that find nothing.
func longestProbe(table *mirrorTable) (longest int, mean float64) {
	var searches, looked int
	for i := range table.shards {
		a := table.shards[i].array.Load()
		for from := uint64(0); a != nil && from < a.slots; from += lineSlots {
			n := 1
			for slot := from; a.key(slot).a != 0; slot = (slot + 1) % a.slots {
				n++
			}
			searches, looked, longest = searches+1, looked+n, max(longest, n)
		}
	}
	return longest, float64(looked) / float64(searches)
}

// TestMirrorTable_HostileDigests: whoever chooses digests, but does not know
// the table's secret, cannot make searches longer than random ones are.
func TestMirrorTable_HostileDigests(t *testing.T) {
	t.Parallel()
	const n = 10_000
	sets := map[string]func(i uint64) (a, b uint64){
		"random":          func(i uint64) (a, b uint64) { return rand.Uint64(), rand.Uint64() },
		"counting":        func(i uint64) (a, b uint64) { return 0, i },
		"counting, high":  func(i uint64) (a, b uint64) { return i << 44, 0 },
		"in both halves":  func(i uint64) (a, b uint64) { return i, i },
		"opposite halves": func(i uint64) (a, b uint64) { return i, -i },
		"one product":     func(i uint64) (a, b uint64) { return 1 << (i % 64), 1<<(63-i%64) ^ i/64 },
		"two bits":        func(i uint64) (a, b uint64) { return 1<<(i%64) | 1<<(i/64%64), 1<<(i/4096%64) - 1 },
		"one shard's":     func(i uint64) (a, b uint64) { return i * mirrorShards, i * mirrorShards << 32 },
	}
	for name, set := range sets {
		table := newMirrorTable(0, func() time.Time { return mirrorNow })
		for i := range uint64(n) {
			k := mirrorKey{scope: ScopeToken}
			a, b := set(i)
			binary.LittleEndian.PutUint64(k.digest[:8], a)
			binary.LittleEndian.PutUint64(k.digest[8:], b)
			if err := table.put(k, mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		longest, mean := longestProbe(table)
		t.Logf("%s: %d entries, searches of %.1f slots, at most %d; %.1f bytes each",
			name, table.len(), mean, longest, float64(table.bytes())/float64(table.len()))
		assert.Less(t, mean, 20.0, name)
		assert.Less(t, longest, 250, name)
	}
}
