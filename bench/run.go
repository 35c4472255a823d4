package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/rescindhq/rescind/bench/wait"
)

// progressEvery is how often progress is told.
const progressEvery = 200 * time.Millisecond

// Run carries the plan out and hands each slice to keep as soon as it is
// recorded. It returns what the result should say in words, also beside an
// ErrInterrupted: a rate that could not be kept, errors, a generator that was
// the bottleneck. An error of keep, of a Scenario (its Play and its Gauges, too) or
// of a Meter ends the run.
//
// Only whole slices are kept: the one that is under way when a run ends early
// is dropped, and the other half of its pair stays alone. keep is called from
// Run's own goroutine, between the turns, or while a turn goes on that is
// recorded in several slices: then what keep does, and the merging of the
// workers' histograms, are in the client's CPU time.
//
// Where contenders take turns, each turn begins after a garbage collection, so
// that nobody pays for what the one before has left, nor for all of what it
// leaves itself: in slices that are shorter than it takes to fill the heap,
// garbage looks cheaper than it is in the long run. A turn of a closed loop
// ends when its last operation has: its wall time is the mean of the workers'.
// An open loop still carries out what was due in the turn, for the length of a
// slice after it, at most Limit, and counts the rest as Unbegun.
func Run(ctx context.Context, plan Plan, keep func(Slice) error) ([]string, error) {
	r, err := carryOut(ctx, plan, wait.New, keep)
	if r == nil {
		return nil, err
	}
	return r.notes(), err
}

// run is a run under way.
type run struct {
	plan     Plan
	waiter   func() wait.Waiter // makes one
	keep     func(Slice) error
	began    time.Time
	schedule *schedule         // of an open loop
	keepers  map[string]keeper // by contender; empty without a MaxShare

	accounts []*account // in the order in which they were first measured
	seen     map[Series]*account

	done   time.Duration // of the plan's length, in turns that are over
	told   time.Time     // progress
	failed int64         // operations
}

// carryOut is Run without a word. It returns no run if the plan makes no sense.
func carryOut(ctx context.Context, plan Plan, waiter func() wait.Waiter, keep func(Slice) error) (*run, error) {
	plan, err := plan.Complete()
	if err != nil {
		return nil, err
	}
	if err := plan.checkContenders(); err != nil {
		return nil, err
	}
	r := &run{plan: plan, waiter: waiter, keep: keep, began: time.Now(), seen: make(map[Series]*account)}
	if plan.Rate > 0 {
		r.schedule = newSchedule(plan.Arrivals, plan.Rate, plan.Seed)
	}
	r.keepers = newKeepers(plan)
	for _, concurrency := range plan.Concurrency {
		if err := r.level(ctx, concurrency); err != nil {
			return r, err
		}
	}
	return r, nil
}

// interrupted is why a run ends whose context has.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
}

// level measures all contenders with so many workers.
func (r *run) level(ctx context.Context, concurrency int) error {
	if err := r.scale(ctx, concurrency); err != nil {
		return err
	}
	operations, err := r.operations(concurrency)
	if err != nil {
		return err
	}
	workers := r.workers(concurrency)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	turn := func(contender, parts int, slice, offset time.Duration) *turn {
		clocked, _ := r.plan.Contenders[contender].Scenario.(Clocked)
		for i, w := range workers {
			w.operation, w.clocked = operations[contender][i], clocked
			w.limit = r.plan.limit(r.plan.Contenders[contender])
		}
		return newTurn(r, r.plan.Contenders[contender], workers, parts, slice, offset)
	}
	if r.plan.Warmup > 0 {
		for i := range r.plan.Contenders {
			t := turn(i, 1, r.plan.Warmup, 0)
			t.warmup = true
			if err := t.take(ctx); err != nil {
				return err
			}
		}
	}
	if r.plan.whole() {
		return r.takeWhole(ctx, turn)
	}
	return r.takeTurns(ctx, turn)
}

