package bench

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// growing is a scenario that is told how many workers there will be.
type growing struct {
	told  []int
	asked []int
	fails error
}

func (g *growing) Scale(ctx context.Context, workers int) error {
	g.told = append(g.told, workers)
	return g.fails
}

func (g *growing) Operation(worker, workers int) (Operation, error) {
	g.asked = append(g.asked, g.told[len(g.told)-1])
	return func(context.Context) error { time.Sleep(time.Millisecond); return nil }, nil
}

// TestScaled: a scenario is told of each level before its operations are asked for.
func TestScaled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &growing{}
		plan := Plan{Contenders: []Contender{{Name: "a", Scenario: g}}, Concurrency: []int{3, 1}, Duration: time.Second}
		_, _, err := carry(t.Context(), plan)
		require.NoError(t, err)
		assert.Equal(t, []int{3, 1}, g.told)
		assert.Equal(t, []int{3, 3, 3, 1}, g.asked)

		g.fails = errors.New("no room")
		_, _, err = carry(t.Context(), plan)
		assert.ErrorIs(t, err, g.fails)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err = carry(ended, plan)
		assert.ErrorIs(t, err, ErrInterrupted)
	})
}

// TestLimitOfAContender: operations that may take longer than the plan's others.
func TestLimitOfAContender(t *testing.T) {
	t.Parallel()
	for limit, errs := range map[time.Duration]bool{0: true, time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			slices, _, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "a", Scenario: sleeps(20 * time.Second), Limit: limit}, {Name: "b", Scenario: sleeps(20 * time.Second)}},
				Concurrency: []int{1}, Duration: 2 * time.Second, Slice: time.Second, Limit: time.Second,
			})
			require.NoError(t, err)
			for _, s := range slices {
				late := s.Contender == "b" || errs
				assert.Equal(t, late, s.Errors["timeout"] > 0, "%s with %v: %v", s.Contender, limit, s.Errors)
				if !late {
					assert.InDelta(t, 20, time.Duration(s.Latency.Max()).Seconds(), 0.1, "its histogram has room for it")
				}
			}
		})
	}
	for _, limit := range []time.Duration{-1, maxDuration + 1} {
		plan := sensible()
		plan.Contenders[0].Limit = limit
		_, err := Run(t.Context(), plan, nil)
		assert.ErrorIs(t, err, ErrPlan)
	}
}

// TestOwnBaselineIsThere: a file of which a baseline takes no part is refused.
func TestOwnBaselineIsThere(t *testing.T) {
	t.Parallel()
	h := Header{Scenarios: []Description{{Name: "a", Baseline: "b"}, {Name: "b"}}}
	assert.NoError(t, h.check())
	assert.Equal(t, "b", h.baseline("a"))
	assert.Empty(t, h.baseline("b"))
	h.Scenarios[1].Name = "c"
	assert.Error(t, h.check())
	h.Baseline, h.Scenarios[0].Baseline = "c", ""
	assert.Equal(t, "c", h.baseline("a"))
}
