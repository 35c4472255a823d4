package denylist

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keysOf are the keys of a token's entries, by scope.
func keysOf(p *Prepared) map[Scope]mirrorKey {
	keys := make(map[Scope]mirrorKey)
	for s, digest := range p.all() {
		if Scope(s) >= ScopeToken {
			keys[Scope(s)] = mirrorKey{scope: Scope(s), digest: digest}
		}
	}
	return keys
}

// TestMirrorTable_LacksAgain: that nothing was found of a token is no verdict on
// what is put afterwards, of a scope that had entries or had none, before or
// after the table has grown, been purged, or been replaced.
func TestMirrorTable_LacksAgain(t *testing.T) {
	t.Parallel()
	dead := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	for s := ScopeToken; s <= ScopeIssuer; s++ {
		for _, others := range []uint64{0, 1, 5_000} {
			t.Run(fmt.Sprint(s, " beside ", others), func(t *testing.T) {
				t.Parallel()
				p := preparedOf(tokenOf("s"))
				table := newMirrorTable(0, func() time.Time { return mirrorNow })
				for i := range others {
					require.NoError(t, table.put(scatteredKey(ScopeToken+Scope(i%4), i), dead))
					if i%1000 == 0 {
						require.True(t, table.lacks(p))
					}
				}
				assert.True(t, table.lacks(p))
				assert.True(t, table.lacks(p))
				require.NoError(t, table.put(keysOf(p)[s], dead))
				assert.False(t, table.lacks(p))

				later := mirrorNow.Add(2 * time.Hour)
				table.purge(later, 1<<30)
				table.lacks(p) // true, where its shard was worth a copy
				again := dead
				again.expiresAt = later.Add(time.Hour)
				require.NoError(t, table.put(keysOf(p)[s], again))
				assert.False(t, table.lacks(p))
			})
		}
	}
}

// TestMirrorTable_LacksInAnother: two tables in which as much was put, counted
// by the same counters, are not in one state.
func TestMirrorTable_LacksInAnother(t *testing.T) {
	t.Parallel()
	dead := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	first, second := newMirrorTable(0, func() time.Time { return mirrorNow }), newMirrorTable(0, func() time.Time { return mirrorNow })
	p := preparedOf(tokenOf("s"))
	counter := func(k mirrorKey) *atomic.Uint64 {
		return first.addedAt(placing.place(placing.slotKey(k.scope, &k.digest)))
	}
	key := keysOf(p)[ScopeToken]
	beside := uint64(0)
	for counter(scatteredKey(ScopeToken, beside)) != counter(key) {
		beside++
	}
	require.NoError(t, first.put(scatteredKey(ScopeToken, beside), dead))
	require.NoError(t, second.put(key, dead))
	for range 3 {
		assert.True(t, first.lacks(p))
		assert.False(t, second.lacks(p))
	}
}

// TestMirrorTable_LacksCounts: tokens keep the counter of their checks, whatever
// else is noted of them.
func TestMirrorTable_LacksCounts(t *testing.T) {
	t.Parallel()
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	var stripes [counterStripes]int
	for i := range 1000 {
		token := tokenOf("s")
		token.ID = fmt.Sprintf("%x", i)
		p := preparedOf(token)
		before := p.stripe()
		require.True(t, table.lacks(p))
		require.True(t, p.lacked(table.state(p)))
		require.Equal(t, before, p.stripe())
		stripes[before]++
	}
	for _, n := range stripes {
		assert.Greater(t, n, 0)
	}
}

// TestMirrorTable_LacksAtOnce: a key that was put is found by every look that
// begins later, though others look at the same time and note what they find.
func TestMirrorTable_LacksAtOnce(t *testing.T) {
	t.Parallel()
	const tokens, readers = 64, 4
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	dead := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
	prepared := make([]*Prepared, tokens)
	var put [tokens]atomic.Bool
	for i := range prepared {
		prepared[i] = preparedOf(tokenOf(fmt.Sprint(i)))
	}
	var done atomic.Bool
	var all sync.WaitGroup
	for seed := range uint64(readers) {
		all.Go(func() {
			for random := rand.New(rand.NewPCG(seed, 1)); !done.Load(); {
				i := random.IntN(tokens)
				if denied := put[i].Load(); table.lacks(prepared[i]) && denied {
					t.Errorf("token %d: not found after it was put", i)
					return
				}
			}
		})
	}
	noise := uint64(0)
	for i, p := range prepared {
		for range 60 { // so that shards grow meanwhile
			noise++
			require.NoError(t, table.put(scatteredKey(ScopeToken+Scope(noise%4), noise), dead))
		}
		require.NoError(t, table.put(keysOf(p)[ScopeToken+Scope(i%3)], dead))
		put[i].Store(true)
	}
	done.Store(true)
	all.Wait()
}
