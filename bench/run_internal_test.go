package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// order is what slices are of, in the order in which they were kept.
func order(slices []Slice) string {
	var names []string
	for _, s := range slices {
		names = append(names, fmt.Sprintf("%s%d/%d", s.Contender, s.Round, s.Concurrency))
	}
	return strings.Join(names, " ")
}

// TestTurns: contenders take turns, level after level, and what was warmed up
// is not kept.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		slices, _, err := carry(t.Context(), Plan{
			Contenders: []Contender{
				{Name: "a", Scenario: sleeps(7 * time.Millisecond)},
				{Name: "b", Scenario: sleeps(13 * time.Millisecond)},
			},
			Concurrency: []int{1, 4}, Duration: 2 * time.Second, Slice: time.Second, Warmup: 500 * time.Millisecond,
		})
		require.NoError(t, err)
		assert.Equal(t, "a0/1 b0/1 a1/1 b1/1 a0/4 b0/4 a1/4 b1/4", order(slices))
		// The last operations of a turn that begin within the second end 1 ms
		// after it: 143 of 7 ms, 77 of 13 ms.
		const second = 1001 * time.Millisecond
		assert.Equal(t, 8*second+2*(504+507)*time.Millisecond, time.Since(began))
		each := map[string]time.Duration{"a": 7 * time.Millisecond, "b": 13 * time.Millisecond}
		for i, s := range slices {
			took := each[s.Contender]
			assert.Equal(t, second, s.Wall)
			assert.EqualValues(t, second/took*time.Duration(s.Concurrency), s.Operations)
			assert.Equal(t, s.Operations, s.Latency.TotalCount())
			assert.InEpsilon(t, took, s.Latency.ValueAtQuantile(50), 0.001)
			assert.InEpsilon(t, took, s.Latency.Max(), 0.001)
			assert.Empty(t, s.Errors)
			assert.Contains(t, s.CPU, Client)
			if i > 0 && i != 4 {
				assert.Equal(t, slices[i-1].At+second, s.At)
			}
		}
	})
}

// TestParts: a turn that goes on is recorded by the slice, of a closed loop by
// when operations began, whatever they take.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			slices, _, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "a", Scenario: sleeps(30 * time.Millisecond)}},
				Concurrency: []int{workers}, Duration: 1050 * time.Millisecond, Slice: 100 * time.Millisecond,
			})
			require.NoError(t, err)
			require.Len(t, slices, 10, "whole slices only")
			var operations int64
			var wall time.Duration
			for i, s := range slices {
				assert.Equal(t, i, s.Round)
				assert.Equal(t, wall, s.At, "one after the other, without a gap")
				assert.InDelta(t, 3.3*float64(workers), s.Operations, 0.8*float64(workers))
				operations += s.Operations
				wall += s.Wall
			}
			// The last operation that began within the time is whole too.
			assert.Equal(t, 1020*time.Millisecond, wall)
			assert.EqualValues(t, 34*workers, operations)
		})
	}
}

// TestOpenParts: those of an open loop are by when operations were due, of
// which each is carried out once.
func TestOpenParts(t *testing.T) {
	t.Parallel()
	for _, arrivals := range []Arrivals{Constant, Poisson} {
		synctest.Test(t, func(t *testing.T) {
			const rate = 500
			slices, r, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "a", Scenario: sleeps(30 * time.Millisecond)}},
				Concurrency: []int{50}, Rate: rate, Arrivals: arrivals, Seed: 4,
				Duration: 4 * time.Second, Slice: time.Second, Warmup: time.Second,
			})
			require.NoError(t, err)
			require.Len(t, slices, 4)
			s := newSchedule(arrivals, rate, 4)
			for i, slice := range slices {
				from := time.Duration(i) * time.Second
				assert.Equal(t, s.before(from+time.Second)-s.before(from), slice.Operations, "%s", arrivals)
				assert.Zero(t, slice.Unbegun)
				assert.Equal(t, time.Second, slice.Wall)
				assert.InEpsilon(t, 30*time.Millisecond, slice.Latency.Max(), 0.001, "nobody waited")
			}
			assert.Empty(t, r.notes())
		})
	}
}

