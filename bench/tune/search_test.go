package tune_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// Settings that have nothing to do with each other are found one by one.
func TestSearch_Separable(t *testing.T) {
	t.Parallel()
	want := tune.Point{4, 2, 1, 3, 2}
	for seed := range uint64(3) {
		m := newMachine(seed, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, want, 0.1) })
		o := search(t, task(m))
		assert.Equal(t, append(want, 0), o.Best, "seed %d", seed)
		assert.Equal(t, tune.Better, o.Proof.Verdict)
		assert.False(t, o.Proof.FellBack)
		require.NotNil(t, o.Next)
		assert.Greater(t, o.Next.Main.Center, 1.0, "what is next best costs something")
		assert.Empty(t, o.Untried)
	}
}

// A value that helps only beside another is found in the second pass, and two
// that help only together by a start.
func TestSearch_Interacting(t *testing.T) {
	t.Parallel()
	after := func(p tune.Point) float64 { // a is worth something only once c is turned
		switch {
		case p[2] == 4 && p[0] == 0:
			return 0.5e-4
		case p[2] == 4:
			return 0.8e-4
		}
		return 1e-4
	}
	together := func(p tune.Point) float64 { // each alone does harm
		switch turned, other := p[0] == 4, p[1] == 0; {
		case turned && other:
			return 0.6e-4
		case turned || other:
			return 1.2e-4
		}
		return 1e-4
	}
	for seed := range uint64(3) {
		o := search(t, task(newMachine(seed, 0.02, after)))
		assert.Equal(t, tune.Point{0, 2, 4, 2, 2, 0}, o.Best, "seed %d", seed)

		with := task(newMachine(seed, 0.02, together))
		with.Starts = []tune.Point{{4, 1, 2, 2, 2, 0}, {4, 0, 2, 2, 2, 0}}
		assert.Equal(t, tune.Point{4, 0, 2, 2, 2, 0}, search(t, with).Best, "seed %d", seed)
	}
}

// What a start brings along and does nothing is taken back.
func TestSearch_TakesBackWhatDoesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		m := newMachine(seed, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, tune.Point{4}, 0.1) })
		with := task(m)
		with.Starts = []tune.Point{{4, 0, 0, 4, 1, 0}}
		assert.Equal(t, tune.Point{4, 2, 2, 2, 2, 0}, search(t, with).Best, "seed %d", seed)
	}
}

// Under noise alone the answer is the defaults, whatever the seed.
func TestSearch_NoiseAlone(t *testing.T) {
	t.Parallel()
	for _, noise := range []float64{0, 0.02, 0.2} {
		for seed := range uint64(5) {
			o := search(t, task(newMachine(seed, noise, func(tune.Point) float64 { return 1e-4 })))
			assert.Equal(t, o.Defaults, o.Best, "noise %v, seed %d", noise, seed)
		}
	}
}

// A value that costs a guarantee is never taken, however much faster, unless
// that is allowed: it is measured and shown.
func TestSearch_NeverWeaker(t *testing.T) {
	t.Parallel()
	cost := func(p tune.Point) float64 {
		if p[5] == 1 {
			return 1e-6
		}
		return 1e-4 * far(p, tune.Point{4}, 0.1)
	}
	for seed := range uint64(3) {
		strict := task(newMachine(seed, 0.02, cost))
		strict.Starts = []tune.Point{{4, 2, 2, 2, 2, 1}} // not even by a start
		o := search(t, strict)
		assert.Equal(t, tune.Point{4, 2, 2, 2, 2, 0}, o.Best)
		for _, trial := range o.Trials {
			assert.Empty(t, o.Dials.Costs(trial.At))
		}
		require.Len(t, o.Weaker, 1)
		assert.Equal(t, []string{"denied later"}, o.Weaker[0].Costs)
		assert.InDelta(t, 0.01, o.Weaker[0].Main.Center, 0.002)

		bounded := task(newMachine(seed, 0.02, cost))
		bounded.AllowWeaker = true
		o = search(t, bounded)
		assert.Equal(t, 1, o.Best[5])
		assert.Equal(t, []string{"denied later"}, o.Dials.Costs(o.Best))
		assert.Empty(t, o.Weaker)
	}
}

