package denylist

import (
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
)

// TestR16_Overlay: an own write is remembered from its acknowledgement until a
// proof that was sent later, and nothing that comes meanwhile weakens it.
func TestR16_Overlay(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	key := numberedKey(ScopeSubject, 1)
	revoked := func(cutoff int) mirrorHit {
		return mirrorRecord{revoked: true, cutoff: at(cutoff), expiresAt: at(1000)}.hit(ScopeSubject)
	}
	var o overlay
	denied := func(login int) (denied, ask bool) {
		ask = o.look([]mirrorKey{key}, func(_ Scope, h mirrorHit) { denied = h.denies(millis(at(login)), millis(at(0))) })
		return denied, ask
	}
	o.note(key, ownWrite{hit: revoked(5), acked: at(1)})
	assert.Zero(t, o.size.Load(), "nobody follows: Redis is asked")

	o.follow(true)
	o.note(key, ownWrite{hit: revoked(5), acked: at(1)})
	o.note(key, ownWrite{hit: revoked(3), acked: at(2)})
	is, ask := denied(5)
	assert.True(t, is, "the later cutoff stands")
	assert.False(t, ask)
	is, _ = denied(6)
	assert.False(t, is)

	o.proven(at(1))
	o.proven(at(2))
	is, _ = denied(5)
	assert.True(t, is, "a read that was sent at the instant of the acknowledgement proves nothing")
	o.note(key, ownWrite{ask: true, acked: at(3)})
	_, ask = denied(5)
	assert.True(t, ask, "what a reinstatement left, Redis knows")
	o.note(key, ownWrite{hit: revoked(9), acked: at(4)})
	_, ask = denied(5)
	assert.True(t, ask, "whichever of the two came last")
	o.proven(at(5))
	is, ask = denied(5)
	assert.False(t, is || ask)
	assert.Zero(t, o.size.Load())

	o.note(key, ownWrite{hit: revoked(5), acked: at(6)})
	o.follow(false)
	assert.Zero(t, o.size.Load())
}

// TestR16_OverlayIsBounded: of more own writes than it remembers, Redis is
// asked about all tokens until they are in the table.
func TestR16_OverlayIsBounded(t *testing.T) {
	t.Parallel()
	var o overlay
	o.follow(true)
	now := time.Now()
	hit := mirrorRecord{revoked: true, expiresAt: now.Add(time.Hour)}.hit(ScopeSession)
	ask := func(n uint64) bool {
		return o.look([]mirrorKey{numberedKey(ScopeSession, n)}, func(Scope, mirrorHit) {})
	}
	for i := range uint64(maxOwn) {
		o.note(numberedKey(ScopeSession, i), ownWrite{hit: hit, acked: now})
	}
	assert.False(t, ask(maxOwn+1))
	o.note(numberedKey(ScopeSession, maxOwn), ownWrite{hit: hit, acked: now.Add(time.Second)})
	assert.True(t, ask(maxOwn+1))
	o.note(numberedKey(ScopeSession, 1), ownWrite{hit: hit, acked: now})
	o.proven(now.Add(time.Second))
	assert.True(t, ask(maxOwn+1), "the one that was not remembered is not proven yet")
	o.proven(now.Add(2 * time.Second))
	assert.False(t, ask(maxOwn+1))
	assert.Zero(t, o.size.Load())
}

// TestIndexCursor: of a page that does not begin where the last one ended, all
// members of the same expiry are read again.
func TestIndexCursor(t *testing.T) {
	t.Parallel()
	c := &indexCursor{from: "0"}
	index := zs("1a", "5b", "5c", "5d", "5e", "9f")
	var read []string
	page := func(count int) bool {
		q := c.query("", count)
		news, end := c.take(between(index, q), count)
		for _, z := range news {
			read = append(read, z.Member.(string))
		}
		return end
	}
	assert.False(t, page(3))
	assert.Equal(t, []string{"a", "b", "c"}, read)
	assert.False(t, page(2))
	assert.Equal(t, []string{"a", "b", "c", "d"}, read)
	index = zs("5c", "5d", "5e", "9f") // a and b are gone: d is where e was
	assert.False(t, page(3))
	assert.Len(t, read, 4, "the page did not begin with d")
	for !page(3) {
	}
	assert.Equal(t, []string{"a", "b", "c", "d", "c", "d", "e", "f"}, read)
}

// zs are members, each with its score before it.
func zs(texts ...string) []redis.Z {
	var all []redis.Z
	for _, text := range texts {
		all = append(all, redis.Z{Score: float64(text[0] - '0'), Member: text[1:]})
	}
	return all
}

// between are the members that a query selects, as Redis does.
func between(index []redis.Z, q redis.ZRangeArgs) (page []redis.Z) {
	start := q.Start.(string)
	exclusive := start[0] == '('
	if exclusive {
		start = start[1:]
	}
	from, _ := strconv.ParseFloat(start, 64)
	skip := q.Offset
	for _, z := range index {
		if z.Score < from || exclusive && z.Score == from {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		if int64(len(page)) < q.Count {
			page = append(page, z)
		}
	}
	return page
}
