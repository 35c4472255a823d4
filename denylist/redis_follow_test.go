package denylist

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRedis_FollowGap: what the log has lost before it was read is missed, and
// said to be.
func TestRedis_FollowGap(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	var log logReader
	require.NoError(t, r.seekEnd(ctx, &log))
	written := func(ids ...string) []Change {
		t.Helper()
		for _, id := range ids {
			_, err := r.Revoke(ctx, SessionEntry(testIssuer, id, time.Time{}))
			require.NoError(t, err)
		}
		changes, err := r.next(ctx, &log)
		require.NoError(t, err)
		return changes
	}
	for _, change := range written("a", "b") {
		assert.False(t, change.Missed)
	}
	require.NoError(t, r.seekEnd(ctx, &log))
	assert.Empty(t, written(), "nothing is new")

	_, err := r.Revoke(ctx, SessionEntry(testIssuer, "lost", time.Time{}))
	require.NoError(t, err)
	require.NoError(t, c.XTrimMaxLen(ctx, r.keys.log(0), 0).Err())
	changes := written("c", "d")
	require.Len(t, changes, 2)
	assert.True(t, changes[0].Missed)
	assert.False(t, changes[1].Missed)

	require.NoError(t, c.Del(ctx, r.keys.log(0), r.keys.meta(0)).Err()) // it has forgotten, and counts again
	changes = written("e")
	require.Len(t, changes, 1)
	assert.True(t, changes[0].Missed)
}

func TestRedis_FollowForeignRecord(t *testing.T) {
	t.Parallel()
	r, c := sharedStore(t, RedisOptions{})
	for _, values := range []map[string]any{
		{"n": "1"}, {"n": "-1", "m": member(ScopeToken, "i", "j")}, {"n": "1", "m": "x:" + digest("i", "j")}, {"m": "t:short", "n": "1"},
	} {
		require.NoError(t, c.XAdd(t.Context(), &redis.XAddArgs{Stream: r.keys.log(0), Values: values}).Err())
		_, err := r.next(t.Context(), &logReader{})
		assert.ErrorIs(t, err, errForeign, "%v", values)
		require.NoError(t, c.Del(t.Context(), r.keys.log(0)).Err())
	}
}
