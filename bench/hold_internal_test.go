package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/quota"
)

// costly is a Redis each of whose commands costs as much as it takes.
type costly struct {
	each time.Duration
	used atomic.Int64
}

func (c *costly) do(context.Context) error {
	time.Sleep(c.each)
	c.used.Add(int64(c.each))
	return nil
}

func (c *costly) meter() []Meter {
	return []Meter{{Of: Redis, Read: func(context.Context) (time.Duration, error) { return time.Duration(c.used.Load()), nil }}}
}

// TestMaxShareOfAClosedLoop: workers wait between operations, so that no latency
// is longer for it, contenders that take turns keep to one share, and a note
// says so.
func TestMaxShareOfAClosedLoop(t *testing.T) {
	t.Parallel()
	for _, sample := range []int{1, 10} {
		synctest.Test(t, func(t *testing.T) {
			redis := &costly{each: 100 * time.Microsecond}
			plan := Plan{
				Contenders: []Contender{
					{Name: "a", Scenario: scripted(redis.do), Meters: redis.meter()},
					{Name: "b", Scenario: scripted(redis.do), Meters: redis.meter()},
				},
				Concurrency: []int{1, 16}, Duration: 5 * time.Second, Slice: 500 * time.Millisecond, MaxShare: 0.25, Sample: sample,
			}
			slices, r, err := carry(t.Context(), plan)
			require.NoError(t, err)
			require.Len(t, slices, 40)
			for i, s := range slices {
				assert.LessOrEqual(t, s.Latency.Max(), int64(100*time.Microsecond)+200, "no latency has the wait")
				if i > 0 && slices[i-1].Concurrency == s.Concurrency {
					last := slices[i-1]
					share := float64(last.CPU[Redis]+s.CPU[Redis]) / float64(last.Wall+s.Wall)
					assert.LessOrEqual(t, share, 0.251, "of slices %d and %d", i-1, i)
					assert.GreaterOrEqual(t, share, 0.18)
				}
			}
			notes := r.notes()
			require.Len(t, notes, 4, "%q", notes)
			assert.Regexp(t, "b with 16 workers: held back for 9[89] % of the time, so that Redis gives at most 25 % of a core to it", notes[3])
		})
	}
}

// TestMaxShareThatIsNotReached holds nobody back.
func TestMaxShareThatIsNotReached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		redis := &costly{each: 10 * time.Microsecond}
		slices, r, err := carry(t.Context(), Plan{
			Contenders: []Contender{{Name: "a", Meters: redis.meter(), Scenario: scripted(func(ctx context.Context) error {
				time.Sleep(990 * time.Microsecond) // on the way
				return redis.do(ctx)
			})}},
			Concurrency: []int{8}, Duration: 4 * time.Second, Warmup: time.Second, Slice: time.Second, MaxShare: 0.25,
		})
		require.NoError(t, err)
		assert.Empty(t, r.notes())
		for _, s := range slices {
			assert.InDelta(t, 8000, s.Operations, 100)
		}
	})
}

// TestHeldBackWorkersLookUp: slices are whole when they are over, whoever waits
// still, and an end is an end.
func TestHeldBackWorkersLookUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		redis := &costly{each: 50 * time.Millisecond}
		began := time.Now()
		var at []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second+time.Millisecond)
		defer cancel()
		_, err := Run(ctx, Plan{
			Contenders:  []Contender{{Name: "a", Scenario: scripted(redis.do), Meters: redis.meter()}},
			Concurrency: []int{100}, Duration: time.Hour, Slice: 5 * time.Second, MaxShare: 0.01,
		}, func(s Slice) error {
			at = append(at, time.Since(began))
			assert.InDelta(t, 1, s.Operations, 1)
			return nil
		})
		assert.ErrorIs(t, err, ErrInterrupted)
		require.Len(t, at, 4)
		for i, kept := range at {
			assert.InDelta(t, (time.Duration(i+1) * 5 * time.Second).Seconds(), kept.Seconds(), 0.1)
		}
		assert.Less(t, time.Since(began), 21*time.Second)
	})
}

// TestMaxShareOfAnOpenLoop: a rate that fits is carried out as it is, one that
// does not ends the run, with what was measured and a rate that fits.
func TestMaxShareOfAnOpenLoop(t *testing.T) {
	t.Parallel()
	plan := func(redis *costly, rate float64) Plan {
		return Plan{
			Contenders:  []Contender{{Name: "a", Scenario: scripted(redis.do), Meters: redis.meter()}},
			Concurrency: []int{16}, Duration: 4 * time.Second, Slice: 200 * time.Millisecond, Rate: rate, MaxShare: 0.25,
		}
	}
	synctest.Test(t, func(t *testing.T) {
		redis := &costly{each: 100 * time.Microsecond}
		slices, r, err := carry(t.Context(), plan(redis, 2400))
		require.NoError(t, err)
		assert.Len(t, slices, 20)
		assert.Empty(t, r.notes())
	})
	synctest.Test(t, func(t *testing.T) {
		redis := &costly{each: 100 * time.Microsecond}
		slices, _, err := carry(t.Context(), plan(redis, 4000))
		require.ErrorIs(t, err, ErrShare)
		assert.NotErrorIs(t, err, ErrInterrupted)
		var over *ShareError
		require.ErrorAs(t, err, &over)
		assert.Equal(t, "a", over.Contender)
		assert.InDelta(t, 2250, over.Fits(), 1)
		assert.ErrorContains(t, err, "a at 4000 operations a second took 40 % of a core, of at most 25 %: a rate of 225")
		assert.Len(t, slices, 3, "what was over when a quarter of a second was used up")
	})
}

