package bench_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bench.Limit{
		"p99=2ms":       {Metric: bench.MetricP99, Absolute: 0.002},
		"p99.9=1.5s":    {Metric: bench.MetricP999, Absolute: 1.5},
		"cpu=40us":      {Metric: bench.MetricCPU, Absolute: 40e-6},
		"rate=20000":    {Metric: bench.MetricRate, Absolute: 20000},
		"errors=0.1%":   {Metric: bench.MetricErrors, Absolute: 0.001},
		"errors=0.25":   {Metric: bench.MetricErrors, Absolute: 0.25},
		"errors=0":      {Metric: bench.MetricErrors},
		"p99=+10%":      {Metric: bench.MetricP99, Relative: 0.1, IsChange: true},
		"max=-2.5%":     {Metric: bench.MetricMax, Relative: -0.025, IsChange: true},
		"rate=-5%":      {Metric: bench.MetricRate, Relative: -0.05, IsChange: true},
		"cpu-redis=+5%": {Metric: bench.MetricCPURedis, Relative: 0.05, IsChange: true},
		"p50=+0%":       {Metric: bench.MetricP50, IsChange: true},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := bench.ParseLimit(text)
			require.NoError(t, err)
			assert.Equal(t, want.Metric, got.Metric)
			assert.Equal(t, want.IsChange, got.IsChange)
			assert.InDelta(t, want.Absolute, got.Absolute, 1e-12)
			assert.InDelta(t, want.Relative, got.Relative, 1e-12)
		})
	}
}

func TestLimitsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "=", "p99", "p98=2ms", "P99=2ms", " p99=2ms", "p99=", "p99= 2ms", "p99=2", "p99=0s", "p99=10%", "p99=+2ms", "p99=-2ms",
		"p99=+10", "p99=+%", "p99=++10%", "p99=-100%", "p99=-200%", "p99=+NaN%", "p99=+Inf%", "p99=NaN",
		"rate=0", "rate=-5", "rate=20%", "rate=1e400", "rate=Inf", "rate=2ms",
		"errors=2", "errors=101%", "errors=NaN", "errors=1ms",
		"p99=1000000000000000000000000000000000000000000000000000000000000000ns",
	} {
		_, err := bench.ParseLimit(text)
		assert.ErrorIs(t, err, bench.ErrLimit, "ParseLimit(%q)", text)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, c := range []struct {
		limit         string
		new, ratio, p float64
		want          bench.Verdict
	}{
		{"p99=2ms", 0.002, nan, nan, bench.Within},
		{"p99=2ms", 0.0021, nan, nan, bench.Exceeded},
		{"p99=2ms", nan, 1, 1, bench.Unclear},
		{"rate=20000", 20000, nan, nan, bench.Within},
		{"rate=20000", 19999, nan, nan, bench.Exceeded},
		{"rate=20000", 0, nan, nan, bench.Exceeded},
		{"errors=0", 0, nan, nan, bench.Within},
		{"errors=0", 1e-9, nan, nan, bench.Exceeded},

		{"p99=+10%", 1, 1.09, 0.001, bench.Within},
		{"p99=+10%", 1, 1.11, 0.049, bench.Exceeded},
		{"p99=+10%", 1, 1.11, 0.05, bench.Unclear},
		{"p99=+10%", 1, 1.11, nan, bench.Unclear},
		{"p99=+10%", 1, nan, 0.001, bench.Unclear},
		{"p99=-10%", 1, 0.95, 0.001, bench.Exceeded},
		{"p99=-10%", 1, 0.85, 0.001, bench.Within},
		{"rate=-5%", 1, 0.96, 0.001, bench.Within},
		{"rate=-5%", 1, 0.94, 0.001, bench.Exceeded},
		{"rate=-5%", 1, 0.94, 0.3, bench.Unclear},
		{"rate=+5%", 1, 1.02, 0.001, bench.Exceeded},
		{"errors=+10%", 1, math.Inf(1), 0.001, bench.Exceeded},
	} {
		limit, err := bench.ParseLimit(c.limit)
		require.NoError(t, err)
		got := limit.Judge(bench.Difference{Metric: limit.Metric, New: c.new, Ratio: bench.Interval{Center: c.ratio}, P: c.p})
		assert.Equal(t, c.want, got, "%s of %v, ratio %v, p %v", c.limit, c.new, c.ratio, c.p)
	}
}

func TestOneSliceProvesNoChange(t *testing.T) {
	t.Parallel()
	limit, err := bench.ParseLimit("rate=-5%")
	require.NoError(t, err)
	assert.Equal(t, bench.Unclear, limit.Judge(of(t, bench.MetricRate, rates(1000), rates(100))))
	assert.Equal(t, bench.Exceeded, limit.Judge(of(t, bench.MetricRate, rates(1000, 999, 998, 997), rates(100, 101, 102, 103))))
}

func ExampleParseLimit() {
	limit, err := bench.ParseLimit("p99=+10%")
	if err != nil {
		panic(err)
	}
	slower := bench.Difference{Metric: bench.MetricP99, Ratio: bench.Interval{Center: 1.3, Low: 1.2, High: 1.4}, P: 0.001}
	noisy := bench.Difference{Metric: bench.MetricP99, Ratio: bench.Interval{Center: 1.3, Low: 0.8, High: 2.1}, P: 0.4}
	fmt.Println(limit.Judge(slower), limit.Judge(noisy))
	// Output: exceeded unclear
}

func FuzzParseLimit(f *testing.F) {
	for _, seed := range []string{"p99=2ms", "p99=+10%", "rate=-5%", "rate=20000", "errors=0.1%", "cpu-redis=+5%", "max=1h", "p50=1e9%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := bench.ParseLimit(text)
		if err != nil {
			if !errors.Is(err, bench.ErrLimit) {
				t.Fatalf("ParseLimit(%q): %v, want ErrLimit", text, err)
			}
			return
		}
		for _, v := range []float64{l.Absolute, l.Relative} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v <= -1 {
				t.Fatalf("ParseLimit(%q) = %+v", text, l)
			}
		}
	})
}