// takeWhole gives each contender one turn, with all of its slices. Slices of the
// same moment of their turns have one round.
func (r *run) takeWhole(ctx context.Context, turn func(contender, parts int, slice, offset time.Duration) *turn) error {
	for i := range r.plan.Contenders {
		if err := turn(i, r.plan.rounds(), r.plan.Slice, 0).take(ctx); err != nil {
			return err
		}
	}
	return nil
}

// takeTurns lets the contenders take turns, each of which turn makes.
func (r *run) takeTurns(ctx context.Context, turn func(contender, parts int, slice, offset time.Duration) *turn) error {
	for round := range r.plan.rounds() {
		for i := range r.plan.Contenders {
			// All turns of a contender together follow the schedule once.
			t := turn(i, 1, r.plan.Slice, time.Duration(round)*r.plan.Slice)
			t.round = round
			if err := t.take(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// operations asks each scenario for the operation of each worker.
func (r *run) operations(concurrency int) ([][]Operation, error) {
	all := make([][]Operation, len(r.plan.Contenders))
	for i, c := range r.plan.Contenders {
		for worker := range concurrency {
			operation, err := c.Scenario.Operation(worker, concurrency)
			if err != nil {
				return nil, fmt.Errorf("bench: preparing worker %d of %d of %s: %w", worker, concurrency, c.Name, err)
			}
			all[i] = append(all[i], operation)
		}
	}
	return all, nil
}

// workers are those of one level of concurrency, for all contenders.
func (r *run) workers(concurrency int) []*worker {
	top := r.plan.longest()
	workers := make([]*worker, concurrency)
	for i := range workers {
		workers[i] = &worker{
			recorder: recorder{top: top, tally: newTally(top)},
			number:   i,
			sample:   r.plan.Sample,
			random:   rand.NewPCG(r.plan.Seed, uint64(i)), // #nosec G404 -- which operations are timed is no secret
		}
		if r.schedule != nil {
			workers[i].waiter = r.waiter()
		}
	}
	return workers
}

// settle collects the garbage of the turn before.
func (r *run) settle() {
	if len(r.plan.Contenders) > 1 {
		runtime.GC()
	}
}

// slice takes a slice that is recorded.
func (r *run) slice(t *turn, s Slice, all *tally) error {
	a := r.account(Series{Contender: s.Contender, Concurrency: s.Concurrency})
	r.failed += sum(s.Errors)
	a.lately = s
	if t.warmup {
		a.wrongBefore += s.Errors[WrongAnswer]
		return nil
	}
	a.add(s, all)
	if err := r.keep(s); err != nil {
		return fmt.Errorf("bench: keeping a slice: %w", err)
	}
	return nil
}

// account is that of a series.
func (r *run) account(of Series) *account {
	a, ok := r.seen[of]
	if !ok {
		a = &account{Series: of, errors: make(map[string]int64)}
		r.seen[of] = a
		r.accounts = append(r.accounts, a)
	}
	return a
}

// progress tells how far the run is, if it is time to. The turn has lasted for
// so long.
func (r *run) progress(t *turn, lasted time.Duration) {
	if r.plan.Progress == nil || time.Since(r.told) < progressEvery {
		return
	}
	r.told = time.Now()
	of := Series{Contender: t.contender.Name, Concurrency: len(t.workers)}
	done := r.done + min(lasted, t.length())
	p := Progress{
		Contender: of.Contender, Concurrency: of.Concurrency, Warmup: t.warmup,
		Done: done, Left: max(r.plan.length()-done, 0), Errors: r.failed,
	}
	if lately := r.account(of).lately; lately.Wall > 0 {
		p.Rate = float64(lately.Operations) / lately.Wall.Seconds()
		p.P50 = time.Duration(lately.Latency.ValueAtQuantile(50))
		p.P99 = time.Duration(lately.Latency.ValueAtQuantile(99))
	}
	r.plan.Progress(p)
}
