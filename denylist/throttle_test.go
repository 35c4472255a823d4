package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// throttle is a store whose throttle may be of either kind. tick lets a time
// pass that only Memory's clock can: on Redis it is nil.
type throttle struct {
	denylist.Throttle
	tick func(time.Duration)
}

func eachThrottle(t *testing.T, test func(t *testing.T, store throttle)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		var ms atomic.Int64
		ms.Store(1772366400123)
		now := func() time.Time { return time.UnixMilli(ms.Load()) }
		tick := func(d time.Duration) { ms.Add(d.Milliseconds()) }
		test(t, throttle{denylist.NewMemory(denylist.MemoryOptions{Now: now}), tick})
	})
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint("redis of ", partitions), func(t *testing.T) {
			t.Parallel()
			s := redistest.Shared(t)
			test(t, throttle{newRedis(t, s.Client(), denylist.RedisOptions{Prefix: s.Prefix(), Partitions: partitions}), nil})
		})
	}
}

var tenAndHundred = denylist.Limits{Account: 10, Address: 100}

func trial(account, address string) denylist.Trial {
	return denylist.Trial{Issuer: "us", Account: account, Address: address, Limits: tenAndHundred}
}

// allowed counts the attempts that are allowed, of so many: few more than the
// limit, since one more is allowed a second later.
func allowed(t *testing.T, store denylist.Throttle, n int, attempt func(i int) denylist.Trial) (ok int) {
	t.Helper()
	for i := range n {
		err := store.Try(t.Context(), attempt(i))
		if err == nil {
			ok++
			continue
		}
		require.ErrorIs(t, err, denylist.ErrThrottled)
	}
	return ok
}

func TestThrottle_Limits(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		one := func(i int) denylist.Trial { return trial("alice", fmt.Sprint("address ", i)) }
		assert.Equal(t, 10, allowed(t, store, 12, one), "of one account, from everywhere")
		other := func(i int) denylist.Trial { return trial(fmt.Sprint("user ", i), "one address") }
		assert.Equal(t, 100, allowed(t, store, 102, other), "from one address")
		var throttled *denylist.ThrottledError
		require.ErrorAs(t, store.Try(t.Context(), trial("alice", "another")), &throttled)
		assert.Greater(t, throttled.Wait, time.Duration(0))
		assert.LessOrEqual(t, throttled.Wait, time.Second)

		elsewhere := trial("alice", "another")
		elsewhere.Issuer = "them"
		assert.NoError(t, store.Try(t.Context(), elsewhere), "another issuer's alice is somebody else")
		free := trial("alice", "one address")
		free.Limits = denylist.Limits{}
		assert.Equal(t, 20, allowed(t, store, 20, func(int) denylist.Trial { return free }), "without limits")
	})
}

// The limits hold for attempts that run at once.
func TestThrottle_AtOnce(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		var ok atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 10 {
					if err := store.Try(t.Context(), trial("alice", "here")); err == nil {
						ok.Add(1)
					} else {
						assert.ErrorIs(t, err, denylist.ErrThrottled)
					}
				}
			})
		}
		wait.Wait()
		assert.EqualValues(t, 10, ok.Load())
	})
}

func TestThrottle_AdmitAndExcuse(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		ctx := t.Context()
		for range 300 { // more than an address may fail
			require.NoError(t, store.Try(ctx, trial("alice", "home")))
			require.NoError(t, store.Admit(ctx, trial("alice", "home")))
		}
		for range 300 {
			require.NoError(t, store.Try(ctx, trial("bob", "away")))
			require.NoError(t, store.Excuse(ctx, trial("bob", "away")))
		}
		for range 300 {
			require.NoError(t, store.Try(ctx, trial("carol", "")))
			require.NoError(t, store.Admit(ctx, trial("carol", "")))
		}
		same := func(account, address string) func(int) denylist.Trial {
			return func(int) denylist.Trial { return trial(account, address) }
		}
		assert.Equal(t, 10, allowed(t, store, 12, same("alice", "home")))
		assert.Equal(t, 10, allowed(t, store, 12, same("bob", "away")))
		assert.Equal(t, 10, allowed(t, store, 12, same("carol", "")))
		// The address's count is not cleared by a login that somebody can always make.
		others := func(i int) denylist.Trial { return trial(fmt.Sprint("user ", i), "home") }
		assert.Equal(t, 90, allowed(t, store, 92, others))
	})
}

