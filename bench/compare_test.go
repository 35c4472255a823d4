package bench_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// rates is a run of a alone, with a slice for each of so many operations.
func rates(operations ...int64) *bench.Results {
	r := &bench.Results{Header: header()}
	r.Header.Scenarios, r.Header.Baseline = []bench.Description{{Name: "a"}}, ""
	for round, n := range operations {
		s := slice("a", 4, round)
		s.Wall, s.Operations = time.Second, n
		r.Slices = append(r.Slices, s)
	}
	return r
}

// of is one metric of a comparison with one series.
func of(t *testing.T, m bench.Metric, old, new *bench.Results) bench.Difference {
	t.Helper()
	all, err := bench.Compare(old, new)
	require.NoError(t, err)
	for _, d := range all {
		if d.Metric == m {
			return d
		}
	}
	require.Failf(t, "no such metric", "%s in %v", m, all)
	return bench.Difference{}
}

// The data of the example in SciPy's documentation of mannwhitneyu: p is
// 0.1111111111111111.
func TestCompareFindsAPublishedP(t *testing.T) {
	t.Parallel()
	d := of(t, bench.MetricRate, rates(19, 22, 16, 29, 24), rates(20, 11, 17, 12))
	assert.InDelta(t, 1.0/9, d.P, 1e-12)
	assert.Equal(t, [2]int{5, 4}, d.N)
	assert.InDelta(t, 22, d.Old, 1e-9)
	assert.InDelta(t, 15, d.New, 1e-9)
}

func TestCompareOfTheSameIsOne(t *testing.T) {
	t.Parallel()
	run := pairs(1, 10, 2)
	all, err := bench.Compare(run, run)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, d := range all {
		assert.InDelta(t, 1, d.Ratio.Center, 1e-9, "%s of %s", d.Metric, d.Contender)
		assert.Equal(t, 1.0, d.P, "%s of %s", d.Metric, d.Contender)
	}
}

func TestCompareNamesEveryMetricOfEverySeries(t *testing.T) {
	t.Parallel()
	run := pairs(1, 10, 2)
	all, err := bench.Compare(run, run)
	require.NoError(t, err)
	var got []bench.Metric
	for _, d := range all {
		if d.Contender == "a" {
			got = append(got, d.Metric)
		}
	}
	assert.Equal(t, []bench.Metric{"p50", "p90", "p99", "p99.9", "max", "rate", "cpu", "cpu-client", "cpu-redis", "errors"}, got)
	assert.Equal(t, "b", all[0].Contender, "series come in the order of the header")
	assert.Len(t, all, 2*len(got))
}

func TestComparedFiguresAreThoseOfAllSlices(t *testing.T) {
	t.Parallel()
	old, new := rates(900, 1100), rates(2000, 2000)
	new.Slices[1].Latency = latencies(time.Millisecond, 60*time.Millisecond)
	new.Slices[1].CPU[bench.Redis] = 300 * time.Millisecond

	assert.InDelta(t, 1000, of(t, bench.MetricRate, old, new).Old, 1e-9)
	assert.InDelta(t, 2000, of(t, bench.MetricRate, old, new).New, 1e-9)
	assert.InEpsilon(t, 0.060, of(t, bench.MetricMax, old, new).New, 0.001)
	assert.InEpsilon(t, 0.002, of(t, bench.MetricP50, old, new).New, 0.001, "of 1, 2, 30, 1 and 60 ms")
	assert.InDelta(t, 0.0001, of(t, bench.MetricCPURedis, old, new).Old, 1e-9)
	assert.InDelta(t, 0.0001, of(t, bench.MetricCPURedis, old, new).New, 1e-9, "0.4 s by 4000 operations")
	assert.InDelta(t, 0.0005, of(t, bench.MetricCPU, old, new).Old, 1e-9)
	assert.InDelta(t, 5.0/1005, of(t, bench.MetricErrors, old, rates(1000)).New, 1e-9, "2 failed and 3 were never begun")
}

func TestCPUTimeThatIsNotKnownInBothIsLeftOut(t *testing.T) {
	t.Parallel()
	old, new := rates(1000, 1000), rates(1000, 1000)
	delete(new.Slices[0].CPU, bench.Redis)
	old.Slices[0].CPU[bench.Server], new.Slices[0].CPU[bench.Server] = 0, 0
	old.Slices[1].CPU[bench.Server], new.Slices[1].CPU[bench.Server] = 0, 0

	all, err := bench.Compare(old, new)
	require.NoError(t, err)
	for _, d := range all {
		assert.NotContains(t, []bench.Metric{bench.MetricCPU, bench.MetricCPURedis, bench.MetricCPUServer}, d.Metric)
	}
}

