package bench

import (
	"context"
	"sync"
	"time"
)

// timekeeper says when the parts of a turn are over. It does nothing else, in a
// goroutine of its own: one that merged histograms too would be put behind all
// the workers where they use up the processor, and come back many slices later.
type timekeeper struct {
	pace  *pace
	whose Contender
	parts int
	each  time.Duration // part
	fails chan error    // why it could not go on, if that happens

	mu    sync.Mutex // between the timekeeper and Run's goroutine: no worker waits for it
	marks []mark
}

// mark is a boundary: where the first part begins, where each ends, and where
// the last one has ended, with all that was still to be carried out.
type mark struct {
	at     time.Duration // of the turn
	cpu    map[string]time.Duration
	gauges map[string]float64
}

// run keeps the time until the last part is over or ctx ends. When given ends,
// the context of the run, the turn is over: where workers use up the processor,
// Run's goroutine would hear of that many seconds later.
func (k *timekeeper) run(ctx, given context.Context) {
	if err := k.keep(ctx, given); err != nil {
		k.fail(err)
	}
}

// fail ends the turn. Of several reasons the first counts.
func (k *timekeeper) fail(err error) {
	select {
	case k.fails <- err:
	default:
	}
}

// keep crosses one boundary after the other. The parts of an open loop are
// those of its schedule. Those of a closed loop last for a slice at least, each
// from when it really began.
func (k *timekeeper) keep(ctx, given context.Context) error {
	timer := time.NewTimer(min(tick, k.each))
	defer timer.Stop()
	open := k.pace.schedule != nil
	for part, boundary := 1, k.each; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		now := k.pace.now()
		switch {
		case given.Err() != nil:
			k.pace.finish(true)
			return nil
		case now < boundary:
			k.pace.looks.Add(1)
		case part == k.parts:
			k.pace.finish(!open)
			return nil
		default:
			if open {
				now = boundary
			}
			if err := k.cross(ctx, part, now); err != nil {
				return err
			}
			part, boundary = part+1, now+k.each
		}
		timer.Reset(max(min(tick, boundary-k.pace.now()), 0))
	}
}

// cross begins a part.
func (k *timekeeper) cross(ctx context.Context, part int, at time.Duration) error {
	k.pace.part.Store(int64(part))
	k.pace.wake()
	cpu, err := k.whose.readCPU(ctx)
	if err != nil {
		return err
	}
	gauges, err := k.whose.readGauges(ctx)
	if err != nil {
		return err
	}
	k.add(mark{at: at, cpu: cpu, gauges: gauges})
	return nil
}

func (k *timekeeper) add(m mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.marks = append(k.marks, m)
}

// whole is how many parts have both their boundaries.
func (k *timekeeper) whole() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.marks) - 1
}

// bounds are those of a part that is whole.
func (k *timekeeper) bounds(part int) (from, to mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.marks[part], k.marks[part+1]
}