// Nobody locks a user out of an address that the account was logged into from.
func TestThrottle_NoLockOutAtHome(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		ctx := t.Context()
		require.NoError(t, store.Try(ctx, trial("alice", "home")))
		require.NoError(t, store.Admit(ctx, trial("alice", "home")))
		attack := func(i int) denylist.Trial { return trial("alice", fmt.Sprint("bot ", i)) }
		require.Equal(t, 10, allowed(t, store, 12, attack))
		require.NoError(t, store.Try(ctx, trial("alice", "home")))
		require.NoError(t, store.Admit(ctx, trial("alice", "home")))
		assert.Zero(t, allowed(t, store, 2, attack), "that forgives nobody elsewhere")
		assert.Equal(t, 10, allowed(t, store, 12, func(int) denylist.Trial { return trial("alice", "home") }), "whose own failures count")
	})
}

// One attempt per wait, which doubles; and all is forgiven in time.
func TestThrottle_Waits(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		if store.tick == nil {
			return // Redis's clock cannot be told; its script is held against Memory by TestThrottle_Agree
		}
		alice := trial("alice", "here")
		require.Equal(t, 10, allowed(t, store, 10, func(int) denylist.Trial { return alice }))
		for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256} {
			wait := time.Duration(seconds) * time.Second
			assert.Equal(t, wait, waitOf(t, store, alice))
			store.tick(wait - time.Millisecond)
			assert.Equal(t, time.Millisecond, waitOf(t, store, alice))
			store.tick(time.Millisecond)
			require.NoError(t, store.Try(t.Context(), alice), "after %v", wait)
		}
		store.tick(15 * time.Minute)
		require.NoError(t, store.Try(t.Context(), alice))
		for range 20 { // one is forgiven in each wait from here on
			assert.LessOrEqual(t, waitOf(t, store, alice), 15*time.Minute)
			store.tick(15 * time.Minute)
			require.NoError(t, store.Try(t.Context(), alice))
		}
		store.tick(5 * time.Hour)
		assert.Equal(t, 10, allowed(t, store, 12, func(int) denylist.Trial { return alice }))
	})
}

func waitOf(t *testing.T, store denylist.Throttle, attempt denylist.Trial) time.Duration {
	t.Helper()
	var throttled *denylist.ThrottledError
	require.ErrorAs(t, store.Try(t.Context(), attempt), &throttled)
	return throttled.Wait
}

// What the script makes of a count is what Memory makes of it: ages are made by
// moving a count into the past.
func TestThrottle_Agree(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	client, prefix := s.Client(), s.Prefix()
	onRedis := newRedis(t, client, denylist.RedisOptions{Prefix: prefix})
	var ms atomic.Int64
	ms.Store(1772366400123)
	inMemory := denylist.NewMemory(denylist.MemoryOptions{Now: func() time.Time { return time.UnixMilli(ms.Load()) }})
	alice := trial("alice", "")
	age := func(d time.Duration) {
		ms.Add(d.Milliseconds())
		for _, key := range client.Keys(t.Context(), prefix+":{0}:l:*").Val() {
			var empty, last int64
			_, err := fmt.Sscanf(client.Get(t.Context(), key).Val(), "1 %d %d", &empty, &last)
			require.NoError(t, err)
			empty, last = empty-d.Milliseconds(), last-d.Milliseconds()
			require.NoError(t, client.Do(t.Context(), "set", key, fmt.Sprintf("1 %d %d", empty, last), "pxat", empty).Err())
		}
	}
	for _, pause := range []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, time.Second, time.Second, time.Second, 0, time.Minute,
		time.Minute, 10 * time.Minute, 0, 20 * time.Minute, 20 * time.Minute, 0, 0, 3 * time.Hour, 0, 0, 0, 10 * time.Hour, 0} {
		age(pause)
		a, b := inMemory.Try(t.Context(), alice), onRedis.Try(t.Context(), alice)
		var wa, wb *denylist.ThrottledError
		require.Equal(t, errors.As(a, &wa), errors.As(b, &wb), "after %v: %v, %v", pause, a, b)
		if wa != nil {
			assert.InDelta(t, wa.Wait.Seconds(), wb.Wait.Seconds(), 0.9)
		}
	}
}

