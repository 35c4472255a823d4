package denylist

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTable_PrunesABatch: no write clears more than a batch, and no two
// writes leave more of the expired than they found.
func TestTable_PrunesABatch(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table := newTable[int, int]()
	for i := range 3 * pruneBatch {
		table.put(i, i, now.Add(time.Duration(i%7)))
	}
	table.put(-1, -1, now.Add(time.Hour))
	now = now.Add(time.Minute)
	assert.Equal(t, 1, table.live(now))
	for left := 2*pruneBatch + 1; left >= 1; left -= pruneBatch {
		table.prune(now, pruneBatch)
		assert.Len(t, table.rows, left)
		assert.Len(t, table.queue, left)
	}
	table.prune(now, pruneBatch)
	_, ok := table.get(-1, now)
	assert.True(t, ok, "a live row stays")
}

// TestTable_AgainstAMap does at random what a plain map does at leisure.
func TestTable_AgainstAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table, want := newTable[int, int](), map[int]time.Time{}
	for range 20_000 {
		key := random.IntN(200)
		switch random.IntN(6) {
		case 0:
			table.drop(key)
			delete(want, key)
		case 1:
			now = now.Add(time.Millisecond)
			table.prune(now, pruneBatch)
		default:
			end := now.Add(time.Duration(random.IntN(100)) * time.Millisecond)
			table.put(key, key, end)
			want[key] = end
		}
		live := 0
		for k, end := range want {
			if !over(end, now) {
				live++
			} else if k == key {
				delete(want, k)
			}
		}
		got, ok := table.get(key, now)
		_, wanted := want[key]
		if ok != wanted || ok && got != key || table.live(now) != live {
			t.Fatalf("get(%d) = %d, %v, want %v; live %d, want %d", key, got, ok, wanted, table.live(now), live)
		}
	}
}

// TestMemory_StaysSmall: a process that revokes and exchanges for ever holds
// what is alive, and a batch or two.
func TestMemory_StaysSmall(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := NewMemory(MemoryOptions{Now: func() time.Time { return now }})
	for i := range 5000 {
		now = now.Add(time.Second)
		id := fmt.Sprint(i)
		token := Token{Issuer: "i", ID: id, Session: id, Login: now, ExpiresAt: now.Add(time.Minute)}
		how := Exchange{Denies: []Entry{{Scope: ScopeToken, Issuer: "i", ID: id, Until: token.ExpiresAt, Rotated: &Rotated{}}}}
		_, err := m.Spend(t.Context(), token, Successor{ID: "next"}, how)
		assert.NoError(t, err)
	}
	alive := int((time.Minute + MaxLeeway + defaultSkewMargin) / time.Second)
	assert.Len(t, m.entries[ScopeToken].rows, alive)
	assert.Len(t, m.chains.rows, alive)
}

// TestMemory_ManyAtOnceStaysSmall: nor do writes larger than a batch leave the
// expired behind.
func TestMemory_ManyAtOnceStaysSmall(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := NewMemory(MemoryOptions{Now: func() time.Time { return now }})
	const many = 4 * pruneBatch
	for i := range 20 {
		now = now.Add(time.Hour)
		var entries []Entry
		for j := range many {
			entries = append(entries, TokenEntry("i", fmt.Sprint(i, j), now.Add(time.Minute)))
		}
		_, err := m.Revoke(t.Context(), entries...)
		assert.NoError(t, err)
	}
	assert.Len(t, m.entries[ScopeToken].rows, many)
}
