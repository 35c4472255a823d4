package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// turn is one contender's, in one or more parts that last for a slice each. Its
// methods are for Run's goroutine, which collects what the workers record.
type turn struct {
	run       *run
	contender Contender
	workers   []*worker
	warmup    bool
	round     int // of the first part
	parts     int
	each      time.Duration // part

	pace    *pace
	ctx     context.Context // of the operations: what is whole is kept before they are cancelled
	cancel  context.CancelFunc
	ended   chan struct{} // when all workers have, and the timekeeper
	at      time.Duration // of the run, when the turn began
	clock   *timekeeper   // when parts begin and end
	keeper  keeper        // of MaxShare; zero: there is none
	tallies []*tally      // by part; nil: nothing yet, or kept
	kept    int           // parts
}

func newTurn(r *run, c Contender, workers []*worker, parts int, each, offset time.Duration) *turn {
	t := &turn{run: r, contender: c, workers: workers, parts: parts, each: each}
	t.tallies = make([]*tally, parts)
	t.pace = &pace{schedule: r.schedule, offset: offset, slice: each}
	t.keeper = r.keepers[c.Name]
	t.clock = &timekeeper{pace: t.pace, whose: c, parts: parts, each: each, fails: make(chan error, 1)}
	if t.open() {
		t.pace.next.Store(r.schedule.before(offset))
		t.pace.end = r.schedule.before(offset + t.length())
		t.pace.giveUp = t.length() + min(each, r.plan.limit(c))
	}
	return t
}

func (t *turn) open() bool { return t.pace.schedule != nil }

func (t *turn) length() time.Duration { return time.Duration(t.parts) * t.each }

// take carries the turn out. All workers have ended when it returns.
func (t *turn) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	t.run.settle()
	start := t.launch(ctx)
	if err := t.begin(ctx, start); err != nil {
		return t.abandon(err)
	}
	stop := t.play(ctx)
	err := t.watch(ctx)
	stop()
	if err != nil {
		return t.abandon(err)
	}
	if err := t.end(ctx); err != nil {
		return t.abandon(err)
	}
	t.cancel()
	t.run.progress(t, t.length())
	t.run.done += t.length()
	return nil
}

// launch starts the workers and the timekeeper, which wait until start is
// closed.
func (t *turn) launch(ctx context.Context) (start chan struct{}) {
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.ended, start = make(chan struct{}), make(chan struct{})
	var ready, working sync.WaitGroup
	ready.Add(len(t.workers))
	for _, w := range t.workers {
		working.Go(func() {
			w.prepare(t.ctx)
			ready.Done()
			<-start
			w.work(t.ctx, t.pace)
		})
	}
	working.Go(func() {
		<-start
		t.clock.run(t.ctx, ctx)
	})
	release := t.keepShare()
	go func() {
		working.Wait()
		release()
		close(t.ended)
	}()
	ready.Wait()
	return start
}

// begin reads the meters and lets the workers go.
func (t *turn) begin(ctx context.Context, start chan struct{}) error {
	cpu, err := t.readCPU(ctx)
	t.clock.add(mark{cpu: cpu})
	t.at = time.Since(t.run.began)
	t.pace.began = time.Now()
	t.pace.over.Store(err != nil)
	close(start)
	return err
}

