package bench

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Series is what is summed up: one contender at one concurrency.
type Series struct {
	Contender   string `json:"contender"`
	Concurrency int    `json:"concurrency"`
}

// Summary is all slices of a series together.
type Summary struct {
	Series
	Slices     int
	Wall       time.Duration
	Operations int64 // that succeeded
	Errors     map[string]int64
	Unbegun    int64
	Rate       float64                  // operations a second
	CPU        map[string]time.Duration // by operation; absent: not known in every slice
	Latency    *hdrhistogram.Histogram  // nanoseconds; never nil
}

// Summarize sums a run up, in the order in which the contenders are described,
// by rising concurrency. Nothing of a Summary is shared with the slices.
func (r *Results) Summarize() []Summary {
	order, turns := r.series()
	all := make([]Summary, len(order))
	for i, s := range order {
		all[i] = summarize(s, turns[s])
	}
	return all
}

// series sorts the slices by series, each in the order of the file.
func (r *Results) series() ([]Series, map[Series][]Slice) {
	place := make(map[string]int, len(r.Header.Scenarios))
	for i, d := range r.Header.Scenarios {
		place[d.Name] = i - len(r.Header.Scenarios) // what nobody described comes last
	}
	turns := make(map[Series][]Slice)
	for _, s := range r.Slices {
		turns[s.series()] = append(turns[s.series()], s)
	}
	order := slices.SortedFunc(maps.Keys(turns), func(a, b Series) int {
		return cmp.Or(
			cmp.Compare(place[a.Contender], place[b.Contender]),
			cmp.Compare(a.Contender, b.Contender),
			cmp.Compare(a.Concurrency, b.Concurrency))
	})
	return order, turns
}

func (s Slice) series() Series { return Series{s.Contender, s.Concurrency} }

func summarize(of Series, turns []Slice) Summary {
	all := total(turns)
	sum := Summary{
		Series:     of,
		Slices:     len(turns),
		Wall:       all.Wall,
		Operations: all.Operations,
		Errors:     all.Errors,
		Unbegun:    all.Unbegun,
		Rate:       rate(all),
		CPU:        make(map[string]time.Duration),
		Latency:    all.Latency,
	}
	for process := range all.CPU {
		if seconds := cpuByOperation(process)(all); !math.IsNaN(seconds) {
			sum.CPU[process] = time.Duration(math.Round(seconds * 1e9))
		}
	}
	return sum
}

// total is all slices as if they were one. Its CPU has the processes that were
// measured in every slice.
func total(turns []Slice) Slice {
	all := Slice{
		Errors:  make(map[string]int64),
		CPU:     make(map[string]time.Duration),
		Latency: mergeLatencies(turns),
	}
	known := make(map[string]int) // in how many slices a process was measured
	for _, t := range turns {
		all.Wall += t.Wall
		all.Operations += t.Operations
		all.Unbegun += t.Unbegun
		for class, n := range t.Errors {
			all.Errors[class] += n
		}
		for process, used := range t.CPU {
			all.CPU[process] += used
			known[process]++
		}
	}
	maps.DeleteFunc(all.CPU, func(process string, _ time.Duration) bool { return known[process] < len(turns) })
	return all
}

// mergeLatencies adds histograms up, whose ranges and precisions may differ. A
// histogram may hold more than it promises to, up to the next power of two.
func mergeLatencies(turns []Slice) *hdrhistogram.Histogram {
	highest, digits := int64(2), int64(1)
	for _, t := range turns {
		if t.Latency != nil {
			highest = max(highest, t.Latency.HighestTrackableValue(), t.Latency.Max())
			digits = max(digits, t.Latency.SignificantFigures())
		}
	}
	sum := hdrhistogram.New(1, highest, int(digits))
	for _, t := range turns {
		if t.Latency != nil {
			sum.Merge(t.Latency) // drops nothing: sum's range holds them all
		}
	}
	return sum
}

// Interval is an estimate with what it may be off by. With too few pairs for a
// 95 % interval, Low and High are NaN.
type Interval struct{ Center, Low, High float64 }
