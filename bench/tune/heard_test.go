package tune_test

import (
	"math"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// listened is a run in which each contender hears of a hundred changes a slice,
// as late as is said, with so many reads a second.
func listened(late []time.Duration, reads []float64) *bench.Results {
	r := &bench.Results{}
	for i, name := range []string{"default", "a", "b", "c"}[:len(late)] {
		r.Header.Scenarios = append(r.Header.Scenarios, bench.Description{Name: name})
		for round := range 8 {
			h := hdrhistogram.New(1, int64(time.Minute), 3)
			each := late[i] * time.Duration(100+round) / 100
			_ = h.RecordValues(int64(each), 98)
			_ = h.RecordValues(int64(3*each), 2)
			r.Slices = append(r.Slices, bench.Slice{
				Contender: name, Concurrency: 1, Round: round, Wall: time.Second, Operations: 100, Latency: h,
				Gauges: map[string]float64{bench.GaugeReads: reads[i]},
			})
		}
	}
	return r
}

func TestListen(t *testing.T) {
	t.Parallel()
	all := tune.Listen(listened([]time.Duration{10 * time.Millisecond, 20 * time.Millisecond, time.Millisecond}, []float64{16, 4, 64}))
	require.Len(t, all, 3)
	assert.Equal(t, "default", all[0].Name)
	assert.Equal(t, int64(800), all[1].Count)
	assert.InDelta(t, 20e6, float64(all[1].P50), 2e6)
	assert.InDelta(t, 60e6, float64(all[1].P99), 6e6)
	assert.InDelta(t, 2, all[1].Later50.Center, 0.01)
	assert.InDelta(t, 0.25, all[1].Fewer, 0.001)
	assert.True(t, all[1].Later())
	assert.False(t, all[2].Later())
	assert.True(t, (&tune.Heard{Later50: bench.Interval{Center: 1, Low: math.NaN(), High: math.NaN()}}).Later(), "what was not shown")
}

func TestChoose(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		late  []time.Duration
		reads []float64
		aim   time.Duration
		want  int
	}{
		"alone":                            {[]time.Duration{ms}, []float64{16}, 0, 0},
		"less, and no later":               {[]time.Duration{ms, ms, ms}, []float64{100, 50, 20}, 0, 2},
		"less, but later":                  {[]time.Duration{ms, 2 * ms}, []float64{100, 20}, 0, 0},
		"hardly less":                      {[]time.Duration{ms, ms}, []float64{100, 95}, 0, 0},
		"sooner, but more":                 {[]time.Duration{ms, ms / 10}, []float64{16, 64}, 0, 0},
		"the default keeps the aim":        {[]time.Duration{ms, ms / 10}, []float64{16, 64}, 4 * ms, 0},
		"a later one keeps it, with less":  {[]time.Duration{ms, 2 * ms}, []float64{100, 20}, 10 * ms, 1},
		"the cheapest that keeps it":       {[]time.Duration{10 * ms, ms / 10, ms}, []float64{16, 256, 64}, 5 * ms, 2},
		"no matter in which order":         {[]time.Duration{10 * ms, ms, ms / 10}, []float64{16, 64, 256}, 5 * ms, 1},
		"none keeps it: the nearest":       {[]time.Duration{10 * ms, 2 * ms, ms}, []float64{16, 64, 256}, ms, 2},
		"none, and the default is nearest": {[]time.Duration{10 * ms, 20 * ms}, []float64{16, 4}, ms, 0},
	} {
		assert.Equal(t, c.want, tune.Choose(tune.Listen(listened(c.late, c.reads)), c.aim), name)
	}
}