// A dial that does nothing is not tried.
func TestSearch_Idle(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.02, func(p tune.Point) float64 { return 1e-4 })
	m.asked = func(r tune.Round) {
		for _, p := range r.Points {
			assert.Equal(t, 2, p[1])
		}
	}
	with := task(m)
	with.Dials[1].Idle = func(tune.Point) bool { return true }
	search(t, with)
}

// Of those that keep an aim the cheapest wins; where the defaults do not keep
// it, one that does.
func TestSearch_Aim(t *testing.T) {
	t.Parallel()
	latency := func(p tune.Point) float64 { return 1e-3 * far(p, tune.Point{4, 2, 0}, 0.2) }
	with := func(limit string, rate float64) *tune.Outcome {
		m := newMachine(1, 0.02, latency)
		m.cpu = func(p tune.Point) float64 { return 1e-5 * far(p, tune.Point{2, 0}, 0.1) }
		parsed, err := tune.ParseLimit(limit)
		require.NoError(t, err)
		wants := task(m)
		wants.Aim = tune.Aim{Limits: []bench.Limit{parsed}, Rate: rate}
		return search(t, wants)
	}
	o := with("p99=3ms", 1000) // which the defaults keep: 1.96 ms
	assert.True(t, o.Kept())
	assert.Equal(t, tune.Point{2, 0, 2, 2, 2, 0}, o.Best)

	o = with("p99=1.2ms", 1000)
	assert.True(t, o.Kept())
	assert.LessOrEqual(t, o.Standing().Figure, 1.2e-3)

	o = with("p99=500us", 1000)
	assert.False(t, o.Kept(), "which nothing keeps")
	assert.Equal(t, tune.Point{4, 2, 0, 2, 2, 0}, o.Best, "what comes nearest")
	assert.InDelta(t, 1e-3, o.Standing().Figure, 1e-4)
}

// Without a rate the highest is looked for.
func TestSearch_HighestRate(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.01, func(tune.Point) float64 { return 1e-4 })
	m.most = func(p tune.Point) float64 { return 1e4 / far(p, tune.Point{4}, 0.25) }
	limit, err := tune.ParseLimit("p99=1ms") // at nine tenths of what is possible
	require.NoError(t, err)
	with := task(m)
	with.Aim.Limits = []bench.Limit{limit}
	o := search(t, with)
	assert.Equal(t, tune.Point{4, 2, 2, 2, 2, 0}, o.Best)
	assert.True(t, o.Kept())
	assert.InDelta(t, 0.9*1e4/1.5, o.DefaultsRate, 600)
	assert.InDelta(t, 0.95*0.9*1e4, o.Rate, 800)
}

// What has a lower highest rate than the defaults is no answer, whatever it
// promised beside them.
func TestSearch_LowerRate(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.01, func(tune.Point) float64 { return 1e-4 })
	alone := false
	m.asked = func(r tune.Round) { alone = len(r.Points) == 1 }
	m.most = func(p tune.Point) float64 {
		switch {
		case p[0] != 4:
			return 6e3
		case alone:
			return 3e3
		}
		return 1e4
	}
	limit, err := tune.ParseLimit("p99=1ms")
	require.NoError(t, err)
	with := task(m)
	with.Aim.Limits = []bench.Limit{limit}
	o := search(t, with)
	assert.Equal(t, o.Defaults, o.Best)
	assert.InDelta(t, 0.95*o.DefaultsRate, o.Rate, 1)
	i := slices.IndexFunc(o.Trials, func(t tune.Trial) bool { return t.LeftOut != "" })
	require.GreaterOrEqual(t, i, 0)
	assert.Regexp(t, "keeps the aim up to 2[0-9]{3}/s, and the defaults do up to 5[0-9]{3}/s", o.Trials[i].LeftOut)
}

// On a machine whose clock says nothing CPU time decides, unless it looks as if
// what it saves were paid for in time.
func TestSearch_BusyMachine(t *testing.T) {
	t.Parallel()
	cpu := func(p tune.Point) float64 { return 1e-5 * far(p, tune.Point{4}, 0.2) }
	found := 0
	for seed := range uint64(6) {
		m := newMachine(seed, 0.03, nil)
		m.cpu = cpu
		m.cost = func(p tune.Point) float64 { return 10 * cpu(p) * math.Exp(0.3*m.random.NormFloat64()) }
		if search(t, task(m)).Best[0] != 2 {
			found++
		}
		m = newMachine(seed, 0.03, nil)
		m.cpu = cpu
		m.cost = func(p tune.Point) float64 { return 1e-9 / cpu(p) * math.Exp(0.3*m.random.NormFloat64()) }
		assert.LessOrEqual(t, search(t, task(m)).Best[0], 2, "seed %d", seed)
	}
	assert.GreaterOrEqual(t, found, 4)
}

