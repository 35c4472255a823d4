package tune_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// What asks too much is left out, and named; the others go on.
func TestSearch_TooMuch(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, tune.Point{4}, 0.1) })
	m.broken = func(r tune.Round) error {
		if i := slices.Index(r.Names, "a=5"); i >= 0 {
			return fmt.Errorf("measuring: %w", &tune.TooMuch{Name: "a=5", Err: errors.New("needs 33 % of a core")})
		}
		return nil
	}
	o := search(t, task(m))
	assert.Equal(t, 3, o.Best[0])
	var left []string
	for _, trial := range o.Trials {
		if trial.LeftOut != "" {
			left = append(left, trial.Name+": "+trial.LeftOut)
			assert.False(t, trial.Taken)
		}
	}
	assert.Contains(t, left, "a=5: needs 33 % of a core")

	m.broken = func(tune.Round) error { return &tune.TooMuch{Name: "defaults", Err: errors.New("all of it")} }
	_, err := tune.Search(t.Context(), task(m))
	assert.ErrorContains(t, err, "all of it", "there is nothing to compare with")
}

// What asks too much in the proof alone is no answer either; the defaults are.
func TestSearch_TooMuchInTheProof(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.02, func(p tune.Point) float64 { return 1e-4 * far(p, tune.Point{4}, 0.1) })
	m.broken = func(r tune.Round) error {
		if r.Proof && len(r.Points) > 1 {
			return &tune.TooMuch{Name: r.Names[1], Err: errors.New("needs 33 % of a core")}
		}
		return nil
	}
	o := search(t, task(m))
	assert.Equal(t, o.Defaults, o.Best)
	assert.Equal(t, "needs 33 % of a core", o.Trials[slices.IndexFunc(o.Trials, func(t tune.Trial) bool { return t.LeftOut != "" })].LeftOut)
}

// A rate that is looked for goes as high as nobody is asked too much.
func TestSearch_TooMuchForTheRate(t *testing.T) {
	t.Parallel()
	m := newMachine(1, 0.01, func(tune.Point) float64 { return 1e-4 })
	m.most = func(tune.Point) float64 { return 1e5 }
	m.broken = func(r tune.Round) error {
		most := 2000.0
		if len(r.Points) > 1 {
			most = 1900 // the longer it is measured the more it is
		}
		if r.Rate > most {
			return &tune.TooMuch{Name: r.Names[0], Err: errors.New("needs 33 % of a core")}
		}
		return nil
	}
	limit, err := tune.ParseLimit("p99=1ms")
	require.NoError(t, err)
	with := task(m)
	with.Aim.Limits = []bench.Limit{limit}
	o := search(t, with)
	assert.True(t, o.Kept())
	assert.InDelta(t, 1850, o.Rate, 150)
}