// TestPairsSeeTheSameArrivals: in one round all contenders get the same
// arrivals, and in all rounds together the whole schedule.
func TestPairsSeeTheSameArrivals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slices, _, err := carry(t.Context(), Plan{
			Contenders: []Contender{
				{Name: "a", Scenario: sleeps(time.Millisecond)}, {Name: "b", Scenario: sleeps(time.Millisecond)},
			},
			Concurrency: []int{16}, Rate: 300, Arrivals: Poisson, Duration: 5 * time.Second,
			Slice: 500 * time.Millisecond,
		})
		require.NoError(t, err)
		require.Len(t, slices, 20)
		var operations int64
		for i := 0; i < len(slices); i += 2 {
			assert.Equal(t, slices[i].Operations, slices[i+1].Operations)
			operations += slices[i].Operations
		}
		assert.Equal(t, newSchedule(Poisson, 300, 0).before(5*time.Second), operations)
		assert.NotEqual(t, slices[0].Operations, slices[2].Operations, "each round has arrivals of its own")
	})
}

// TestRareArrivals: a turn lasts its time, also if the last arrival is early.
func TestRareArrivals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slices, _, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: sleeps(time.Millisecond)}},
			Concurrency: []int{3}, Rate: 0.1, Duration: 10 * time.Second,
		})
		require.NoError(t, err)
		require.Len(t, slices, 10)
		for i, s := range slices {
			assert.Equal(t, time.Second, s.Wall)
			assert.Equal(t, i == 0, s.Operations == 1)
			assert.NotNil(t, s.Latency)
		}
	})
}

// TestSample: one operation in so many is timed, not always the same of each
// group, and all are counted, those that fail too.
func TestSample(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n int64
		slices, _, err := carry(t.Context(), Plan{
			Contenders: []Contender{{Name: "a", Scenario: scripted(func(context.Context) error {
				n++
				time.Sleep(time.Duration(1+n%10) * time.Microsecond)
				if n%10 == 3 {
					return errors.New("third")
				}
				return nil
			})}},
			Concurrency: []int{1}, Duration: 100 * time.Millisecond, Sample: 10,
		})
		require.NoError(t, err)
		var counted, failed, timed int64
		kinds := make(map[int64]bool)
		for _, s := range slices {
			counted += s.Operations
			failed += sum(s.Errors)
			timed += s.Latency.TotalCount()
			for _, bar := range s.Latency.Distribution() {
				if bar.Count > 0 {
					kinds[bar.From] = true
				}
			}
		}
		assert.Equal(t, n, counted+failed)
		assert.InDelta(t, n/10, failed, 1)
		assert.InDelta(t, float64(n)/10*0.9, timed, float64(n)/50, "nine in ten of the sample succeeded")
		assert.Len(t, kinds, 9, "each of the ten, but for the one that fails")
	})
}

// TestLimit: an operation that never ends is cut off, as a timeout, and those
// after it have a deadline of their own.
func TestLimit(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 10} {
		synctest.Test(t, func(t *testing.T) {
			slices, r, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "a", Scenario: sleeps(time.Hour)}},
				Concurrency: []int{1}, Duration: 10 * time.Second, Slice: 5 * time.Second,
				Limit: time.Second, Rate: rate,
			})
			require.NoError(t, err)
			var timeouts int64
			for _, s := range slices {
				assert.Zero(t, s.Operations)
				assert.Zero(t, s.Latency.TotalCount())
				timeouts += s.Errors["timeout"]
			}
			assert.GreaterOrEqual(t, timeouts, int64(8), "a second and a quarter each")
			assert.LessOrEqual(t, timeouts, int64(11))
			assert.Contains(t, strings.Join(r.notes(), "\n"), "timeout")
		})
	}
}

