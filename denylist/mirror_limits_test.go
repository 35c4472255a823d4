package denylist_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestMirror_LeavesNothingBehind: no goroutine and no connection outlives Run.
func TestMirror_LeavesNothingBehind(t *testing.T) {
	s := redistest.Start(t)
	client := open(t, s.URL()).(*redis.Client)
	store := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: staleness})
	require.NoError(t, store.Check(t.Context(), ofSession("warm")))
	before := runtime.NumGoroutine()
	for range 3 {
		m, err := denylist.NewMirror(store, denylist.MirrorOptions{Shadow: 1})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		untilState(t, m, denylist.MirrorFresh)
		require.NoError(t, m.Check(t.Context(), ofSession("s")))
		assert.ErrorIs(t, m.Run(ctx), denylist.ErrInvalid, "it runs already")
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
		assert.Equal(t, denylist.MirrorIdle, m.State())
		_, known := answers(m, ofSession("s"))
		assert.False(t, known, "a mirror that does not run says nothing")
		assert.NoError(t, m.Check(t.Context(), ofSession("s")))
	}
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		if stats := client.PoolStats(); stats.TotalConns != stats.IdleConns {
			return fmt.Errorf("%d connections, %d of them idle", stats.TotalConns, stats.IdleConns)
		}
		return nil
	}))
}

// TestR17_MirrorRefuses a Redis that it could not mirror: Run returns.
func TestR17_MirrorRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, *redis.Client, string){
		"a replica": func(t *testing.T, c *redis.Client, _ string) {
			require.NoError(t, c.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err())
		},
		"eviction": func(t *testing.T, c *redis.Client, _ string) {
			require.NoError(t, c.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
			require.NoError(t, c.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
		},
		"settings": func(t *testing.T, c *redis.Client, prefix string) {
			require.NoError(t, c.HSet(t.Context(), prefix+":{0}:meta", "max_staleness", "999").Err())
		},
		"schema": func(t *testing.T, c *redis.Client, prefix string) {
			require.NoError(t, c.HSet(t.Context(), prefix+":{0}:meta", "schema", "2").Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
			revokeSession(t, store, "s")
			spoil(t, s.Client(), s.Prefix())
			m, err := denylist.NewMirror(store, denylist.MirrorOptions{})
			require.NoError(t, err)
			assert.ErrorIs(t, m.Run(within(t, time.Minute)), denylist.ErrUnfit)
			assert.Equal(t, denylist.MirrorIdle, m.State())
		})
	}
}

// TestMirror_Full: a table that may not be larger answers nothing, and drops
// nothing. When there is room it is read again.
func TestMirror_Full(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: time.Second})
	var entries []denylist.Entry
	write := func() {
		_, err := store.Revoke(t.Context(), entries...)
		require.NoError(t, err)
		entries = entries[:0]
	}
	for i := range 50_000 { // 1 MiB is room for some 40,000
		entries = append(entries, denylist.SessionEntry(issuer, fmt.Sprint(i), time.Now().Add(time.Hour)))
		if len(entries) == 1000 {
			write()
		}
	}
	m, err := denylist.NewMirror(store, denylist.MirrorOptions{MaxBytes: 1 << 20})
	require.NoError(t, err)
	start(t, m)
	untilState(t, m, denylist.MirrorFull)
	_, known := answers(m, ofSession("1"))
	assert.False(t, known)
	assert.ErrorIs(t, m.Check(t.Context(), ofSession("49999")), denylist.ErrRevoked)
	assert.NoError(t, m.Check(t.Context(), ofSession("50000")))

	for i := range 16_000 {
		_, err := store.Reinstate(t.Context(), denylist.ScopeSession, issuer, fmt.Sprint(i))
		require.NoError(t, err)
	}
	untilState(t, m, denylist.MirrorFresh)
	err, known = answers(m, ofSession("49999"))
	assert.True(t, known)
	assert.ErrorIs(t, err, denylist.ErrRevoked)
	assert.LessOrEqual(t, m.Stats().Bytes, int64(1<<20))
}

// slow is a link whose replies take a while.
type slow struct{ by time.Duration }

func (s slow) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (s slow) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		time.Sleep(s.by)
		return err
	}
}

// TestR15_MirrorNeverOlder: however long replies take, what the mirror allows
// was not revoked longer ago than MaxStaleness. The stamp is when a read was
// sent.
func TestR15_MirrorNeverOlder(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{0, 30 * time.Millisecond, 150 * time.Millisecond} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			s := redistest.Shared(t).For(t)
			opts := denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: staleness}
			client := open(t, s.URL())
			client.AddHook(slow{by})
			m, other := running(t, newRedis(t, client, opts), denylist.MirrorOptions{}), newRedis(t, open(t, s.URL()), opts)
			allowed := 0
			for i := range 40 {
				token := ofSession(fmt.Sprint(i))
				revokeSession(t, other, token.Session)
				acknowledged := time.Now()
				for {
					g := m.Glance(token)
					now := time.Now()
					err, known := g.Verdict(now)
					if err != nil {
						break
					}
					if known {
						allowed++
						require.LessOrEqual(t, now.Sub(acknowledged), staleness, "allowed")
					}
					time.Sleep(time.Millisecond)
				}
			}
			t.Logf("allowed %d times before it was denied", allowed)
		})
	}
}

// TestR16_MirrorPutsSettingsOnRecord: a mirror that is alone on an empty Redis
// must not become fresh by settings that nobody else can see: the barriers of a
// server that starts later would not wait for it.
func TestR16_MirrorPutsSettingsOnRecord(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: 500 * time.Millisecond})
	m := running(t, store, denylist.MirrorOptions{})
	untilState(t, m, denylist.MirrorFresh)
	meta := s.Prefix() + ":{0}:meta"
	assert.Equal(t, "500", s.Client().HGet(t.Context(), meta, "max_staleness").Val())

	require.NoError(t, s.Client().HSet(t.Context(), meta, "max_staleness", "100").Err())
	untilState(t, m, denylist.MirrorStale)
	assert.NoError(t, m.Check(t.Context(), ofSession("asked of Redis")))
}