// A search that is interrupted keeps what it has found.
func TestSearch_Interrupted(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for after := range 9 {
		m := newMachine(1, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, tune.Point{4}, 0.1) })
		rounds := 0
		m.broken = func(tune.Round) error {
			if rounds++; rounds > after {
				return stop
			}
			return nil
		}
		o, err := tune.Search(t.Context(), task(m))
		require.ErrorIs(t, err, stop)
		assert.False(t, o.Complete)
		assert.Nil(t, o.Proof)
		assert.Equal(t, after >= 3, o.Best[0] == 4, "after %d rounds: the defaults, all of a, and the best of them again", after)
	}
}

// A wrong answer ends it: no figure counts.
func TestSearch_WrongAnswer(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.02, func(tune.Point) float64 { return 1e-4 })
	m.errors = func(p tune.Point) map[string]int64 {
		if p[3] == 0 {
			return map[string]int64{bench.WrongAnswer: 1}
		}
		return nil
	}
	_, err := tune.Search(t.Context(), task(m))
	assert.ErrorIs(t, err, tune.ErrWrong)
}

// The shortest budget still ends with a proof, and says what it had no time for.
func TestSearch_ShortBudget(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, tune.Point{4}, 0.2) })
	with := task(m)
	with.Budget = 3 * tune.MinBudget
	o := search(t, with)
	assert.Equal(t, 4, o.Best[0], "what matters most comes first")
	assert.NotEmpty(t, o.Untried)
}

func TestSearch_Refused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*tune.Task){
		"no dials":             func(t *tune.Task) { t.Dials = nil },
		"a dial twice":         func(t *tune.Task) { t.Dials[1].Name = "a" },
		"no default":           func(t *tune.Task) { t.Dials[1].Default = 5 },
		"a default that costs": func(t *tune.Task) { t.Dials[5].Default = 1 },
		"no time":              func(t *tune.Task) { t.Budget = time.Second - 1 },
		"a rate alone":         func(t *tune.Task) { t.Aim.Rate = 100 },
		"a negative rate":      func(t *tune.Task) { t.Aim.Rate = -1 },
		"no number":            func(t *tune.Task) { t.Aim.Rate = math.NaN() },
		"a relative aim": func(t *tune.Task) {
			t.Aim.Limits = []bench.Limit{{Metric: bench.MetricP99, IsChange: true, Relative: 1}}
		},
		"an aim twice": func(t *tune.Task) {
			limit := bench.Limit{Metric: bench.MetricP99, Absolute: 1}
			t.Aim.Limits = []bench.Limit{limit, limit}
		},
		"a start elsewhere": func(t *tune.Task) { t.Starts = []tune.Point{{9, 0, 0, 0, 0, 0}} },
		"nobody measures":   func(t *tune.Task) { t.Measure = nil },
	} {
		with := task(newMachine(1, 0, func(tune.Point) float64 { return 1 }))
		spoil(&with)
		_, err := tune.Search(t.Context(), with)
		assert.ErrorIs(t, err, tune.ErrTask, name)
	}
}

// A rate at which hardly anything happens says nothing.
func TestAim_RateTooLow(t *testing.T) {
	t.Parallel()
	aim := tune.Aim{Limits: []bench.Limit{{Metric: bench.MetricP99, Absolute: 1}}, Rate: 10}
	require.NoError(t, aim.Check(200*time.Second))
	assert.ErrorIs(t, aim.Check(199*time.Second), tune.ErrTask)
}

func TestParseLimit(t *testing.T) {
	t.Parallel()
	limit, err := tune.ParseLimit("p99.9=2ms")
	require.NoError(t, err)
	assert.Equal(t, bench.Limit{Metric: bench.MetricP999, Absolute: 0.002}, limit)
	for _, text := range []string{"", "p99", "p99=", "p42=1ms", "p99=+10%", "p99=-1ms", "p99=0", "rate=1000", "cpu=1ms", "errors=1%", "p99=1"} {
		_, err := tune.ParseLimit(text)
		assert.ErrorIs(t, err, bench.ErrLimit, text)
	}
}
