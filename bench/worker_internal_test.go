package bench

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/wait"
)

// idle is a worker that is ready to work, of a run of nothing.
func idle(t *testing.T, plan Plan) (*worker, *pace) {
	t.Helper()
	plan.Concurrency, plan.Duration = []int{1}, time.Hour
	plan, err := plan.Complete()
	require.NoError(t, err)
	r := &run{plan: plan, waiter: wait.New}
	p := &pace{began: time.Now(), slice: time.Hour, end: 1 << 62, giveUp: time.Hour}
	if plan.Rate > 0 {
		r.schedule = newSchedule(plan.Arrivals, plan.Rate, plan.Seed)
		p.schedule = r.schedule
	}
	w := r.workers(1)[0]
	w.operation = func(context.Context) error { return nil }
	w.prepare(t.Context())
	t.Cleanup(func() {
		w.cancel()
		w.close()
	})
	return w, p
}

// TestTimedPathDoesNotAllocate: timing and recording an operation, counting
// one, and waiting for an arrival.
func TestTimedPathDoesNotAllocate(t *testing.T) {
	w, p := idle(t, Plan{Sample: 10})
	began := p.now()
	for name, step := range map[string]func(){
		"time":  func() { began = w.time(p, began) },
		"count": func() { w.count(nil) },
		"skip":  func() { w.skip(3) },
		"fail":  func() { w.recorder.tally.count("error", 1) },
		"look":  func() { w.lookUp(t.Context(), p) },
	} {
		assert.Zero(t, testing.AllocsPerRun(1000, step), name)
	}

	w, p = idle(t, Plan{Rate: 5000, Arrivals: Poisson})
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		due := p.schedule.at(p.next.Add(1) - 1)
		if _, ok := w.await(p, due); ok {
			w.time(p, due)
		}
	}), "an arrival")
	assert.Positive(t, w.recorder.tally.waited, "it has waited")
}

// TestHandOverDoesNotAllocate: once two tallies go to and fro.
func TestHandOverDoesNotAllocate(t *testing.T) {
	w, _ := idle(t, Plan{})
	all := newTotal(minTop)
	part := 0
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		part++
		w.recorder.enter(part)
		w.recorder.collect(func(int) *tally { return all })
	}))
}

// TestSkip: of each group of operations exactly one is timed, and every
// position has its turn.
func TestSkip(t *testing.T) {
	t.Parallel()
	w, _ := idle(t, Plan{Sample: 5})
	at := -1
	positions := make(map[int]int)
	untimed, position := w.skip(w.sample - 1)
	for group := range 1000 {
		at += untimed + 1
		assert.Equal(t, group, at/5, "one in each group")
		assert.Equal(t, position, at%5)
		positions[position]++
		untimed, position = w.skip(position)
	}
	assert.Len(t, positions, 5)

	w, _ = idle(t, Plan{})
	untimed, position = w.skip(0)
	assert.Zero(t, untimed+position, "without a sample all are timed")
}

// BenchmarkTimed is what MeasureOverhead measures, without the loop.
func BenchmarkTimed(b *testing.B) {
	p := &pace{began: time.Now()}
	w := &worker{recorder: recorder{tally: newTally(minTop)}, operation: func(context.Context) error { return nil }}
	began := p.now()
	b.ReportAllocs()
	for b.Loop() {
		began = w.time(p, began)
	}
}
