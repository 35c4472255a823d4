package verifier

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"

	"github.com/rescindhq/rescind/denylist"
)

// BenchmarkHot times the verdict on tokens that were seen before, over mirrors
// of no entry and of a million, against one xxh3 of the same tokens, which
// nothing that reads a token can beat. They take turns: one "op" is a turn of
// each, "x/xxh3" the median of their ratios.
func BenchmarkHot(b *testing.B) {
	for _, entries := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			mirror, store := newMirror(b)
			revokeMany(b, store, entries)
			require.Eventually(b, func() bool { return mirror.Stats().Entries == int64(entries) }, time.Minute, time.Millisecond)
			benchmarkHot(b, mirror)
		})
	}
}

// revokeMany revokes n tokens and sessions, half of each.
func revokeMany(b *testing.B, store *denylist.Redis, n int) {
	b.Helper()
	entries := make([]denylist.Entry, 0, 1000)
	exp := time.Now().Add(time.Hour)
	for i := range n {
		e := denylist.SessionEntry(testIssuer, strconv.Itoa(i), exp)
		if i%2 == 1 {
			e = denylist.TokenEntry(testIssuer, strconv.Itoa(i), exp)
		}
		if entries = append(entries, e); len(entries) == cap(entries) || i == n-1 {
			_, err := store.Revoke(b.Context(), entries...)
			require.NoError(b, err)
			entries = entries[:0]
		}
	}
}

func benchmarkHot(b *testing.B, mirror *denylist.Mirror) {
	for _, tokens := range []int{1, 512} {
		b.Run(fmt.Sprintf("tokens=%d", tokens), func(b *testing.B) {
			f := newForge(b, ES256)
			v := f.verifier(mirror, Options{Now: time.Now})
			raw := make([]string, tokens)
			for i := range raw {
				raw[i] = benchToken(f, i)
				_, err := v.Verify(b.Context(), strings.Clone(raw[i]))
				require.NoError(b, err)
			}
			const turn = 1024 // short, so that what else the machine does meets both
			var ratios []float64
			var sum uint64
			var hot, naked time.Duration
			for b.Loop() {
				start := time.Now()
				for i := range turn {
					if _, err := v.Verify(b.Context(), raw[i%tokens]); err != nil {
						b.Fatal(err)
					}
				}
				a := time.Since(start)
				start = time.Now()
				for i := range turn {
					sum += xxh3.HashString(raw[i%tokens])
				}
				c := time.Since(start)
				hot, naked = hot+a, naked+c
				ratios = append(ratios, float64(a)/float64(c))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/xxh3")
			b.ReportMetric(float64(hot.Nanoseconds())/float64(turn*len(ratios)), "ns/hit")
			b.ReportMetric(float64(naked.Nanoseconds())/float64(turn*len(ratios)), "ns/xxh3")
			b.ReportMetric(float64(len(raw[0])), "bytes")
			_ = sum
		})
	}
}
