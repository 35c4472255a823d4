package denylist

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scatteredKey is the key of an entry as digests are: without any order.
func scatteredKey(s Scope, n uint64) mirrorKey {
	k := numberedKey(s, n*0x9e3779b97f4a7c15)
	copy(k.digest[:8], k.digest[8:])
	return k
}

// filled is a table of n revoked tokens. Their keys are even numbers.
func filled(b *testing.B, n int) *mirrorTable {
	table := newMirrorTable(0, func() time.Time { return mirrorNow })
	table.expect(n)
	for i := range uint64(n) {
		r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour + time.Duration(i)*time.Millisecond)}
		if err := table.put(scatteredKey(ScopeToken, 2*i), r); err != nil {
			b.Fatal(err)
		}
	}
	return table
}

// BenchmarkMirrorTable_Look compares looks in a table of ten million entries
// with looks in one of ten thousand, for few and for many hot keys that take
// turns. "x/10k" is the median of the ratios of as many turns.
func BenchmarkMirrorTable_Look(b *testing.B) {
	small, large := filled(b, 10_000), filled(b, 10_000_000)
	for _, hot := range []int{512, 100_000} {
		for _, what := range []string{"miss", "hit"} {
			b.Run(fmt.Sprintf("hot=%d/%s", hot, what), func(b *testing.B) {
				inSmall, inLarge := hotKeys(hot, 10_000, what), hotKeys(hot, 10_000_000, what)
				var ratios []float64
				var took time.Duration
				b.ReportAllocs()
				for b.Loop() { // one pair of turns
					base := lookTurn(b, small, inSmall, what == "hit")
					ours := lookTurn(b, large, inLarge, what == "hit")
					took += ours
					ratios = append(ratios, float64(ours)/float64(base))
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "x/10k")
				b.ReportMetric(float64(took.Nanoseconds())/float64(len(ratios)*lookTurns), "ns/look")
			})
		}
	}
}

// lookTurns is how many looks are a turn.
const lookTurns = 400_000

func hotKeys(hot, entries int, what string) []mirrorKey {
	keys := make([]mirrorKey, hot)
	for i := range keys {
		n := 2 * (uint64(i) * 7919 % uint64(entries))
		if what == "miss" {
			n = uint64(2*i + 1)
		}
		keys[i] = scatteredKey(ScopeToken, n)
	}
	return keys
}

func lookTurn(b *testing.B, table *mirrorTable, keys []mirrorKey, want bool) time.Duration {
	start, wrong := time.Now(), 0
	for done := 0; done < lookTurns; done += len(keys) {
		for _, k := range keys[:min(len(keys), lookTurns-done)] {
			if table.look(k).found() != want {
				wrong++
			}
		}
	}
	if wrong > 0 {
		b.Fatalf("%d looks went wrong", wrong)
	}
	return time.Since(start)
}

// BenchmarkMirrorTable_Bytes fills a table and reports what an entry costs by
// the table's own account and by the heap's, at the end and as the worst and
// the mean of the way there, of sizes apart by a hundredth from half of it on;
// and how long searches are.
func BenchmarkMirrorTable_Bytes(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			for b.Loop() {
				before := heapInUse()
				table := newMirrorTable(0, func() time.Time { return mirrorNow })
				worst, sum, samples, next := 0.0, 0.0, 0.0, float64(n)/2
				for i := range uint64(n) {
					r := mirrorRecord{revoked: true, expiresAt: mirrorNow.Add(time.Hour)}
					require.NoError(b, table.put(scatteredKey(ScopeToken, i), r))
					if float64(i) >= next {
						each := float64(table.bytes()) / float64(i+1)
						worst, sum, samples, next = max(worst, each), sum+each, samples+1, next*1.01
					}
				}
				longest, mean := longestProbe(table)
				b.ReportMetric(float64(table.bytes())/float64(n), "B/entry")
				b.ReportMetric((heapInUse()-before)/float64(n), "heap-B/entry")
				b.ReportMetric(worst, "worst-B/entry")
				b.ReportMetric(sum/samples, "mean-B/entry")
				b.ReportMetric(mean, "slots/miss")
				b.ReportMetric(float64(longest), "longest")
				runtime.KeepAlive(table)
			}
		})
	}
}

func heapInUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkMirrorTable_GC compares a garbage collection beside ten million
// entries with those beside none, before and after, and beside a map of
// pointers to a million.
func BenchmarkMirrorTable_GC(b *testing.B) {
	for b.Loop() {
		none := gcTime()
		table := filled(b, 10_000_000)
		ours := gcTime()
		runtime.KeepAlive(table)
		table = nil
		none = (none + gcTime()) / 2
		rows := make(map[mirrorKey]*mirrorRecord)
		for i := range uint64(1_000_000) {
			rows[scatteredKey(ScopeToken, i)] = &mirrorRecord{revoked: true, expiresAt: mirrorNow}
		}
		pointers := gcTime()
		runtime.KeepAlive(rows)
		b.ReportMetric(ours/none, "x/none")
		b.ReportMetric(pointers/none, "map-of-1M-x/none")
		b.ReportMetric(ours*1e3, "ms")
	}
}

// gcTime is the median of some collections, in seconds.
func gcTime() float64 {
	runtime.GC() // what is left of the last turn
	var took []float64
	for range 7 {
		start := time.Now()
		runtime.GC()
		took = append(took, time.Since(start).Seconds())
	}
	return median(took)
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// BenchmarkMirrorTable_Put fills a table with a million entries, and then a
// plain map: "x/map" is the median of the ratios.
func BenchmarkMirrorTable_Put(b *testing.B) {
	const n = 1_000_000
	var ratios []float64
	for b.Loop() {
		start := time.Now()
		rows := map[mirrorKey]mirrorRecord{}
		for i := range uint64(n) {
			rows[scatteredKey(ScopeToken, i)] = mirrorRecord{revoked: true, expiresAt: mirrorNow}
		}
		base := time.Since(start)
		start = time.Now()
		filled(b, n)
		ratios = append(ratios, float64(time.Since(start))/float64(base))
	}
	b.ReportMetric(median(ratios), "x/map")
}