func TestThrottle_BadInputCountsNothing(t *testing.T) {
	eachThrottle(t, func(t *testing.T, store throttle) {
		bad := trial("alice", "here")
		bad.Limits.Account = -1
		assert.ErrorIs(t, store.Try(t.Context(), bad), denylist.ErrInvalid)
		bad.Limits.Account = 10_000_000
		assert.ErrorIs(t, store.Admit(t.Context(), bad), denylist.ErrInvalid)
		assert.ErrorIs(t, store.Excuse(t.Context(), denylist.Trial{}), denylist.ErrInvalid)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, store.Try(gone, trial("alice", "here")), denylist.ErrUnavailable)
		huge := trial(strings.Repeat("x", 1<<16), strings.Repeat("y", 1<<10))
		assert.Equal(t, 10, allowed(t, store, 12, func(int) denylist.Trial { return huge }))
		assert.Equal(t, 10, allowed(t, store, 12, func(int) denylist.Trial { return trial("alice", "here") }))
	})
}

// R19: no name and no address in Redis; and every key expires.
func TestR19_ThrottleKeys(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	client, prefix := s.Client(), s.Prefix()
	store := newRedis(t, client, denylist.RedisOptions{Prefix: prefix})
	ctx := t.Context()
	require.NoError(t, store.Try(ctx, trial("alice@example.com", "203.0.113.7")))
	require.NoError(t, store.Admit(ctx, trial("alice@example.com", "203.0.113.7")))
	require.NoError(t, store.Try(ctx, trial("alice@example.com", "203.0.113.7")))
	require.NoError(t, store.Try(ctx, trial("bob@example.com", "203.0.113.7")))
	kinds := map[string]int{}
	for _, key := range client.Keys(ctx, prefix+":{0}:l:*").Val() {
		assert.Regexp(t, `:\{0\}:l:[ahp]:[A-Za-z0-9_-]{22}$`, key)
		assert.Regexp(t, `^1 \d+ \d+$`, client.Get(ctx, key).Val())
		life := client.PTTL(ctx, key).Val()
		assert.Greater(t, life, time.Duration(0), key)
		assert.LessOrEqual(t, life, 30*24*time.Hour, key)
		kinds[strings.TrimPrefix(key, prefix)[7:8]]++
	}
	assert.Equal(t, map[string]int{"a": 1, "h": 1, "p": 1}, kinds)
	assert.Zero(t, client.Exists(ctx, prefix+":{0}:index", prefix+":{0}:log").Val(), "a count is no entry")

	t.Run("a value that is not ours is a doubt", func(t *testing.T) {
		for _, key := range client.Keys(ctx, prefix+":{0}:l:h:*").Val() {
			require.NoError(t, client.Set(ctx, key, "2 soon", 0).Err())
		}
		err := store.Try(ctx, trial("alice@example.com", "203.0.113.7"))
		require.ErrorIs(t, err, denylist.ErrUnavailable)
		require.NotErrorIs(t, err, denylist.ErrThrottled)
	})
}

func TestR14_ThrottleOfARedisThatIsDown(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	proxy := redistest.NewProxy(t, s)
	store := newRedis(t, open(t, proxy.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
	require.NoError(t, store.Try(t.Context(), trial("alice", "here")))
	proxy.Refuse()
	err := store.Try(t.Context(), trial("alice", "here"))
	require.ErrorIs(t, err, denylist.ErrUnavailable)
	require.NotErrorIs(t, err, denylist.ErrThrottled)
}
