package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// revokedMany returns a Redis with n revoked sessions and tokens, half of each, that
// expire one after another.
func revokedMany(b *testing.B, n int) (*redistest.Server, *denylist.Redis) {
	b.Helper()
	s := redistest.StartTCP(b)
	store := newRedis(b, open(b, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
	entries := make([]denylist.Entry, 0, 1000)
	now := time.Now()
	for i := range n {
		exp := now.Add(time.Hour + time.Duration(i)*time.Millisecond)
		e := denylist.SessionEntry(issuer, strconv.Itoa(i), exp)
		if i%2 == 1 {
			e = denylist.TokenEntry(issuer, strconv.Itoa(i), exp)
		}
		if entries = append(entries, e); len(entries) == cap(entries) || i == n-1 {
			_, err := store.Revoke(b.Context(), entries...)
			require.NoError(b, err)
			entries = entries[:0]
		}
	}
	return s, store
}

// BenchmarkMirrorCheck times verdicts of a mirror of a million entries: of
// tokens that nothing denies, prepared and not, and of one that is denied.
func BenchmarkMirrorCheck(b *testing.B) {
	_, store := revokedMany(b, 1_000_000)
	m := running(b, store, denylist.MirrorOptions{})
	tokens := make([]denylist.Token, 100_000)
	for i := range tokens {
		tokens[i] = ofSession(fmt.Sprint("live ", i))
	}
	dead := ofSession("0")
	verdict := func(b *testing.B, t denylist.Token, denied bool) {
		g := m.Glance(t)
		if err, known := g.Verdict(time.Now()); known && (err != nil) != denied {
			b.Fatal(err)
		}
	}
	of := func(tokens []denylist.Token) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				verdict(b, tokens[i%len(tokens)], false)
			}
		}
	}
	b.Run("unprepared", of(tokens[:512]))
	for i := range tokens {
		tokens[i] = tokens[i].Prepared()
	}
	b.Run("prepared/512", of(tokens[:512]))
	b.Run("prepared/100000", of(tokens))
	b.Run("denied", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			verdict(b, dead, true)
		}
	})
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
	b.Run("parallel/64", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				verdict(b, tokens[i%512], false)
			}
		})
	})
}

// BenchmarkMirrorLoad times how long a mirror of a million entries takes until
// it answers, against what people write instead: SCAN, and PEXPIRETIME of each
// key, into a map. They take turns; "x/SCAN" is the median of the ratios, and
// "cpu-x/SCAN" that of the processor time of both client and server.
func BenchmarkMirrorLoad(b *testing.B) {
	s, store := revokedMany(b, 1_000_000)
	client := open(b, s.URL()).(*redis.Client)
	var ratios, cpuRatios []float64
	var ours time.Duration
	for b.Loop() {
		begun := cpu(b, client)
		took := loadOnce(b, store)
		ours += took
		loaded := cpu(b, client)
		ratios = append(ratios, float64(timed(func() { scan(b, client, s.Prefix()) }))/float64(took))
		cpuRatios = append(cpuRatios, (cpu(b, client)-loaded)/(loaded-begun))
	}
	slices.Sort(ratios)
	slices.Sort(cpuRatios)
	b.ReportMetric(ratios[len(ratios)/2], "x/SCAN")
	b.ReportMetric(cpuRatios[len(ratios)/2], "cpu-x/SCAN")
	b.ReportMetric(float64(ours.Milliseconds())/float64(len(ratios)), "ms/load")
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// cpu is the processor time that this process and the server have used, in
// seconds.
func cpu(b *testing.B, c *redis.Client) (sum float64) {
	info, err := c.Info(b.Context(), "cpu").Result()
	require.NoError(b, err)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			require.NoError(b, err)
			sum += seconds
		}
	}
	return sum + ownCPU(b).Seconds()
}

// loadOnce is how long a mirror runs until it is fresh.
func loadOnce(b *testing.B, store *denylist.Redis) (took time.Duration) {
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	start := time.Now()
	m, err := denylist.NewMirror(store, denylist.MirrorOptions{OnState: func(state denylist.MirrorState, _ error) {
		if state == denylist.MirrorFresh {
			took = time.Since(start)
			stop()
		}
	}})
	require.NoError(b, err)
	assert.ErrorIs(b, m.Run(ctx), context.Canceled)
	require.EqualValues(b, 1, m.Stats().Loads)
	return took
}

func scan(b *testing.B, c *redis.Client, prefix string) {
	found := map[string]time.Duration{}
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(b.Context(), cursor, prefix+":{0}:[tsui]:*", 1000).Result()
		require.NoError(b, err)
		times := make([]*redis.DurationCmd, len(keys))
		_, err = c.Pipelined(b.Context(), func(pipe redis.Pipeliner) error {
			for i, key := range keys {
				times[i] = pipe.PExpireTime(b.Context(), key)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			b.Fatal(err)
		}
		for i, key := range keys {
			found[key] = times[i].Val()
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	require.Len(b, found, 1_000_000)
}
