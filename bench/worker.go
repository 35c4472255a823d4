package bench

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/bench/wait"
)

// tick is how often workers of a closed loop are told to look up. That is when
// they see that a part of the turn or the turn is over, and whether their
// context is to be renewed.
const tick = 25 * time.Millisecond

// pace is what the workers of one turn share.
type pace struct {
	began time.Time // of the turn; all instants count from here

	looks atomic.Int64 // changes when workers have to look up
	part  atomic.Int64 // of a closed loop
	over  atomic.Bool

	// Of an open loop.
	schedule *schedule     // nil: a closed loop
	offset   time.Duration // where in the schedule the turn begins
	slice    time.Duration // a part
	end      int64         // the first arrival that is not of this turn
	giveUp   time.Duration // no operation begins later

	keeper *quota.Keeper        // of a closed loop with a MaxShare; nil: workers are not held back
	hold   atomic.Pointer[hold] // what those who are held back wait for, too

	_    [64]byte     // the line of the processor's cache that all write to is not the one that all read
	next atomic.Int64 // the arrival that the next free worker takes
}

// now is an instant of the turn. It reads the monotonic clock only.
func (p *pace) now() time.Duration { return time.Since(p.began) }

// worker does one operation after the other, in a goroutine of its own during
// each turn.
type worker struct {
	recorder  recorder
	waiter    wait.Waiter // of an open loop
	operation Operation
	number    int
	clocked   Clocked // nil: the worker's own clock tells how long its operations take
	sample    int
	random    *rand.PCG
	limit     time.Duration

	looked int64         // the last look up
	ended  time.Duration // when it was done with the turn

	ctx    context.Context // of its operations, until renewal
	cancel context.CancelFunc
	renew  time.Duration // when in the turn
}

// work is one turn.
func (w *worker) work(ctx context.Context, p *pace) {
	if p.schedule == nil {
		w.closed(ctx, p)
	} else {
		w.open(ctx, p)
	}
	w.ended = p.now()
	w.cancel()
}

// prepare makes the context of the first operations.
func (w *worker) prepare(ctx context.Context) {
	w.looked = 0
	w.renewContext(ctx, 0)
}

// renewContext makes a context that lasts for Limit and some more, and is to be
// renewed while all of Limit is left. It costs as much as several clock
// readings, now and then instead of with each operation.
func (w *worker) renewContext(ctx context.Context, now time.Duration) {
	if w.cancel != nil {
		w.cancel()
	}
	spare := max(w.limit/4, 4*tick)
	w.ctx, w.cancel = context.WithTimeout(ctx, w.limit+spare)
	w.renew = now + spare - 2*tick
}

// closed begins an operation when the last one has ended. The end of one is the
// beginning of the next, so that the clock is read once an operation.
func (w *worker) closed(ctx context.Context, p *pace) {
	untimed, position := w.skip(w.sample - 1)
	for began := p.now(); ; {
		let := p.keeper == nil || w.held(p)
		if looks := p.looks.Load(); looks != w.looked {
			w.looked = looks
			if !w.lookUp(ctx, p) {
				return
			}
			began = p.now()
		}
		if !let {
			continue
		}
		if untimed > 0 {
			untimed--
			w.count(w.operation(w.ctx))
			p.keeper.Release()
			continue
		}
		if w.sample > 1 {
			untimed, position = w.skip(position)
		}
		if w.sample > 1 || p.keeper != nil {
			began = p.now()
		}
		began = w.time(p, began)
		p.keeper.Release()
	}
}

// time does an operation and records how long it took since it began, or was
// due. It returns when it ended.
func (w *worker) time(p *pace, began time.Duration) time.Duration {
	start := began
	if w.clocked != nil {
		start = p.now() // in an open loop it was due before
	}
	err := w.operation(w.ctx)
	ended := p.now()
	if err != nil {
		w.recorder.tally.failed(err)
		return ended
	}
	took := ended - began
	if w.clocked != nil {
		took = start - began + w.clocked.Took(w.number)
	}
	if w.recorder.tally.succeeded(took) {
		return p.now() // the next operation has nothing to do with it
	}
	return ended
}

// count counts an operation that is not timed.
func (w *worker) count(err error) {
	if err != nil {
		w.recorder.tally.failed(err)
		return
	}
	w.recorder.tally.operations++
}

// skip says how many operations are not timed between the one at a position of
// its group and the one of the next group, and at which position that is. Of
// each group of Sample one is, at a position that chance decides: what is
// peculiar to every tenth operation is neither missed nor all that is seen.
func (w *worker) skip(position int) (untimed, next int) {
	if w.sample == 1 {
		return 0, 0
	}
	next = int(w.random.Uint64() % uint64(w.sample))
	return w.sample - 1 - position + next, next
}

// lookUp does what does not have to be done at each operation of a closed loop,
// and reports whether to go on.
func (w *worker) lookUp(ctx context.Context, p *pace) bool {
	if p.over.Load() {
		return false
	}
	if part := int(p.part.Load()); part != w.recorder.tally.part {
		w.enter(p, part)
	}
	if now := p.now(); now >= w.renew {
		w.renewContext(ctx, now)
	}
	return true
}

// enter begins a part. Where Run's goroutine does not get to collecting, on a
// machine with far too much to do, the worker leaves it the processor: what
// piles up would soon be gigabytes.
func (w *worker) enter(p *pace, part int) {
	for w.recorder.behind() && !p.over.Load() {
		time.Sleep(time.Millisecond)
	}
	w.recorder.enter(part)
}

// open takes one arrival after the other from all that are due. A worker that
// is held up takes none meanwhile: the others do. Its latency counts from when
// the operation was due.
func (w *worker) open(ctx context.Context, p *pace) {
	for !p.over.Load() {
		n := p.next.Add(1) - 1
		if n >= p.end {
			return
		}
		due := p.schedule.at(n) - p.offset
		if part := int(due / p.slice); part != w.recorder.tally.part {
			w.enter(p, part)
		}
		began, ok := w.await(p, due)
		if !ok {
			return
		}
		if began >= w.renew {
			w.renewContext(ctx, began)
		}
		w.time(p, due)
	}
}

// await returns when an operation begins that is due. It reports false if the
// turn ends before.
func (w *worker) await(p *pace, due time.Duration) (time.Duration, bool) {
	now := p.now()
	tally := w.recorder.tally
	if now < due {
		if !w.waiter.Wait(due - now) {
			return 0, false
		}
		now = p.now()
		tally.waited++
		tally.lateness += now - due
	} else {
		if now > p.giveUp {
			return 0, false
		}
		tally.overdue++
	}
	tally.last = max(tally.last, now)
	return now, true
}

func (w *worker) close() {
	if w.waiter != nil {
		w.waiter.Close()
	}
}
