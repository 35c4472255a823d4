package bench

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/wait"
)

// TestMeterFails: that ends the run, whenever it happens, and what is whole is
// kept.
func TestMeterFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for fails, want := range map[int64]int{1: 0, 2: 0, 3: 0, 4: 0, 6: 2, 13: 9} {
		synctest.Test(t, func(t *testing.T) {
			var reads int64
			slices, _, err := carry(t.Context(), Plan{
				Contenders: []Contender{{
					Name: "a", Scenario: sleeps(10 * time.Millisecond),
					Meters: []Meter{{Of: Redis, Read: func(context.Context) (time.Duration, error) {
						if reads++; reads == fails {
							return 0, broken
						}
						return time.Duration(reads), nil
					}}},
				}},
				Concurrency: []int{1}, Duration: 10 * time.Second, Warmup: time.Second,
			})
			require.ErrorIs(t, err, broken)
			assert.NotErrorIs(t, err, ErrInterrupted)
			assert.ErrorContains(t, err, "redis for a")
			assert.Len(t, slices, want, "the meter fails at reading %d", fails)
		})
	}
}

// failing is a scenario that cannot be prepared.
type failing struct{ err error }

func (f failing) Operation(worker, _ int) (Operation, error) {
	if worker == 2 {
		return nil, f.err
	}
	return Operation(sleeps(1)), nil
}

func TestScenarioFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := Run(t.Context(), Plan{
		Contenders:  []Contender{{Name: "a", Scenario: failing{broken}}},
		Concurrency: []int{3}, Duration: time.Second,
	}, nil)
	assert.ErrorIs(t, err, broken)
}

// TestKeepFails: a slice that cannot be kept ends the run at once.
func TestKeepFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, contenders := range []int{1, 2} {
		for _, rate := range []float64{0, 1} {
			synctest.Test(t, func(t *testing.T) {
				plan := Plan{Concurrency: []int{4}, Duration: time.Minute, Rate: rate}
				for i := range contenders {
					plan.Contenders = append(plan.Contenders, Contender{Name: string(rune('a' + i)), Scenario: sleeps(time.Millisecond)})
				}
				began, calls := time.Now(), 0
				_, err := carryOut(t.Context(), plan, wait.NewTimer, func(Slice) error {
					calls++
					return full
				})
				assert.ErrorIs(t, err, full)
				assert.Equal(t, 1, calls)
				// An open loop's part is known to be over when the next arrival is taken.
				assert.Less(t, time.Since(began), 6*time.Second)
			})
		}
	}
}

// TestInterrupted: a run that ends early keeps the slices that are whole, and
// leaves no goroutine behind, which synctest sees to.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	for after, want := range map[time.Duration][2]string{
		0:                       {"", ""},
		500 * time.Millisecond:  {"", ""}, // warming up
		1500 * time.Millisecond: {"", ""}, // warming the second up
		2500 * time.Millisecond: {"a0/3", ""},
		3500 * time.Millisecond: {"a0/3 a1/3", "a0/3"},
		4500 * time.Millisecond: {"a0/3 a1/3 a2/3", "a0/3 b0/3"},
		6500 * time.Millisecond: {"a0/3 a1/3 a2/3 a3/3 a4/3", "a0/3 b0/3 a1/3 b1/3"},
	} {
		for _, rate := range []float64{0, 25} {
			for contenders, want := range want {
				synctest.Test(t, func(t *testing.T) {
					plan := Plan{
						Contenders:  []Contender{{Name: "a", Scenario: sleeps(7 * time.Millisecond)}, {Name: "b", Scenario: sleeps(7 * time.Millisecond)}},
						Concurrency: []int{3}, Duration: 20 * time.Second, Warmup: time.Second, Slice: time.Second, Rate: rate,
					}
					plan.Contenders = plan.Contenders[:contenders+1]
					ctx, cancel := context.WithTimeoutCause(t.Context(), after, cause)
					defer cancel()
					slices, _, err := carry(ctx, plan)
					require.ErrorIs(t, err, ErrInterrupted)
					assert.ErrorIs(t, err, cause)
					assert.Equal(t, want, order(slices), "%d contenders at %v/s after %v", contenders+1, rate, after)
					for _, s := range slices {
						assert.Empty(t, s.Errors, "what the interruption cut off is no error")
					}
				})
			}
		}
	}
}

// TestInterruptedWhileItHangs: operations that would not end are cut off.
func TestInterruptedWhileItHangs(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 1000} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
			defer cancel()
			began := time.Now()
			slices, _, err := carry(ctx, Plan{
				Contenders:  []Contender{{Name: "a", Scenario: sleeps(time.Hour)}},
				Concurrency: []int{5}, Duration: time.Minute, Rate: rate, Limit: 10 * time.Minute,
			})
			assert.ErrorIs(t, err, ErrInterrupted)
			assert.Equal(t, 2500*time.Millisecond, time.Since(began))
			assert.Empty(t, slices, "no part is whole whose operations hang")
		})
	}
}

// TestInterruptedWhileItWaits: here by the kernel's timers.
func TestInterruptedWhileItWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	notes, err := Run(ctx, Plan{
		Contenders:  []Contender{{Name: "a", Scenario: nothing{}}},
		Concurrency: []int{5}, Duration: time.Hour, Rate: 0.01,
	}, func(Slice) error { return nil })
	assert.ErrorIs(t, err, ErrInterrupted)
	assert.Empty(t, notes)
	assert.Less(t, time.Since(began), time.Minute)
}
