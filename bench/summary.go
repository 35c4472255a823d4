package bench

import (
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
	Operations int64
	Errors     map[string]int64
	Unbegun    int64
	Rate       float64                  // operations a second
	CPU        map[string]time.Duration // by operation; absent: not known in every slice
	Latency    *hdrhistogram.Histogram
}

// Ratio is how a contender compares to the baseline that it took turns with,
// at one concurrency: the median over the pairs, with its 95 % interval.
type Ratio struct {
	Series
	Baseline string
	Pairs    int
	Wall     Interval            // time per operation over the baseline's; below 1 is faster
	CPU      map[string]Interval // CPU time per operation, by process, and "all" of them together
	P50, P99 Interval
}

// Interval is an estimate with what it may be off by. With too few pairs for a
// 95 % interval, Low and High are NaN.
type Interval struct{ Center, Low, High float64 }

// Summarize sums a run up, in the order in which the contenders are described,
// by rising concurrency.
func (r *Results) Summarize() []Summary { return nil }

// Ratios compares each series to the baseline's of the same concurrency, pair
// by pair. Pairs in which one of the two did nothing are left out.
func (r *Results) Ratios() []Ratio { return nil }
