package bench

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// minTop is the longest latency that can be told from longer ones, unless there
// can be longer ones.
const minTop = time.Minute

// maxClasses is how many classes of errors are counted apart.
const maxClasses = 64

// fewLatencies is how many of a part a worker keeps one by one, before it needs
// a histogram. That has some 200 KB, and takes a tenth of a millisecond to
// merge: of hundreds of workers and slices of some milliseconds, in which each
// does a handful of operations, gigabytes that nobody comes to merge.
const fewLatencies = 1024

// tally is what is recorded of one part of a turn, by one worker or by all.
type tally struct {
	part       int
	operations int64
	errors     map[string]int64
	few        []int64                 // the first latencies
	latency    *hdrhistogram.Histogram // the others; nil: none yet
	top        int64                   // of the histogram

	// Of an open loop.
	overdue  int64         // operations that were due before a worker was free
	waited   int64         // operations that a worker was waiting for
	lateness time.Duration // of those that were waited for, together
	last     time.Duration // when the last one began

	held time.Duration // back, of a closed loop with a MaxShare

	next *tally // handed over before
}

// newTally is that of a worker.
func newTally(top time.Duration) *tally {
	return &tally{errors: make(map[string]int64), few: make([]int64, 0, fewLatencies), top: int64(top)}
}

// newTotal is that of all workers, which has all latencies in its histogram.
func newTotal(top time.Duration) *tally {
	return &tally{errors: make(map[string]int64), latency: newLatency(int64(top)), top: int64(top)}
}

func newLatency(top int64) *hdrhistogram.Histogram { return hdrhistogram.New(1, top, 3) }

// succeeded records an operation. What lasted longer than the histogram can say
// is recorded at its top. It reports whether it had to make the histogram, which
// takes as long as an operation may: once or twice in the life of a worker.
func (t *tally) succeeded(latency time.Duration) (made bool) {
	t.operations++
	v := min(max(int64(latency), 0), t.top)
	if len(t.few) < cap(t.few) {
		t.few = append(t.few, v)
		return false
	}
	if t.latency == nil {
		t.latency, made = newLatency(t.top), true
	}
	_ = t.latency.RecordValue(v) // within its range
	return made
}

// failed counts an operation that failed.
func (t *tally) failed(err error) { t.count(class(err), 1) }

// count counts failures. Where there are too many classes, what is new is an
// error like any other.
func (t *tally) count(class string, n int64) {
	if _, known := t.errors[class]; !known && (class == "" || len(t.errors) >= maxClasses) {
		class = "error"
	}
	t.errors[class] += n
}

// class is the name under which an error counts.
func class(err error) string {
	var classed Classed
	switch {
	case errors.As(err, &classed):
		return classed.Class()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

// weight is how much memory it takes, in tallies without a histogram.
func (t *tally) weight() int64 {
	if t.latency == nil {
		return 1
	}
	return maxQueued / 4
}

// ended is how many operations were carried out, well or not.
func (t *tally) ended() int64 { return t.operations + sum(t.errors) }

// add adds what a worker's tally of the same top says to a total.
func (t *tally) add(other *tally) {
	t.operations += other.operations
	for class, n := range other.errors {
		t.count(class, n)
	}
	for _, v := range other.few {
		_ = t.latency.RecordValue(v) // within its range
	}
	if other.latency != nil {
		t.latency.Merge(other.latency)
	}
	t.overdue += other.overdue
	t.waited += other.waited
	t.lateness += other.lateness
	t.last = max(t.last, other.last)
	t.held += other.held
}

func (t *tally) reset() {
	clear(t.errors)
	if t.latency != nil && t.latency.TotalCount() > 0 {
		t.latency.Reset()
	}
	*t = tally{errors: t.errors, few: t.few[:0], latency: t.latency, top: t.top}
}

func sum(counts map[string]int64) int64 {
	var all int64
	for _, n := range counts {
		all += n
	}
	return all
}
