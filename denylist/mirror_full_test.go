package denylist

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMirror_FullOfFormer: a mirror that had no room beside what Redis once
// forgot loads again when that has expired, though Redis has as much as before.
func TestMirror_FullOfFormer(t *testing.T) {
	t.Parallel()
	store, _ := sharedStore(t, RedisOptions{MaxStaleness: time.Minute})
	var entries []Entry
	for i := range uint64(100) {
		e, _ := sessionFor(string(rune('a'+i)), time.Now())
		entries = append(entries, e)
	}
	_, err := store.Revoke(t.Context(), entries...)
	require.NoError(t, err)
	m := stepping(t, store, MirrorOptions{})
	m.opts.MaxBytes = 1 << 17
	former := newMirrorTable(0, m.heardClock)
	over := time.Now().Add(-m.Redis.opts.SkewMargin - time.Second)
	for i := range uint64(6_000) {
		require.NoError(t, former.put(scatteredKey(ScopeSession, i), mirrorRecord{revoked: true, expiresAt: over}))
	}
	m.addFormer(former, time.Now())
	full, err := m.load(t.Context())
	require.ErrorIs(t, err, errFull)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m.keep(full, err)
	m.full(ctx, full, err)
	require.NoError(t, ctx.Err(), "it waits, though there is room")
	assert.Empty(t, m.former)
	_, err = m.load(t.Context())
	assert.NoError(t, err)
}
