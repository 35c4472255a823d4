package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestRedis_StormLeavesItWhole: whatever is written at once, by stores that
// lose replies, the log has every number once and in order, and the index and
// the counters say what there is.
func TestRedis_StormLeavesItWhole(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	proxy := redistest.NewProxy(t, s)
	opts := denylist.RedisOptions{Prefix: s.Prefix()}
	stores := []*denylist.Redis{newRedis(t, open(t, s.URL()), opts), newRedis(t, open(t, proxy.URL()), opts)}
	c := s.Client()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			w := &walk{Rand: rand.New(rand.NewPCG(uint64(i), 0)), now: time.Now(), denyItself: true}
			for range 150 {
				_, question := w.question()
				question(t.Context(), stores[i%2])
			}
		})
	}
	wg.Go(func() {
		for i := range 40 {
			proxy.LoseReply("evalsha")
			if i%10 == 0 {
				assert.NoError(t, c.ScriptFlush(t.Context()).Err())
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	wg.Wait()
	proxy.LoseReplies("", 0)
	head := s.Prefix() + ":{0}:"
	logIsGapless(t, c, head)
	indexIsWhole(t, c, head)
	counts, err := stores[0].Counts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, counts.Total(), c.ZCard(t.Context(), head+"index").Val())
}

// logIsGapless: each change has the number after the one before, and the last
// is meta's.
func logIsGapless(t *testing.T, c *redis.Client, head string) {
	t.Helper()
	changes, err := c.XRange(t.Context(), head+"log", "-", "+").Result()
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	for i, change := range changes {
		assert.Equal(t, strconv.Itoa(i+1), change.Values["n"], "change %d", i)
	}
	assert.Equal(t, strconv.Itoa(len(changes)), c.HGet(t.Context(), head+"meta", "seq").Val())
}

// indexIsWhole: each entry is in the index at its expiry, and nothing else is.
func indexIsWhole(t *testing.T, c *redis.Client, head string) {
	t.Helper()
	members, err := c.ZRangeWithScores(t.Context(), head+"index", 0, -1).Result()
	require.NoError(t, err)
	indexed := map[string]string{}
	for _, z := range members {
		indexed[z.Member.(string)] = strconv.FormatFloat(z.Score, 'f', 0, 64)
	}
	entries := map[string]string{}
	for _, key := range c.Keys(t.Context(), head+"[tsui]:*").Val() {
		value := c.Get(t.Context(), key).Val()
		at, err := c.Do(t.Context(), "PEXPIRETIME", key).Int64()
		require.NoError(t, err)
		entries[strings.TrimPrefix(key, head)] = strconv.FormatInt(at, 10)
		assert.Equal(t, strconv.FormatInt(at, 10), strings.Split(value, " ")[1], "the value of %s says when it expires", key)
	}
	assert.Equal(t, entries, indexed)
}

// TestR16_StormOfLostReplies: from a revocation's attempt on, whatever becomes
// of it, no check of the same store passes what it denies.
func TestR16_StormOfLostReplies(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	proxy := redistest.NewProxy(t, s)
	r := newRedis(t, open(t, proxy.URL()), denylist.RedisOptions{Prefix: s.Prefix(), WriteTimeout: 300 * time.Millisecond})
	done, stop := context.WithCancel(t.Context())
	var trouble, work sync.WaitGroup
	trouble.Go(func() {
		for i := 0; done.Err() == nil; i++ {
			proxy.LoseReplies("evalsha", 2)
			if i%5 == 0 {
				proxy.Cut()
			}
			time.Sleep(3 * time.Millisecond)
		}
	})
	var lost [6]int
	for i := range lost {
		work.Go(func() {
			for n := range 60 {
				token, _, _ := fresh(fmt.Sprintf("s%d/%d", i, n))
				token.Subject = token.Session
				e := []denylist.Entry{
					denylist.SessionEntry(issuer, token.Session, token.ExpiresAt),
					denylist.SubjectEntry(issuer, token.Subject, time.Time{}),
					denylist.TokenEntry(issuer, token.ID, token.ExpiresAt),
				}[n%3]
				_, err := r.Revoke(t.Context(), e)
				if errors.Is(err, denylist.ErrUnavailable) && !errors.Is(err, denylist.ErrUnknown) {
					continue // it certainly wrote nothing
				}
				if err != nil {
					assert.ErrorIs(t, err, denylist.ErrUnknown)
					lost[i]++
				}
				assert.Error(t, r.Check(t.Context(), token), "after Revoke: %v", err)
			}
		})
	}
	work.Wait()
	stop()
	trouble.Wait()
	total := 0
	for _, n := range lost {
		total += n
	}
	assert.NotZero(t, total, "no reply was lost: nothing was proven")
}
