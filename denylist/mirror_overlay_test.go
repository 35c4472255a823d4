package denylist

import (
	"testing"
	"time"

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
		ask = o.look([]mirrorKey{key}, func(_ Scope, w ownWrite) { denied = w.hit.denies(millis(at(login)), millis(at(0))) })
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
		return o.look([]mirrorKey{numberedKey(ScopeSession, n)}, func(Scope, ownWrite) {})
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