// play has happen what a Staged scenario brings along. It has come to its end
// when stop returns, so that no turn is measured beside another's.
func (t *turn) play(ctx context.Context) (stop func()) {
	staged, ok := t.contender.Scenario.(Staged)
	if !ok || t.warmup {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	playing.Go(func() {
		if err := staged.Play(ctx, time.Since(t.run.began)); err != nil && ctx.Err() == nil {
			t.clock.fail(fmt.Errorf("bench: beside %s: %w", t.contender.Name, err))
		}
	})
	return func() { cancel(); playing.Wait() }
}

// readCPU reads the meters while no operation is under way.
func (t *turn) readCPU(ctx context.Context) (map[string]time.Duration, error) {
	cpu, err := t.contender.readCPU(ctx)
	if ctx.Err() != nil {
		return nil, interrupted(ctx) // whatever the meters made of it
	}
	return cpu, err
}

// readGauges reads the figures of the last slice of a turn that is measured.
func (t *turn) readGauges(ctx context.Context) (map[string]float64, error) {
	if t.warmup {
		return nil, nil
	}
	gauges, err := t.contender.readGauges(ctx)
	if ctx.Err() != nil {
		return nil, interrupted(ctx)
	}
	return gauges, err
}

// watch keeps what is whole until all have ended.
func (t *turn) watch(ctx context.Context) error {
	ticker := time.NewTicker(2 * tick)
	defer ticker.Stop()
	// What is whole is, before anything is cancelled.
	collectLast := func() error { return cmp.Or(t.collect(), interrupted(ctx)) }
	for {
		select {
		case <-ctx.Done():
			return collectLast()
		case err := <-t.clock.fails:
			if errors.Is(err, ErrShare) { // it was measured well, as far as it went
				err = cmp.Or(t.collect(), err)
			}
			return err
		case <-t.ended:
			if ctx.Err() != nil {
				return collectLast()
			}
			return nil
		case <-ticker.C:
			if err := t.collect(); err != nil {
				return err
			}
			t.run.progress(t, t.pace.now())
		}
	}
}

// collect takes what the workers have handed over and keeps the parts that all
// of them have left.
func (t *turn) collect() error {
	left := t.clock.whole()
	for _, w := range t.workers {
		// In this order: what belongs to earlier parts is handed over.
		left = min(left, int(w.recorder.part.Load()))
		w.recorder.collect(t.tally)
	}
	return t.keepParts(left)
}

// tally is that of all workers for a part.
func (t *turn) tally(part int) *tally {
	if t.tallies[part] == nil {
		t.tallies[part] = newTotal(t.workers[0].recorder.top)
	}
	return t.tallies[part]
}

// end reads the meters a last time and keeps the rest.
func (t *turn) end(ctx context.Context) error {
	select {
	case err := <-t.clock.fails:
		return err
	default:
	}
	cpu, err := t.readCPU(ctx)
	if err != nil {
		return err
	}
	gauges, err := t.readGauges(ctx)
	if err != nil {
		return err
	}
	for _, w := range t.workers {
		w.recorder.finish(t.tally)
	}
	t.clock.add(mark{at: t.lasted(), cpu: cpu, gauges: gauges})
	return t.keepParts(t.parts)
}

// lasted is how long the turn took: in a closed loop the mean of its workers,
// of which one that is still busy does not make the others slower; in an open
// loop until the last operation began, if that was late.
func (t *turn) lasted() time.Duration {
	if t.open() {
		last := t.length()
		for _, all := range t.tallies {
			if all != nil {
				last = max(last, all.last)
			}
		}
		return last
	}
	var together time.Duration
	for _, w := range t.workers {
		together += w.ended
	}
	return together / time.Duration(len(t.workers))
}

// keepParts keeps all parts before one.
func (t *turn) keepParts(before int) error {
	for ; t.kept < before; t.kept++ {
		part := t.kept
		all := t.tally(part)
		t.tallies[part] = nil
		if err := t.run.slice(t, t.sum(part, all), all); err != nil {
			return err
		}
	}
	return nil
}

// sum is a part as the result has it.
func (t *turn) sum(part int, all *tally) Slice {
	from, to := t.clock.bounds(part)
	s := Slice{
		Contender:   t.contender.Name,
		Concurrency: len(t.workers),
		Round:       t.round + part,
		At:          t.at + from.at,
		Wall:        to.at - from.at,
		Operations:  all.operations,
		Errors:      all.errors,
		CPU:         used(from.cpu, to.cpu),
		Gauges:      to.gauges,
		Latency:     all.latency,
	}
	if t.open() {
		begins := t.pace.offset + time.Duration(part)*t.each
		s.Unbegun = t.run.schedule.before(begins+t.each) - t.run.schedule.before(begins) - all.ended()
	}
	return s
}

// abandon ends the workers before their time and returns why. What they have
// recorded since is dropped.
func (t *turn) abandon(err error) error {
	t.pace.finish(true)
	t.cancel()
	for _, w := range t.workers {
		if w.waiter != nil {
			w.waiter.Interrupt()
		}
	}
	<-t.ended
	return err
}