// TestMeterFailsBesideOperations: that ends the run.
func TestMeterFailsBesideOperations(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, rate := range []float64{0, 10} {
		synctest.Test(t, func(t *testing.T) {
			reads := new(atomic.Int64)
			_, _, err := carry(t.Context(), Plan{
				Contenders: []Contender{{Name: "a", Scenario: sleeps(time.Second), Meters: []Meter{{Redis, func(context.Context) (time.Duration, error) {
					if reads.Add(1) > 20 {
						return 0, broken
					}
					return 0, nil
				}}}}},
				Concurrency: []int{3}, Duration: time.Minute, Slice: 10 * time.Second, Rate: rate, MaxShare: 0.5,
			})
			assert.ErrorIs(t, err, broken)
		})
	}
}

func TestShareNote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		redis := &costly{each: 100 * time.Microsecond}
		beside := staged{scripted(redis.do), func(ctx context.Context, _ time.Duration) error {
			for ctx.Err() == nil {
				_ = redis.do(ctx)
			}
			return nil
		}}
		_, r, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "a", Scenario: beside, Meters: redis.meter()}},
			Concurrency: []int{2, 3}, Duration: 2 * time.Second, MaxShare: 0.25,
		})
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(strings.Join(r.notes(), "\n"), "a: Redis used 100 % of a core within a second"), "it is of both")
	})
}

// restrained does what it plays by permits.
type restrained struct {
	staged
	waits bool
	given **quota.Keeper
}

func (r restrained) Restrain(beside *quota.Keeper) bool {
	*r.given = beside
	return r.waits
}

// TestMaxShareOfWhatHappens: what asks for permits keeps to the share with the
// operations, in a closed loop and in an open one.
func TestMaxShareOfWhatHappens(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 500} {
		synctest.Test(t, func(t *testing.T) {
			redis := &costly{each: 100 * time.Microsecond}
			var keeper *quota.Keeper
			pieces := 0
			storm := restrained{given: &keeper, staged: staged{scripted(redis.do), func(ctx context.Context, _ time.Duration) error {
				time.Sleep(time.Second)
				for keeper.Acquire(ctx) == nil {
					pieces++
					for range 40 {
						_ = redis.do(ctx)
					}
					keeper.Release()
				}
				return ctx.Err()
			}}}
			slices, _, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "a", Scenario: storm, Meters: redis.meter()}},
				Concurrency: []int{4}, Duration: 4 * time.Second, Slice: time.Second, MaxShare: 0.25, Rate: rate,
			})
			require.NoError(t, err)
			for _, s := range slices {
				assert.LessOrEqual(t, s.CPU[Redis], 300*time.Millisecond, "one piece more at most, where they begin")
			}
			assert.Greater(t, pieces, 20)
		})
	}
}

// TestMirrorsThatDoNotFit: operations that only wait are not held back, and what
// goes on all the same ends the run, with how much would fit.
func TestMirrorsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for mirrors, fits := range map[int]bool{10: true, 40: false} {
		synctest.Test(t, func(t *testing.T) {
			redis := &costly{}
			var keeper *quota.Keeper
			fleet := restrained{waits: true, given: &keeper, staged: staged{sleeps(10 * time.Millisecond), func(ctx context.Context, _ time.Duration) error {
				for ctx.Err() == nil {
					time.Sleep(10 * time.Millisecond)
					redis.used.Add(int64(mirrors) * int64(100*time.Microsecond)) // 1 % each
				}
				return nil
			}}}
			slices, r, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "fleet", Scenario: fleet, Meters: redis.meter()}},
				Concurrency: []int{mirrors}, Duration: 5 * time.Second, Slice: time.Second, MaxShare: 0.25,
			})
			if fits {
				require.NoError(t, err)
				assert.Empty(t, r.notes())
				assert.Len(t, slices, 5)
				return
			}
			require.ErrorIs(t, err, ErrShare)
			assert.ErrorContains(t, err, "of at most 25 %: 22 would fit, where little is revoked")
			assert.NotEmpty(t, slices, "what was whole is kept")
		})
	}
}