// TestDeadlineIsNeverEarly: however many operations share a context, all of
// Limit is left to each.
func TestDeadlineIsNeverEarly(t *testing.T) {
	t.Parallel()
	for _, plan := range []Plan{{Rate: 100}, {}, {Sample: 7}} {
		synctest.Test(t, func(t *testing.T) {
			least := time.Hour
			plan.Contenders = []Contender{{Name: "a", Scenario: scripted(func(ctx context.Context) error {
				deadline, ok := ctx.Deadline()
				assert.True(t, ok)
				least = min(least, time.Until(deadline))
				time.Sleep(time.Millisecond)
				return nil
			})}}
			plan.Concurrency, plan.Duration, plan.Limit = []int{1}, 10*time.Second, 200*time.Millisecond
			_, _, err := carry(t.Context(), plan)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, least, 200*time.Millisecond)
		})
	}
}

// TestMetersAreRead: before and after each turn, and between the parts of one.
func TestMetersAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contenders, want int
	}{
		"one":  {1, 2 + 11},      // warm-up; ten parts
		"pair": {2, 2 + 10 + 10}, // warm-up; ten turns
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var reads atomic.Int64
				meter := Meter{Of: Redis, Read: func(context.Context) (time.Duration, error) {
					return time.Duration(reads.Add(1)) * time.Second, nil
				}}
				plan := Plan{Concurrency: []int{2}, Duration: 10 * time.Second, Warmup: time.Second}
				for i := range c.contenders {
					metered := Contender{Name: string(rune('a' + i)), Scenario: sleeps(time.Millisecond)}
					if i == 0 {
						metered.Meters = []Meter{meter}
					}
					plan.Contenders = append(plan.Contenders, metered)
				}
				slices, _, err := carry(t.Context(), plan)
				require.NoError(t, err)
				assert.EqualValues(t, c.want, reads.Load())
				for _, s := range slices {
					if s.Contender == "a" {
						assert.Equal(t, time.Second, s.CPU[Redis], "from one reading to the next")
					} else {
						assert.NotContains(t, s.CPU, Redis)
					}
				}
			})
		})
	}
}

// TestMeterOfANewProcess: the CPU time of a process that began anew is not
// known, rather than negative.
func TestMeterOfANewProcess(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]time.Duration{Server: 1},
		used(map[string]time.Duration{Redis: 5, Server: 6}, map[string]time.Duration{Redis: 4, Server: 7, "new": 8}))
}

// TestProgressOfShortSlices: it is told between them.
func TestProgressOfShortSlices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := 0
		_, _, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: sleeps(time.Millisecond)}, {Name: "b", Scenario: sleeps(time.Millisecond)}},
			Concurrency: []int{1}, Duration: time.Second, Slice: 10 * time.Millisecond,
			Progress: func(Progress) { told++ },
		})
		require.NoError(t, err)
		assert.InDelta(t, 10, told, 1)
	})
}

// TestProgress: some five times a second, and it adds up.
func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []Progress
		_, _, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: sleeps(10 * time.Millisecond)}},
			Concurrency: []int{2}, Duration: 9 * time.Second, Slice: time.Second, Warmup: time.Second,
			Progress: func(p Progress) { told = append(told, p) },
		})
		require.NoError(t, err)
		assert.InDelta(t, 50, len(told), 5)
		for i, p := range told {
			assert.Equal(t, 10*time.Second, p.Done+p.Left)
			assert.Equal(t, p.Done < time.Second, p.Warmup)
			assert.Equal(t, 2, p.Concurrency)
			if i > 0 {
				assert.GreaterOrEqual(t, p.Done, told[i-1].Done)
			}
			if p.Done > 1100*time.Millisecond {
				assert.InDelta(t, 200, p.Rate, 5)
				assert.InEpsilon(t, 10*time.Millisecond, p.P50, 0.01)
			}
		}
	})
}
