package bench

import (
	"context"
	"testing"
	"testing/synctest"
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

// elsewhere is a scenario whose operations end before anybody here hears of it.
type elsewhere struct{ scripted }

func (elsewhere) Took(worker int) time.Duration { return time.Duration(worker+1) * time.Millisecond }

// TestClocked: a latency is what the scenario says, and in an open loop also how
// late its operation began.
func TestClocked(t *testing.T) {
	t.Parallel()
	contenders := []Contender{{Name: "a", Scenario: elsewhere{sleeps(8 * time.Millisecond)}}}
	plan := Plan{Contenders: contenders, Concurrency: []int{2}, Duration: time.Second, Slice: time.Second}
	synctest.Test(t, func(t *testing.T) {
		slices, _, err := carry(t.Context(), plan)
		require.NoError(t, err)
		assert.InDelta(t, 250, slices[0].Operations, 2, "the last ones may begin as the turn ends")
		assert.InEpsilon(t, time.Millisecond, slices[0].Latency.ValueAtQuantile(25), 0.01, "the first worker")
		assert.InEpsilon(t, 2*time.Millisecond, slices[0].Latency.Max(), 0.01, "the second")
	})
	synctest.Test(t, func(t *testing.T) {
		plan := plan
		plan.Concurrency, plan.Rate = []int{1}, 250 // twice as many as one worker can do
		slices, _, err := carry(t.Context(), plan)
		require.NoError(t, err)
		assert.InDelta(t, time.Second, slices[0].Latency.Max(), 2e8, "the last of them was due long before")
	})
}
