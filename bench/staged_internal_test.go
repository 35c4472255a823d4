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
)

// staged is a scenario in which something happens.
type staged struct {
	scripted
	play func(ctx context.Context, at time.Duration) error
}

func (s staged) Play(ctx context.Context, at time.Duration) error { return s.play(ctx, at) }

// withGauges is a scenario with figures.
type withGauges struct {
	scripted
	read func(ctx context.Context) (map[string]float64, error)
}

func (g withGauges) Gauges(ctx context.Context) (map[string]float64, error) { return g.read(ctx) }

// TestStagedTakesWholeTurns: each contender has all of its slices at once, those
// of one moment of their turns are pairs, and what happens does so once in each
// turn that is measured.
func TestStagedTakesWholeTurns(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 50} {
		synctest.Test(t, func(t *testing.T) {
			var began []time.Duration
			var playing atomic.Int64
			play := func(ctx context.Context, at time.Duration) error {
				assert.EqualValues(t, 1, playing.Add(1), "one at a time")
				began = append(began, at)
				<-ctx.Done()
				playing.Add(-1)
				return errors.New("what became of its context is no failure")
			}
			plan := Plan{
				Contenders: []Contender{
					{Name: "a", Scenario: staged{sleeps(10 * time.Millisecond), play}},
					{Name: "b", Scenario: sleeps(10 * time.Millisecond)},
					{Name: "c", Scenario: staged{sleeps(10 * time.Millisecond), play}},
				},
				Concurrency: []int{1, 2}, Duration: 3 * time.Second, Slice: time.Second, Warmup: time.Second, Rate: rate,
			}
			slices, _, err := carry(t.Context(), plan)
			require.NoError(t, err)
			assert.Zero(t, playing.Load(), "all of it has ended")
			assert.Equal(t, "a0/1 a1/1 a2/1 b0/1 b1/1 b2/1 c0/1 c1/1 c2/1 a0/2 a1/2 a2/2 b0/2 b1/2 b2/2 c0/2 c1/2 c2/2", order(slices))
			require.Len(t, began, 4)
			for i, first := range []int{0, 6, 9, 15} {
				assert.Equal(t, slices[first].At, began[i], "when the turn began")
			}
			if rate > 0 {
				for i := range 3 {
					assert.Equal(t, slices[i].Operations, slices[i+3].Operations, "pairs see the same arrivals")
				}
			}
			results := Results{Header: Header{Scenarios: []Description{{Name: "a"}, {Name: "b"}, {Name: "c"}}, Baseline: "b"}, Slices: slices}
			for _, ratio := range results.Ratios() {
				assert.Equal(t, 3, ratio.Pairs, "%s at %d", ratio.Contender, ratio.Concurrency)
			}
		})
	}
}

// TestPlayFails: that ends the run at once, and what is whole is kept.
func TestPlayFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, contenders := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			plan := Plan{
				Contenders: []Contender{
					{Name: "a", Scenario: staged{sleeps(10 * time.Millisecond), func(context.Context, time.Duration) error {
						time.Sleep(2500 * time.Millisecond)
						return broken
					}}},
					{Name: "b", Scenario: sleeps(10 * time.Millisecond)},
				},
				Concurrency: []int{2}, Duration: time.Minute, Slice: time.Second,
			}
			plan.Contenders = plan.Contenders[:contenders]
			began := time.Now()
			slices, _, err := carry(t.Context(), plan)
			require.ErrorIs(t, err, broken)
			assert.NotErrorIs(t, err, ErrInterrupted)
			assert.ErrorContains(t, err, "beside a")
			assert.Equal(t, "a0/2 a1/2", order(slices))
			assert.Less(t, time.Since(began), 3*time.Second)
		})
	}
}

// TestPlayIsWaitedFor: by a turn that has come to its end, by a run that is
// interrupted, and by one that fails.
func TestPlayIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		keep  error
	}{
		"ended":       {after: time.Hour},
		"interrupted": {after: 2500 * time.Millisecond},
		"failed":      {after: time.Hour, keep: errors.New("disk full")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				played := 0
				ctx, cancel := context.WithTimeout(t.Context(), c.after)
				defer cancel()
				plan := Plan{
					Contenders: []Contender{{Name: "a", Scenario: staged{sleeps(10 * time.Millisecond), func(ctx context.Context, _ time.Duration) error {
						<-ctx.Done()
						time.Sleep(time.Second) // to put things right again
						played++
						return ctx.Err()
					}}}},
					Concurrency: []int{1}, Duration: 4 * time.Second, Slice: time.Second, Warmup: time.Second,
				}
				_, err := Run(ctx, plan, func(Slice) error { return c.keep })
				assert.Equal(t, 1, played)
				assert.Equal(t, name == "ended", err == nil, "%v", err)
				assert.Equal(t, name == "interrupted", errors.Is(err, ErrInterrupted), "%v", err)
			})
		})
	}
}

// TestStagedFailures: what fails while something happens is told with that, and
// once; of others there is a note.
func TestStagedFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := scripted(func(context.Context) error {
			time.Sleep(10 * time.Millisecond)
			return errors.New("no")
		})
		told := staged{fails, func(context.Context, time.Duration) error { return nil }}
		for scenario, want := range map[Scenario]bool{&told: false, &fails: true} {
			notes, err := Run(t.Context(), Plan{
				Contenders: []Contender{{Name: "a", Scenario: scenario}}, Concurrency: []int{1}, Duration: time.Second, Slice: time.Second,
			}, func(Slice) error { return nil })
			require.NoError(t, err)
			assert.Equal(t, want, strings.Contains(strings.Join(notes, "\n"), "operations failed"), "%q", notes)
		}
	})
}

// TestGauges: each slice has the figures of its end, those of a warm-up are not
// read.
func TestGauges(t *testing.T) {
	t.Parallel()
	for name, contenders := range map[string]int{"one": 1, "pair": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, reads := time.Now(), 0
				plan := Plan{
					Contenders: []Contender{
						{Name: "a", Scenario: withGauges{sleeps(10 * time.Millisecond), func(context.Context) (map[string]float64, error) {
							reads++
							return map[string]float64{"since": time.Since(began).Seconds()}, nil
						}}},
						{Name: "b", Scenario: sleeps(10 * time.Millisecond)},
					},
					Concurrency: []int{2}, Duration: 5 * time.Second, Slice: time.Second, Warmup: time.Second,
				}
				plan.Contenders = plan.Contenders[:contenders]
				slices, _, err := carry(t.Context(), plan)
				require.NoError(t, err)
				assert.Equal(t, 5, reads)
				for _, s := range slices {
					if s.Contender == "b" {
						assert.Nil(t, s.Gauges)
						continue
					}
					assert.InDelta(t, (s.At + s.Wall).Seconds(), s.Gauges["since"], 0.02)
				}
			})
		})
	}
}

func TestGaugesFail(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for fails, want := range map[int]int{1: 0, 3: 2, 5: 4} {
		synctest.Test(t, func(t *testing.T) {
			reads := 0
			slices, _, err := carry(t.Context(), Plan{
				Contenders: []Contender{{Name: "a", Scenario: withGauges{sleeps(10 * time.Millisecond), func(context.Context) (map[string]float64, error) {
					if reads++; reads == fails {
						return nil, broken
					}
					return nil, nil
				}}}},
				Concurrency: []int{2}, Duration: 5 * time.Second, Slice: time.Second,
			})
			require.ErrorIs(t, err, broken)
			assert.ErrorContains(t, err, "gauges of a")
			assert.Len(t, slices, want)
		})
	}
}
