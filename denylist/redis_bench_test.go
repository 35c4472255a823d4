package denylist_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// BenchmarkRedisCheck times checks that nothing denies against what people
// write instead, on clients of their own: a bare EXISTS of one key, the same
// over go-redis' auto-pipelining, and over that the MGET that a check is. They
// take turns: one "op" is a turn of each, "x/..." the median of how many checks
// are made in the time of one of them. "prepared" is a check of a token whose
// digests are kept, as a cache of verified tokens has it.
func BenchmarkRedisCheck(b *testing.B) {
	server := redistest.StartTCP(b)
	token := denylist.Token{
		Issuer: "https://issuer.example", ID: "7f0c5b1e-95cf-4e0b-8a3b-0d3e7c1f2a44", Session: "0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10",
		Subject: "c1b1b5f0-56a1-4f7e-9a6e-2f3b0d9a7e21", Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}
	store := newRedis(b, open(b, server.URL()), denylist.RedisOptions{Prefix: server.Prefix()})
	client := open(b, server.URL()).(*redis.Client)
	piped, err := client.AutoPipeline()
	require.NoError(b, err)
	b.Cleanup(func() { _ = piped.Close() })
	key := server.Prefix() + ":{0}:t:01234567890123456789"
	four := []string{key + "ab", key + "cd", key + "ef", key + "gh"}
	check := func(ctx context.Context) error { return store.Check(ctx, token) }
	prepared := token.Prepared()
	rivals := []rival{
		{"prepared", func(ctx context.Context) error { return store.Check(ctx, prepared) }},
		{"EXISTS", func(ctx context.Context) error { return client.Exists(ctx, four[0]).Err() }},
		{"auto-EXISTS", func(ctx context.Context) error { return piped.Exists(ctx, four[0]).Err() }},
		{"auto-MGET", func(ctx context.Context) error { return piped.MGet(ctx, four...).Err() }},
	}
	for _, goroutines := range []int{1, 4, 64, 256} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			calls := 20_000 / goroutines * goroutines
			ratios := make([][]float64, len(rivals))
			var checks time.Duration
			for b.Loop() {
				ours := turn(b, goroutines, calls, check)
				checks += ours
				for i, r := range rivals {
					ratios[i] = append(ratios[i], float64(turn(b, goroutines, calls, r.call))/float64(ours))
				}
			}
			for i, r := range rivals {
				slices.Sort(ratios[i])
				b.ReportMetric(ratios[i][len(ratios[i])/2], "x/"+r.name)
			}
			b.ReportMetric(float64(checks.Nanoseconds())/float64(calls*len(ratios[0])), "ns/check")
		})
	}
}

// rival is what a check is compared with.
type rival struct {
	name string
	call func(context.Context) error
}

// turn is how long n calls take, made by some goroutines at once.
func turn(b *testing.B, goroutines, n int, call func(context.Context) error) time.Duration {
	start := time.Now()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for range n / goroutines {
				if err := call(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(start)
}

// BenchmarkRedisCheck_Hung shows how long a check waits for a Redis that does
// not answer, with the default deadline of 50 ms: alone, and 64 at once.
func BenchmarkRedisCheck_Hung(b *testing.B) {
	server := redistest.Start(b)
	store, err := denylist.NewRedis(open(b, server.URL()), denylist.RedisOptions{Prefix: server.Prefix()})
	require.NoError(b, err)
	token := denylist.Token{Issuer: "https://issuer.example", ID: "a", ExpiresAt: time.Now().Add(time.Hour)}
	require.NoError(b, store.Check(b.Context(), token))
	server.Stop()
	defer server.Continue()

	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			var slowest time.Duration
			for b.Loop() {
				took := make([]time.Duration, goroutines)
				var all sync.WaitGroup
				for i := range took {
					all.Go(func() {
						start := time.Now()
						assert.ErrorIs(b, store.Check(b.Context(), token), denylist.ErrUnavailable)
						took[i] = time.Since(start)
					})
				}
				all.Wait()
				slowest = max(slowest, slices.Max(took))
			}
			b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
		})
	}
}
