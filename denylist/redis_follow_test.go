package denylist_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestRedis_FollowGap: what was lost before it was told is noticed, whatever
// was lost; and not where nothing was.
func TestRedis_FollowGap(t *testing.T) {
	t.Parallel()
	const log, meta, head = "{0}:log", "{0}:meta", ":"
	for name, c := range map[string]struct {
		lose func(ctx context.Context, c *redis.Client, prefix string)
		told int // changes that are told, 0: a gap
	}{
		"nothing":             {func(context.Context, *redis.Client, string) {}, 2},
		"what was told":       {func(ctx context.Context, c *redis.Client, p string) { c.XTrimMaxLen(ctx, p+log, 2) }, 2},
		"trimmed by one":      {func(ctx context.Context, c *redis.Client, p string) { c.XTrimMaxLen(ctx, p+log, 1) }, 0},
		"trimmed to nothing":  {func(ctx context.Context, c *redis.Client, p string) { c.XTrimMaxLen(ctx, p+log, 0) }, 0},
		"the log":             {func(ctx context.Context, c *redis.Client, p string) { c.Del(ctx, p+log) }, 0},
		"meta":                {func(ctx context.Context, c *redis.Client, p string) { c.Del(ctx, p+meta) }, 0},
		"log and meta":        {func(ctx context.Context, c *redis.Client, p string) { c.Del(ctx, p+log, p+meta) }, 0},
		"another epoch":       {func(ctx context.Context, c *redis.Client, p string) { c.HSet(ctx, p+meta, "epoch", "another") }, 0},
		"a number gone back":  {func(ctx context.Context, c *redis.Client, p string) { c.HSet(ctx, p+meta, "seq", "1") }, 0},
		"the newest records":  {func(ctx context.Context, c *redis.Client, p string) { dropNewest(ctx, c, p+log, 1) }, 0},
		"the told one, alone": {func(ctx context.Context, c *redis.Client, p string) { dropOldest(ctx, c, p+log, 2) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Shared(t)
			client := s.Client()
			store := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: 20 * time.Millisecond})
			for i := range 3 {
				revokeSession(t, store, fmt.Sprint("earlier ", i))
			}
			at, err := store.Position(t.Context())
			require.NoError(t, err)
			revokeSession(t, store, "a")
			revokeSession(t, store, "b")
			c.lose(t.Context(), client, s.Prefix()+head)
			if c.told > 0 {
				assert.Equal(t, "b", follow(t, store, at, c.told)[1].Entry.ID)
				return
			}
			err = store.Follow(within(t, time.Minute), at, func(denylist.Change) error { return nil })
			assert.ErrorIs(t, err, denylist.ErrGap)
			assert.NotErrorIs(t, err, denylist.ErrUnavailable)
		})
	}
}

func revokeSession(t *testing.T, store denylist.Store, id string) {
	t.Helper()
	_, err := store.Revoke(t.Context(), denylist.SessionEntry(issuer, id, time.Now().Add(time.Hour)))
	require.NoError(t, err)
}

// dropNewest loses the end of a log, as a failover does.
func dropNewest(ctx context.Context, c *redis.Client, log string, n int64) {
	for _, m := range c.XRevRangeN(ctx, log, "+", "-", n).Val() {
		c.XDel(ctx, log, m.ID)
	}
}

// dropOldest loses the i-th record and leaves those before it.
func dropOldest(ctx context.Context, c *redis.Client, log string, i int) {
	c.XDel(ctx, log, c.XRange(ctx, log, "-", "+").Val()[i].ID)
}

// TestR18_FollowNoticesARestart: while somebody waits for a change, Redis ends
// and comes back empty. First it cannot be told, then there is a gap.
func TestR18_FollowNoticesARestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store := newRedis(t, s.Client(), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: 100 * time.Millisecond})
	revokeSession(t, store, "a")
	at, err := store.Position(t.Context())
	require.NoError(t, err)
	ended := make(chan error, 1)
	ctx := within(t, time.Minute)
	go func() {
		ended <- store.Follow(ctx, at, func(denylist.Change) error { return nil })
	}()
	s.Kill()
	err = <-ended
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.NotErrorIs(t, err, denylist.ErrGap)
	_, err = store.Position(ctx)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)

	s.Restart()
	for _, what := range []string{"empty", "begun anew"} {
		err = store.Follow(ctx, at, func(denylist.Change) error { return nil })
		assert.ErrorIs(t, err, denylist.ErrGap, what)
		revokeSession(t, store, "b")
		revokeSession(t, store, "c")
	}
}

// TestRedis_FollowFromTheBeginning: who follows an empty denylist is told its
// first change, also where the log is lost and nothing else is.
func TestRedis_FollowFromTheBeginning(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		s := redistest.Shared(t).For(t)
		client := s.Client()
		store := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix(), Partitions: partitions, MaxStaleness: 20 * time.Millisecond})
		at, err := store.Position(t.Context())
		require.NoError(t, err)
		revokeSession(t, store, "a")
		c := follow(t, store, at, 1)[0]
		assert.Equal(t, "a", c.Entry.ID)
		for p := range partitions {
			require.NoError(t, client.Del(t.Context(), fmt.Sprintf("%s:{%d}:log", s.Prefix(), p)).Err())
		}
		at, err = store.Position(t.Context())
		require.NoError(t, err)
		revokeSession(t, store, "b")
		assert.Equal(t, "b", follow(t, store, at, 1)[0].Entry.ID)
	}
}

// TestRedis_FollowManyAtOnce: more than are read at once, by several who
// follow, of whom one at a time may wait.
func TestRedis_FollowManyAtOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: 40 * time.Millisecond})
	at, err := store.Position(t.Context())
	require.NoError(t, err)
	const all = 600
	ended := make(chan error)
	for range 4 {
		go func() {
			told := 0
			ended <- store.Follow(within(t, time.Minute), at, func(c denylist.Change) error {
				if c.Entry.ID != fmt.Sprint(told) {
					return fmt.Errorf("change %d is about %s", told, c.Entry.ID)
				}
				if told++; told == all {
					return errEnough
				}
				return nil
			})
		}()
	}
	entries := make([]denylist.Entry, 0, all/4)
	for i := range all {
		entries = append(entries, denylist.SessionEntry(issuer, fmt.Sprint(i), time.Now().Add(time.Hour)))
		if len(entries) == cap(entries) {
			_, err := store.Revoke(t.Context(), entries...)
			require.NoError(t, err)
			entries = entries[:0]
		}
	}
	for range 4 {
		assert.ErrorIs(t, <-ended, errEnough)
	}
}

// TestRedis_FollowHonoursDeadlines: a Redis that hangs holds nobody up.
func TestRedis_FollowHonoursDeadlines(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	o := s.Options()
	o.ReadTimeout = time.Hour
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	store, err := denylist.NewRedis(client, denylist.RedisOptions{Prefix: s.Prefix(), WriteTimeout: time.Second})
	require.NoError(t, err)
	revokeSession(t, store, "a")
	at, err := store.Position(t.Context())
	require.NoError(t, err)
	s.Stop()
	defer s.Continue()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = store.Follow(ctx, at, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	err = store.Follow(t.Context(), at, nil)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.Less(t, time.Since(start), time.Minute)
}
