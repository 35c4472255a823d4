package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// minTop is the longest latency that can be told from longer ones, unless
// operations may last longer.
const minTop = time.Minute

// maxQueued is how many tallies of one worker may wait to be collected.
const maxQueued = 4

// maxClasses is how many classes of errors are counted apart.
const maxClasses = 64

// tally is what is recorded of one part of a turn, by one worker or by all.
type tally struct {
	part       int
	operations int64
	errors     map[string]int64
	latency    *hdrhistogram.Histogram
	top        int64 // of the histogram

	// Of an open loop.
	overdue  int64         // operations that were due before a worker was free
	waited   int64         // operations that a worker was waiting for
	lateness time.Duration // of those that were waited for, together
	last     time.Duration // when the last one began

	next *tally // handed over before
}

func newTally(top time.Duration) *tally {
	return &tally{
		errors:  make(map[string]int64),
		latency: hdrhistogram.New(1, int64(top), 3),
		top:     int64(top),
	}
}

// succeeded records an operation. What lasted longer than the histogram can say
// is recorded at its top.
func (t *tally) succeeded(latency time.Duration) {
	t.operations++
	_ = t.latency.RecordValue(min(max(int64(latency), 0), t.top)) // within its range
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

// ended is how many operations were carried out, well or not.
func (t *tally) ended() int64 { return t.operations + sum(t.errors) }

// add adds what another tally of the same top says.
func (t *tally) add(other *tally) {
	t.operations += other.operations
	for class, n := range other.errors {
		t.count(class, n)
	}
	t.latency.Merge(other.latency)
	t.overdue += other.overdue
	t.waited += other.waited
	t.lateness += other.lateness
	t.last = max(t.last, other.last)
}

func (t *tally) reset() {
	clear(t.errors)
	t.latency.Reset()
	*t = tally{errors: t.errors, latency: t.latency, top: t.top}
}

func sum(counts map[string]int64) int64 {
	var all int64
	for _, n := range counts {
		all += n
	}
	return all
}

// recorder keeps what one worker does. The worker writes to a tally of its own
// without asking anybody, and hands it over when it enters the next part of a
// turn, so that nobody else ever waits for it, nor it for anybody.
type recorder struct {
	top   time.Duration
	tally *tally // of the part that the worker is in

	part  atomic.Int64          // that the worker is in: it adds nothing to those before
	full  atomic.Pointer[tally] // handed over, the newest first
	spare atomic.Pointer[tally] // an empty one

	queued atomic.Int64 // tallies that are handed over and not collected
}

// behind reports that too much waits to be collected.
func (r *recorder) behind() bool { return r.queued.Load() >= maxQueued }

// enter begins a part. It allocates where no tally has come back yet: in the
// second part of a turn, and later only if nobody collects them.
func (r *recorder) enter(part int) {
	next := r.spare.Swap(nil)
	if next == nil {
		next = newTally(r.top)
	}
	next.part = part
	r.queued.Add(1)
	for {
		r.tally.next = r.full.Load()
		if r.full.CompareAndSwap(r.tally.next, r.tally) {
			break
		}
	}
	r.tally = next
	r.part.Store(int64(part))
}

// collect adds what was handed over to the tallies of the parts, and gives the
// worker an empty one back.
func (r *recorder) collect(parts func(part int) *tally) {
	for full := r.full.Swap(nil); full != nil; {
		next := full.next
		parts(full.part).add(full)
		r.queued.Add(-1)
		full.reset()
		r.spare.Store(full)
		full = next
	}
}

// finish adds all that is left, and is ready for the next turn. The worker has
// ended.
func (r *recorder) finish(parts func(part int) *tally) {
	r.collect(parts)
	parts(r.tally.part).add(r.tally)
	r.tally.reset()
	r.part.Store(0)
}
