package bench_test

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestSummarizeSumsUp(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: []bench.Slice{slice("a", 4, 0), slice("a", 4, 1)}}
	r.Slices[1].Errors = map[string]int64{"timeout": 5, "error": 1}

	all := r.Summarize()
	require.Len(t, all, 1)
	got := all[0]
	assert.Equal(t, 2, got.Slices)
	assert.Equal(t, time.Second, got.Wall)
	assert.Equal(t, int64(2000), got.Operations)
	assert.Equal(t, map[string]int64{"timeout": 7, "error": 1}, got.Errors)
	assert.Equal(t, int64(6), got.Unbegun)
	assert.InDelta(t, 2000, got.Rate, 1e-9)
	assert.Equal(t, map[string]time.Duration{bench.Client: 400 * time.Microsecond, bench.Redis: 100 * time.Microsecond}, got.CPU)
	assert.Equal(t, int64(6), got.Latency.TotalCount())
	assert.InEpsilon(t, float64(30*time.Millisecond), got.Latency.Max(), 0.001)

	got.Errors["timeout"] = 100
	got.Latency.Reset()
	assert.Equal(t, int64(2), r.Slices[0].Errors["timeout"], "the summary shares its errors with a slice")
	assert.Equal(t, int64(3), r.Slices[0].Latency.TotalCount(), "the summary shares its latencies with a slice")
}

func TestSummariesStandInTheOrderOfTheHeader(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header()} // b, a
	for _, s := range []bench.Series{{"a", 64}, {"c", 1}, {"b", 64}, {"a", 8}, {"b", 8}} {
		r.Slices = append(r.Slices, slice(s.Contender, s.Concurrency, 0))
	}
	var got []bench.Series
	for _, s := range r.Summarize() {
		got = append(got, s.Series)
	}
	assert.Equal(t, []bench.Series{{"b", 8}, {"b", 64}, {"a", 8}, {"a", 64}, {"c", 1}}, got)
}

func TestCPUTimeThatASliceLacksIsNotKnown(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: []bench.Slice{slice("a", 4, 0), slice("a", 4, 1)}}
	delete(r.Slices[0].CPU, bench.Redis)
	assert.Equal(t, map[string]time.Duration{bench.Client: 400 * time.Microsecond}, r.Summarize()[0].CPU)

	for i := range r.Slices {
		r.Slices[i].Operations = 0
	}
	assert.Empty(t, r.Summarize()[0].CPU, "by operation, and there was none")
}

func TestLatenciesOfAnyRangeAreMerged(t *testing.T) {
	t.Parallel()
	narrow := hdrhistogram.New(1000, 1500, 3) // holds up to 2 ms all the same
	require.NoError(t, narrow.RecordValue(int64(time.Millisecond)))
	r := &bench.Results{Header: header(), Slices: []bench.Slice{slice("a", 4, 0), slice("a", 4, 1), slice("a", 4, 2)}}
	r.Slices[0].Latency, r.Slices[1].Latency, r.Slices[2].Latency = narrow, nil, hdrhistogram.New(1, 10, 1)

	got := r.Summarize()[0].Latency
	assert.Equal(t, int64(1), got.TotalCount())
	assert.InEpsilon(t, float64(time.Millisecond), got.Max(), 0.01)
}
