package denylist

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// TestR18_MirrorNoticesBesideAGap: that one partition was lost counts for more
// than that changes of another were missed.
func TestR18_MirrorNoticesBesideAGap(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store, _ := storeOn(t, s, RedisOptions{Prefix: s.Prefix(), Partitions: 16})
	m, ctx := stepping(t, store, MirrorOptions{}), t.Context()
	fill := func() {
		for i := range uint64(200) {
			_, err := store.Revoke(ctx, SessionEntry(testIssuer, strconv.FormatUint(i, 10), time.Now().Add(time.Hour)))
			require.NoError(t, err)
		}
	}
	fill()
	l, err := m.load(ctx)
	require.NoError(t, err)
	for i := range uint64(200) {
		_, err := store.Reinstate(ctx, ScopeSession, testIssuer, strconv.FormatUint(i, 10))
		require.NoError(t, err)
	}
	require.NoError(t, s.Client().XTrimMaxLen(ctx, store.keys.log(0), 1).Err())
	require.NoError(t, s.Client().Del(ctx, store.keys.meta(15), store.keys.log(15), store.keys.index(15)).Err())
	_, err = m.read(ctx, l.proto, m.sink)
	assert.ErrorIs(t, err, errForgot)
}

// TestR15_MirrorReadsOfAFullRedis: what reads and could not be told of a
// revocation proves nothing, read by read.
func TestR15_MirrorReadsOfAFullRedis(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		s := redistest.Start(t)
		store, _ := storeOn(t, s, RedisOptions{Prefix: s.Prefix(), Partitions: partitions})
		m, ctx := stepping(t, store, MirrorOptions{}), t.Context()
		_, err := store.Revoke(ctx, SessionEntry(testIssuer, "s", time.Now().Add(time.Hour)))
		require.NoError(t, err)
		l, err := m.load(ctx)
		require.NoError(t, err)
		before, complete := l.proto.since()
		require.True(t, complete)
		require.NoError(t, s.Client().ConfigSet(ctx, "maxmemory", "1").Err())
		_, err = m.read(ctx, l.proto, m.sink)
		assert.Error(t, err)
		since, _ := l.proto.since()
		assert.Equal(t, before, since)
	}
}
