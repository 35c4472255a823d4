package bench_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// pairs is a run in which a takes ratio times as long as b, on a machine that
// is slower or faster from round to round, and for each turn a little.
func pairs(seed uint64, n int, ratio float64) *bench.Results {
	r := turns(seed, n, ratio)
	for i, s := range r.Slices {
		r.Slices[i].Latency = latencies(s.Wall/1000, s.Wall/1000, s.Wall/100)
	}
	return r
}

// turns are pairs without latencies, which take most of the memory.
func turns(seed uint64, n int, ratio float64) *bench.Results {
	random := rand.New(rand.NewPCG(seed, 1))
	r := &bench.Results{Header: header()}
	for round := range n {
		weather := math.Exp(random.NormFloat64()) // of both
		for _, s := range []bench.Slice{{Contender: "a"}, {Contender: "b"}} {
			factor := weather * math.Exp(0.05*random.NormFloat64())
			if s.Contender == "a" {
				factor *= ratio
			}
			s.Concurrency, s.Round, s.Operations = 4, round, 1000
			s.Wall = time.Duration(factor * float64(time.Second))
			s.CPU = map[string]time.Duration{bench.Client: s.Wall / 2, bench.Redis: s.Wall / 4}
			r.Slices = append(r.Slices, s)
		}
	}
	return r
}

// only is the one ratio of a run.
func only(t *testing.T, r *bench.Results) bench.Ratio {
	t.Helper()
	ratios := r.Ratios()
	require.Len(t, ratios, 1)
	return ratios[0]
}

func TestRatiosFindTheTruthInNoise(t *testing.T) {
	t.Parallel()
	got := only(t, pairs(7, 20, 0.5))
	assert.Equal(t, bench.Series{Contender: "a", Concurrency: 4}, got.Series)
	assert.Equal(t, "b", got.Baseline)
	assert.Equal(t, 20, got.Pairs)
	for name, in := range map[string]bench.Interval{
		"wall": got.Wall, "p50": got.P50, "p99": got.P99,
		"client": got.CPU[bench.Client], "redis": got.CPU[bench.Redis], "all": got.CPU[bench.AllProcesses],
	} {
		assert.InDelta(t, 0.5, in.Center, 0.05, name)
		assert.Less(t, in.Low, in.Center, name)
		assert.Greater(t, in.High, in.Center, name)
		assert.InDelta(t, in.Low, in.High, 0.1, name)
	}
	assert.NotContains(t, got.CPU, bench.Server)
}

func TestRatioIntervalsCover(t *testing.T) {
	t.Parallel()
	const truth, runs = 0.9, 1000
	for _, n := range []int{8, 20, 40} {
		covered := 0
		for seed := range uint64(runs) {
			if in := only(t, turns(seed, n, truth)).Wall; in.Low <= truth && truth <= in.High {
				covered++
			}
		}
		share := float64(covered) / runs
		assert.True(t, share > 0.93 && share < 0.985, "%d pairs: the truth is in %.1f %% of the intervals", n, 100*share)
	}
}

func TestRatioIsTheMedianOfPairs(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header()}
	for round, wall := range []time.Duration{1, 2, 9, 4} {
		a, b := slice("a", 1, round), slice("b", 1, 3-round) // the order of the file is no matter
		a.Wall, b.Wall = wall*time.Second, 2*time.Second
		b.Operations = 2000
		r.Slices = append(r.Slices, a, b)
	}
	got := only(t, r)
	assert.InDelta(t, 3, got.Wall.Center, 1e-9, "of 1, 2, 4 and 9")
	assert.InDelta(t, 2, got.CPU[bench.AllProcesses].Center, 1e-9)
	assert.True(t, math.IsNaN(got.Wall.Low) && math.IsNaN(got.Wall.High), "four pairs have no 95 %% interval")
	assert.False(t, math.IsNaN(only(t, pairs(1, 6, 1)).Wall.Low), "six pairs have one")
}

func TestPairsInWhichOneDidNothingAreLeftOut(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header()}
	idle := slice("b", 4, 0)
	idle.Operations = 0
	r.Slices = []bench.Slice{slice("a", 4, 0), idle, slice("a", 4, 1), slice("b", 8, 1), slice("b", 4, 2)}
	assert.Empty(t, r.Ratios(), "another round, another concurrency, or nothing done")

	r.Slices = append(r.Slices, slice("a", 4, 2))
	assert.Equal(t, 1, only(t, r).Pairs)

	r.Header.Baseline = ""
	assert.Empty(t, r.Ratios())
}

func TestOpenLoopsHaveNoRatioOfWallTime(t *testing.T) {
	t.Parallel()
	r := pairs(1, 6, 2)
	r.Header.Open = true
	got := only(t, r)
	assert.True(t, math.IsNaN(got.Wall.Center))
	assert.InDelta(t, 2, got.P99.Center, 0.2)
}

func TestCPUOfOtherProcessesIsNotSummed(t *testing.T) {
	t.Parallel()
	r := pairs(1, 6, 2)
	for _, s := range r.Slices {
		if s.Contender == "a" {
			delete(s.CPU, bench.Redis)
		}
	}
	got := only(t, r)
	assert.Contains(t, got.CPU, bench.Client)
	assert.NotContains(t, got.CPU, bench.Redis)
	assert.NotContains(t, got.CPU, bench.AllProcesses, "a without Redis over b with it")
}

func TestAProcessThatIsIdleInTheBaselineHasNoRatio(t *testing.T) {
	t.Parallel()
	r := pairs(1, 6, 2)
	for _, s := range r.Slices {
		if s.Contender == "b" {
			s.CPU[bench.Redis] = 0
		}
	}
	got := only(t, r)
	assert.NotContains(t, got.CPU, bench.Redis)
	assert.Contains(t, got.CPU, bench.AllProcesses)
}
