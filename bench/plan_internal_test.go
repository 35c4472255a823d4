package bench

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sensible is a plan that Run takes.
func sensible() Plan {
	return Plan{
		Contenders:  []Contender{{Name: "a", Scenario: nothing{}}, {Name: "b", Scenario: nothing{}}},
		Concurrency: []int{1, 8}, Duration: time.Minute, Warmup: time.Second,
	}
}

func TestPlanDefaults(t *testing.T) {
	t.Parallel()
	plan, err := sensible().Complete()
	require.NoError(t, err)
	assert.Equal(t, time.Second, plan.Slice)
	assert.Equal(t, 1, plan.Sample)
	assert.Equal(t, 5*time.Second, plan.Limit)
	assert.Empty(t, plan.Arrivals, "a closed loop")
	assert.Equal(t, 60, plan.rounds())
	assert.Equal(t, 4*61*time.Second, plan.length())

	short := Plan{Concurrency: []int{1}, Duration: 200 * time.Millisecond, Rate: 100}
	short, err = short.Complete()
	require.NoError(t, err)
	assert.Equal(t, 20*time.Millisecond, short.Slice)
	assert.Equal(t, Constant, short.Arrivals)

	long := Plan{Concurrency: []int{1}, Duration: 50 * time.Hour}
	long, err = long.Complete()
	require.NoError(t, err)
	assert.LessOrEqual(t, long.rounds(), maxKept)
}

// TestPlanRefused: what makes no sense is refused before anything runs.
func TestPlanRefused(t *testing.T) {
	t.Parallel()
	read := func(context.Context) (time.Duration, error) { return 0, nil }
	for name, spoil := range map[string]func(*Plan){
		"no contender":            func(p *Plan) { p.Contenders = nil },
		"no name":                 func(p *Plan) { p.Contenders[0].Name = "" },
		"equal names":             func(p *Plan) { p.Contenders[1].Name = "a" },
		"no scenario":             func(p *Plan) { p.Contenders[1].Scenario = nil },
		"meters of one name":      func(p *Plan) { p.Contenders[0].Meters = []Meter{{Redis, read}, {Redis, read}} },
		"a meter of the client":   func(p *Plan) { p.Contenders[0].Meters = []Meter{{Client, read}} },
		"a meter without a name":  func(p *Plan) { p.Contenders[0].Meters = []Meter{{"", read}} },
		"a meter of nothing":      func(p *Plan) { p.Contenders[0].Meters = []Meter{{Redis, nil}} },
		"no concurrency":          func(p *Plan) { p.Concurrency = nil },
		"no worker":               func(p *Plan) { p.Concurrency = []int{1, 0} },
		"too many workers":        func(p *Plan) { p.Concurrency = []int{maxConcurrency + 1} },
		"equal concurrency":       func(p *Plan) { p.Concurrency = []int{8, 8} },
		"negative rate":           func(p *Plan) { p.Rate = -1 },
		"no rate at all":          func(p *Plan) { p.Rate = math.NaN() },
		"infinite rate":           func(p *Plan) { p.Rate = math.Inf(1) },
		"absurd rate":             func(p *Plan) { p.Rate = 1e9 },
		"hardly any rate":         func(p *Plan) { p.Rate = 0.001 },
		"arrivals without a rate": func(p *Plan) { p.Arrivals = Poisson },
		"unknown arrivals":        func(p *Plan) { p.Rate, p.Arrivals = 10, "bursts" },
		"negative sample":         func(p *Plan) { p.Sample = -1 },
		"sample of an open loop":  func(p *Plan) { p.Rate, p.Sample = 10, 2 },
		"no duration":             func(p *Plan) { p.Duration, p.Warmup = 0, 0 },
		"negative duration":       func(p *Plan) { p.Duration = -time.Second },
		"endless duration":        func(p *Plan) { p.Duration = math.MaxInt64 },
		"negative warm-up":        func(p *Plan) { p.Warmup = -1 },
		"shorter than warm-up":    func(p *Plan) { p.Duration = time.Second; p.Warmup = time.Second + 1 },
		"shorter than a slice":    func(p *Plan) { p.Slice = 2 * time.Minute },
		"short slice":             func(p *Plan) { p.Slice = time.Millisecond },
		"negative slice":          func(p *Plan) { p.Slice = -time.Second },
		"too many slices":         func(p *Plan) { p.Slice = 10 * time.Millisecond },
		"negative limit":          func(p *Plan) { p.Limit = -1 },
		"a share without a meter": func(p *Plan) { p.MaxShare = 0.5 },
		"negative share":          func(p *Plan) { p.MaxShare = -0.5 },
		"hardly any share":        func(p *Plan) { p.MaxShare = 0.001 },
		"more than a core":        func(p *Plan) { p.MaxShare = 1.1 },
		"no share at all":         func(p *Plan) { p.MaxShare = math.NaN() },
		"negative background":     func(p *Plan) { p.Background = -1 },
		"no background at all":    func(p *Plan) { p.Background = math.NaN() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := sensible()
			spoil(&plan)
			notes, err := Run(t.Context(), plan, nil)
			assert.ErrorIs(t, err, ErrPlan)
			assert.Empty(t, notes)
			t.Log(err)
		})
	}
}
