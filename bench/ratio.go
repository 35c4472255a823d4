package bench

import (
	"cmp"
	"math"

	"golang.org/x/perf/benchmath"
)

// AllProcesses is the name under which Ratio.CPU has the CPU time of all
// processes together.
const AllProcesses = "all"

// confidence is that of every interval.
const confidence = 0.95

// Ratio is how a contender compares to the baseline that it took turns with,
// at one concurrency: the median over the pairs, with its 95 % interval, for
// which six pairs are needed. What could not be compared in any pair is NaN, or
// missing in CPU.
type Ratio struct {
	Series
	Baseline string
	Pairs    int
	// Wall is the time per operation over the baseline's; below 1 is faster. In
	// an open loop, where both do what is due, it says nothing and is NaN.
	Wall Interval
	// CPU is the CPU time per operation over the baseline's, by process, and
	// under AllProcesses of them together, where both were measured in the same
	// processes.
	CPU      map[string]Interval
	P50, P99 Interval // latency
}

// Ratios compares each series to the baseline's of the same concurrency, pair
// by pair. Pairs in which one of the two did nothing are left out, and so is a
// series without any other. Without a baseline there are none.
func (r *Results) Ratios() []Ratio {
	order, turns := r.series()
	var all []Ratio
	for _, s := range order {
		base := turns[Series{r.Header.baseline(s.Contender), s.Concurrency}]
		pairs := pairUp(turns[s], base)
		if len(pairs) == 0 {
			continue
		}
		all = append(all, r.ratio(s, pairs))
	}
	return all
}

// baseline is what a contender is compared with; empty: nothing, as it is one
// itself, or there is none.
func (h Header) baseline(contender string) string {
	own := ""
	for _, d := range h.Scenarios {
		switch contender {
		case d.Baseline:
			return ""
		case d.Name:
			own = d.Baseline
		}
	}
	if contender == h.Baseline {
		return ""
	}
	return cmp.Or(own, h.Baseline)
}

// pair is two turns of the same round.
type pair struct{ turn, base Slice }

func pairUp(turns, base []Slice) []pair {
	byRound := make(map[int]Slice, len(base))
	for _, b := range base {
		byRound[b.Round] = b
	}
	var pairs []pair
	for _, t := range turns {
		b, ok := byRound[t.Round]
		if ok && t.Operations > 0 && b.Operations > 0 {
			pairs = append(pairs, pair{t, b})
		}
	}
	return pairs
}

func (r *Results) ratio(of Series, pairs []pair) Ratio {
	ratio := Ratio{
		Series:   of,
		Baseline: r.Header.baseline(of.Contender),
		Pairs:    len(pairs),
		Wall:     median(pairs, wallByOperation),
		CPU:      make(map[string]Interval),
		P50:      median(pairs, percentile(50)),
		P99:      median(pairs, percentile(99)),
	}
	if r.Header.Open {
		ratio.Wall = unknown()
	}
	for _, process := range []string{Client, Redis, Server} {
		if in := median(pairs, cpuByOperation(process)); !math.IsNaN(in.Center) {
			ratio.CPU[process] = in
		}
	}
	if in := median(alike(pairs), allCPUByOperation); !math.IsNaN(in.Center) {
		ratio.CPU[AllProcesses] = in
	}
	return ratio
}

// alike are the pairs of which both turns were measured in the same
// processes: a sum that lacks Redis must not look cheap.
func alike(pairs []pair) []pair {
	var same []pair
	for _, p := range pairs {
		if sameKeys(p.turn.CPU, p.base.CPU) {
			same = append(same, p)
		}
	}
	return same
}

func sameKeys[V any](a, b map[string]V) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

// median is that of the ratios of a figure, leaving out the pairs of which one
// has none.
func median(pairs []pair, figure figure) Interval {
	var ratios []float64
	for _, p := range pairs {
		if ratio := figure(p.turn) / figure(p.base); !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			ratios = append(ratios, ratio)
		}
	}
	if len(ratios) == 0 {
		return unknown()
	}
	sample := benchmath.NewSample(ratios, &benchmath.DefaultThresholds)
	sum := benchmath.AssumeNothing.Summary(sample, confidence)
	if math.IsInf(sum.Lo, 0) || math.IsInf(sum.Hi, 0) {
		return Interval{sum.Center, math.NaN(), math.NaN()}
	}
	return Interval{sum.Center, sum.Lo, sum.Hi}
}

func unknown() Interval { return Interval{math.NaN(), math.NaN(), math.NaN()} }