func TestZerosHaveNoInterval(t *testing.T) {
	t.Parallel()
	clean := func(operations ...int64) *bench.Results {
		r := rates(operations...)
		for i := range r.Slices {
			r.Slices[i].Errors, r.Slices[i].Unbegun = nil, 0
		}
		return r
	}
	d := of(t, bench.MetricErrors, clean(5, 5, 5, 5), clean(5, 5, 5, 5))
	assert.Equal(t, 1.0, d.Ratio.Center)
	assert.True(t, math.IsNaN(d.Ratio.Low) && math.IsNaN(d.Ratio.High))

	d = of(t, bench.MetricErrors, clean(5, 5, 5, 5), rates(5, 5, 5, 5))
	assert.True(t, math.IsInf(d.Ratio.Center, 1))
	assert.Less(t, d.P, 0.05)

	d = of(t, bench.MetricRate, rates(10, 10), rates(10, 0)) // a slice in which nothing came through counts
	assert.Equal(t, 0.5, d.Ratio.Center)
}

func TestALatencyIsNotKnownWhereNothingSucceeded(t *testing.T) {
	t.Parallel()
	dead := rates(0, 0)
	for i := range dead.Slices {
		dead.Slices[i].Latency = latencies()
	}
	d := of(t, bench.MetricP99, rates(10, 10), dead)
	assert.True(t, math.IsNaN(d.New) && math.IsNaN(d.Ratio.Center))
	assert.Equal(t, [2]int{2, 0}, d.N)
	limit := bench.Limit{Metric: bench.MetricP99, Absolute: 1}
	assert.Equal(t, bench.Unclear, limit.Judge(d))
}

func TestOnlyLikeIsCompared(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*bench.Results)
		says   string
	}{
		"scenarios":   {func(r *bench.Results) { r.Header.Scenarios[0].Name = "c" }, "scenarios: old a, b, new a, c"},
		"concurrency": {func(r *bench.Results) { r.Slices = append(r.Slices, slice("a", 8, 0)) }, "a at 8"},
		"interrupted": {func(r *bench.Results) { r.Slices = r.Slices[:1] }, "new a at 4"},
		"loop":        {func(r *bench.Results) { r.Header.Open = true }, "loop: old closed, new open"},
		"a setting":   {func(r *bench.Results) { r.Header.Settings["tokens"] = "5" }, "--tokens: old 10000, new 5"},
		"one more":    {func(r *bench.Results) { r.Header.Settings["delay"] = "1ms" }, "--delay: old none, new 1ms"},
		"one less":    {func(r *bench.Results) { delete(r.Header.Settings, "tokens") }, "--tokens: old 10000, new none"},
		"CPU":         {func(r *bench.Results) { r.Header.Environment.CPU = "Another" }, "CPU: old A CPU, new Another"},
		"cores":       {func(r *bench.Results) { r.Header.Environment.Cores = 8 }, "cores: old 2, new 8"},
		"GOMAXPROCS":  {func(r *bench.Results) { r.Header.Environment.GOMAXPROCS = 1 }, "GOMAXPROCS: old 2, new 1"},
		"system":      {func(r *bench.Results) { r.Header.Environment.OS = "darwin" }, "operating system: old linux/amd64, new darwin/amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := pairs(1, 2, 1)
			c.change(changed)
			_, err := bench.Compare(pairs(1, 2, 1), changed)
			require.ErrorIs(t, err, bench.ErrDifferent)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestWhatRunsAreComparedForMayDiffer(t *testing.T) {
	t.Parallel()
	old, new := pairs(1, 4, 1), pairs(2, 8, 1)
	h := &new.Header
	h.Environment.Go, h.Environment.Rescind = "go1.27.0", "v2"
	h.Environment.Redis["version"] = "8.0.0"
	h.Settings["redis"], h.Settings["duration"], h.Settings["seed"] = "redis://elsewhere", "1h", "7"
	h.Seed, h.Baseline, h.Command = 7, "a", "another"
	h.Scenarios[0], h.Scenarios[1] = h.Scenarios[1], h.Scenarios[0]
	h.Scenarios[0].Means = "Said in other words."
	_, err := bench.Compare(old, new)
	assert.NoError(t, err)
}
