package bench

import (
	"sync/atomic"
	"time"
)

// maxQueued is the weight of the tallies of one worker that may wait to be
// collected: half a megabyte, or the first four histograms.
const maxQueued = 64

// recorder keeps what one worker does. The worker writes to a tally of its own
// without asking anybody, and hands it over when it enters the next part of a
// turn, so that nobody else ever waits for it, nor it for anybody.
type recorder struct {
	top   time.Duration
	tally *tally // of the part that the worker is in

	part  atomic.Int64          // that the worker is in: it adds nothing to those before
	full  atomic.Pointer[tally] // handed over, the newest first
	spare atomic.Pointer[tally] // an empty one

	queued atomic.Int64 // weight of the tallies that are handed over and not collected
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
	r.queued.Add(r.tally.weight())
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
		r.queued.Add(-full.weight())
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
