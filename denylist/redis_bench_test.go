package denylist_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// BenchmarkRedisCheck times checks that nothing denies, and as many bare EXISTS
// of one key on the same client. The two take turns: one "op" is a turn of
// each, "x/EXISTS" the median of their ratios.
func BenchmarkRedisCheck(b *testing.B) {
	server := redistest.StartTCP(b)
	client := open(b, server.URL())
	store := newRedis(b, client, denylist.RedisOptions{Prefix: server.Prefix()})
	token := denylist.Token{
		Issuer: "https://issuer.example", ID: "7f0c5b1e-95cf-4e0b-8a3b-0d3e7c1f2a44", Session: "0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10",
		Subject: "c1b1b5f0-56a1-4f7e-9a6e-2f3b0d9a7e21", Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}
	key := server.Prefix() + ":jti:" + token.ID
	check := func(ctx context.Context) error { return store.Check(ctx, token) }
	exists := func(ctx context.Context) error { return client.Exists(ctx, key).Err() }

	for _, goroutines := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			calls := 20_000 / goroutines * goroutines
			var ratios []float64
			var checks time.Duration
			for b.Loop() { // one pair of turns
				bare := turn(b, goroutines, calls, exists)
				ours := turn(b, goroutines, calls, check)
				checks += ours
				ratios = append(ratios, float64(ours)/float64(bare))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/EXISTS")
			b.ReportMetric(float64(checks.Nanoseconds())/float64(calls*len(ratios)), "ns/check")
		})
	}
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
