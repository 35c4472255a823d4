package denylist_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// BenchmarkConfirmed times checks that a mirror answers and Redis confirms
// against those that ask Redis for their keys, while somebody else revokes.
// They take turns: one "op" is a turn of each, "x/keys" the median of how many
// of the first are made in the time of one of the second, "confirmed" the share
// of the first that were not answered by keys after all.
func BenchmarkConfirmed(b *testing.B) {
	server := redistest.StartTCP(b)
	opts := denylist.RedisOptions{Prefix: server.Prefix()}
	store := newRedis(b, open(b, server.URL()), opts)
	m := running(b, newRedis(b, open(b, server.URL()), opts), denylist.MirrorOptions{Confirmed: true})
	token := denylist.Token{
		Issuer: "https://issuer.example", ID: "7f0c5b1e-95cf-4e0b-8a3b-0d3e7c1f2a44", Session: "0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10",
		Subject: "c1b1b5f0-56a1-4f7e-9a6e-2f3b0d9a7e21", Login: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}.Prepared()
	for _, writes := range []int{0, 100, 1000} {
		for _, goroutines := range []int{1, 4, 16, 64, 256} {
			b.Run(fmt.Sprintf("writes=%d/goroutines=%d", writes, goroutines), func(b *testing.B) {
				defer writing(b, newRedis(b, open(b, server.URL()), opts), writes)()
				n := 5_000 / goroutines * goroutines
				was := m.Stats()
				var ratios []float64
				for b.Loop() {
					one := turn(b, goroutines, n, func(ctx context.Context) error { return m.Check(ctx, token) })
					other := turn(b, goroutines, n, func(ctx context.Context) error { return store.Check(ctx, token) })
					ratios = append(ratios, float64(other)/float64(one))
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "x/keys")
				b.ReportMetric(float64(m.Stats().Confirmed-was.Confirmed)/float64(n*len(ratios)), "confirmed")
			})
		}
	}
}

// writing revokes sessions, so many a second, until stop is called.
func writing(b *testing.B, store *denylist.Redis, each int) (stop func()) {
	if each == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pace := rate.NewLimiter(rate.Limit(each), 1)
		for i := 0; pace.Wait(ctx) == nil; i++ {
			_, err := store.Revoke(context.WithoutCancel(ctx), denylist.SessionEntry(issuer, strconv.Itoa(i), time.Time{}))
			assert.NoError(b, err)
		}
	}()
	return func() { cancel(); <-ended }
}
