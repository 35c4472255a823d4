package denylist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestR5_ChainOutlivesEveryTokenThatItSpent: Redis keeps a chain until the
// last of its spent tokens is dead for every verifier, whether or not that was
// the last to be spent.
func TestR5_ChainOutlivesEveryTokenThatItSpent(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), redistest.Shared(t)
	r, c := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()}), s.Client()
	expires := func() int64 {
		keys := c.Keys(ctx, s.Prefix()+":{0}:c:*").Val()
		require.Len(t, keys, 1, "one chain")
		at, err := c.Do(ctx, "PEXPIRETIME", keys[0]).Int64()
		require.NoError(t, err)
		return at
	}
	token, _, _ := fresh("s")
	longest := token.ExpiresAt
	for i, life := range []time.Duration{time.Hour, time.Minute, 24 * time.Hour, 30 * time.Second} {
		token.ExpiresAt = token.Login.Add(life)
		if token.ExpiresAt.After(longest) {
			longest = token.ExpiresAt
		}
		next := denylist.Successor{ID: token.ID + "'", ExpiresAt: token.Login.Add(time.Hour)}
		_, err := r.Spend(ctx, token, next, denylist.Exchange{})
		require.NoError(t, err)
		assert.Equal(t, longest.Add(denylist.MaxLeeway+time.Minute).UnixMilli(), expires(), "after exchange %d", i)
		token.ID, token.Rotation = next.ID, token.Rotation+1
	}
}
