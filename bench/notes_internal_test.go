package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRateThatCannotBeKept: the result says what was asked for, what there was,
// and whose fault it is; what was due and never began is counted.
func TestRateThatCannotBeKept(t *testing.T) {
	t.Parallel()
	for _, contenders := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			plan := Plan{
				Contenders:  []Contender{{Name: "slow", Scenario: sleeps(10 * time.Millisecond)}, {Name: "slow too", Scenario: sleeps(10 * time.Millisecond)}},
				Concurrency: []int{2}, Rate: 1000, Duration: 10 * time.Second, Slice: time.Second,
			}
			plan.Contenders = plan.Contenders[:contenders]
			slices, r, err := carry(t.Context(), plan)
			require.NoError(t, err)
			due := make(map[string]int64)
			for _, s := range slices {
				due[s.Contender] += s.Operations + s.Unbegun
			}
			assert.EqualValues(t, 10_000, due["slow"], "nothing is lost")
			notes := strings.Join(r.notes(), "\n")
			assert.Contains(t, notes, "slow with 2 workers could not keep the rate: asked for 1000 operations a second, got 200;")
			assert.Contains(t, notes, "never began")
			assert.Contains(t, notes, "all workers were busy")
		})
	}
}

// TestLateGenerator: who is late is told apart. Here the workers wake late, and
// the machine is idle.
func TestLateGenerator(t *testing.T) {
	t.Parallel()
	r := &run{plan: Plan{Rate: 1000, Slice: time.Second}, schedule: newSchedule(Constant, 1000, 0)}
	a := &account{Series: Series{"a", 4}, slices: 1, operations: 800, unbegun: 200, wall: time.Second, waited: 700, overdue: 100}
	assert.Contains(t, r.rateNote(a), "the generator is what was slow")
	a.clientKnown, a.client = true, time.Hour
	assert.Contains(t, r.rateNote(a), "used all of its CPU")
}

// TestWaitForAWorkerIsTold: the rate was kept, but latencies are not the
// target's alone.
func TestWaitForAWorkerIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, r, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: sleeps(9 * time.Millisecond)}},
			Concurrency: []int{1}, Rate: 50, Arrivals: Poisson, Duration: time.Minute,
		})
		require.NoError(t, err)
		notes := r.notes()
		require.Len(t, notes, 1)
		assert.Contains(t, notes[0], "before a worker was free")
	})
}

func TestLateWakingIsTold(t *testing.T) {
	t.Parallel()
	a := &account{waited: 100, lateness: 100 * 30 * time.Microsecond, medians: []time.Duration{100 * time.Microsecond}}
	assert.Contains(t, latenessNote(a), "30µs")
	a.medians[0] = time.Millisecond
	assert.Empty(t, latenessNote(a))
}

// TestErrorsAreTold: by class; and an answer that must never be given first of
// all, while warming up too.
func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n int
		began := time.Now()
		_, r, err := carry(t.Context(), Plan{
			Contenders: []Contender{{Name: "a", Scenario: scripted(func(context.Context) error {
				time.Sleep(3 * time.Millisecond)
				switch n++; {
				case time.Since(began) < 100*time.Millisecond:
					return refusal(WrongAnswer)
				case n%10 == 0:
					return errors.New("some")
				case n%50 == 1:
					return refusal("http_503")
				}
				return nil
			})}},
			Concurrency: []int{1}, Duration: 2 * time.Second, Warmup: time.Second,
		})
		require.NoError(t, err)
		notes := r.notes()
		require.Len(t, notes, 2)
		assert.Contains(t, notes[0], "WRONG ANSWERS: a with 1 worker gave 33 answers")
		assert.Contains(t, notes[1], "error, ")
		assert.Contains(t, notes[1], "http_503")
	})
}

// TestOverheadIsTold: where an operation is so quick that timing it shows.
func TestOverheadIsTold(t *testing.T) {
	t.Parallel()
	for sample, told := range map[int]bool{1: true, 10_000: false} {
		notes, err := Run(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: nothing{}}},
			Concurrency: []int{1}, Duration: 100 * time.Millisecond, Sample: sample,
		}, func(Slice) error { return nil })
		require.NoError(t, err)
		assert.Equal(t, told, strings.Contains(strings.Join(notes, ""), "makes that less than 1 %"), "%v", notes)
	}
	assert.Equal(t, 10, enough(30, 300))
	assert.Equal(t, 100, enough(30, 100))
	assert.Equal(t, 1000, enough(31, 30))
}

func TestMeasureOverhead(t *testing.T) {
	t.Parallel()
	o, err := MeasureOverhead(t.Context())
	require.NoError(t, err)
	t.Log(o)
	assert.Positive(t, o.Operation)
	assert.Positive(t, o.Wake)
	assert.GreaterOrEqual(t, o.WakeP99, o.Wake)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = MeasureOverhead(ctx)
	assert.ErrorIs(t, err, ErrInterrupted)
	_, err = measureWake(ctx, 2, time.Hour)
	assert.ErrorIs(t, err, ErrInterrupted)
}
