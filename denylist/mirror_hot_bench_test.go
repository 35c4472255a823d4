package denylist

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkMirrorHot times verdicts on prepared tokens that nothing denies, of
// a mirror of ten million entries against one of ten thousand. They take turns:
// one "op" is a turn of each, "x/10k" the median of their ratios. The tables
// are filled without a Redis, of tokens and sessions, half of each.
func BenchmarkMirrorHot(b *testing.B) {
	small, large := filledMirror(b, 10_000), filledMirror(b, 10_000_000)
	for _, tokens := range []int{512, 100_000} {
		b.Run(fmt.Sprintf("tokens=%d", tokens), func(b *testing.B) {
			hot := make([]Prepared, tokens)
			for i := range hot {
				hot[i].Set(Token{
					Issuer: "https://issuer.example", ID: fmt.Sprint("live ", i), Session: fmt.Sprint("session ", i), Subject: "s",
					ExpiresAt: mirrorNow.Add(time.Hour), Login: mirrorNow,
				}, nil)
			}
			verdicts := func(m *Mirror) time.Duration {
				const turn = 100_000
				start := time.Now()
				for done := 0; done < turn; done += len(hot) {
					for i := range hot[:min(len(hot), turn-done)] {
						g := m.GlancePrepared(&hot[i])
						if err, known := g.Verdict(time.Now()); err != nil || !known {
							b.Fatal(err, known)
						}
					}
				}
				return time.Since(start) / turn
			}
			var ratios, each []float64
			b.ReportAllocs()
			for b.Loop() {
				base, ours := verdicts(small), verdicts(large)
				ratios = append(ratios, float64(ours)/float64(base))
				each = append(each, float64(ours.Nanoseconds()))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/10k")
			b.ReportMetric(median(each), "ns/verdict")
		})
	}
}

// filledMirror is a mirror that is fresh for as long as the benchmark takes.
func filledMirror(b *testing.B, entries int) *Mirror {
	b.Helper()
	m := &Mirror{Redis: &Redis{pending: newPending(1)}, opts: MirrorOptions{MaxStaleness: time.Hour, Now: time.Now}}
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	table.expect(entries)
	for i := range uint64(entries) {
		s := ScopeToken + Scope(i%2)
		if err := table.put(scatteredKey(s, i), mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	m.view.Store(newMirrorView(table, time.Now(), nil))
	return m
}
