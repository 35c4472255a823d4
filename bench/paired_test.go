package bench_test

import (
	"math"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// A metric that no table has is paired as those of the tables are.
func TestPaired(t *testing.T) {
	t.Parallel()
	var r bench.Results
	add := func(name string, round int, latency time.Duration, cpu map[string]time.Duration) {
		h := hdrhistogram.New(1, int64(time.Second), 3)
		for range 100 {
			require.NoError(t, h.RecordValue(int64(latency)))
		}
		r.Slices = append(r.Slices, bench.Slice{
			Contender: name, Concurrency: 4, Round: round, Wall: time.Second, Operations: 100, CPU: cpu, Latency: h,
		})
	}
	both := map[string]time.Duration{bench.Client: time.Second, bench.Redis: time.Second}
	for round := range 7 {
		add("old", round, 10*time.Millisecond, both)
		add("new", round, 5*time.Millisecond, map[string]time.Duration{bench.Client: time.Second})
	}
	old, new := bench.Series{Contender: "old", Concurrency: 4}, bench.Series{Contender: "new", Concurrency: 4}
	p90 := r.Paired(bench.MetricP90, new, old)
	assert.InDelta(t, 0.5, p90.Center, 0.01)
	assert.InDelta(t, 0.5, p90.High, 0.01)
	assert.InDelta(t, 0.005, r.Figure(bench.MetricP999, new), 0.0001)
	assert.InDelta(t, 100, r.Figure(bench.MetricRate, old), 0.1)
	assert.InDelta(t, 0.02, r.Figure(bench.MetricCPU, old), 0.0001)
	assert.True(t, math.IsNaN(r.Paired(bench.MetricCPU, new, old).Center), "a sum that lacks Redis must not look cheap")
	assert.True(t, math.IsNaN(r.Paired(bench.MetricP90, new, bench.Series{Contender: "nobody"}).Center))
}
