package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/report"
)

// twoSlices is a small run in which everything is known.
func twoSlices(t *testing.T) *bench.Results {
	latency := hdrhistogram.New(1, int64(time.Minute), 3)
	for _, v := range []time.Duration{100, 100, 100, 900} {
		require.NoError(t, latency.RecordValue(int64(v)))
	}
	slice := bench.Slice{
		Contender: "http-verify", Concurrency: 64, Wall: time.Second, Operations: 4000,
		Errors: map[string]int64{"timeout": 2}, Unbegun: 1, Latency: latency,
		CPU: map[string]time.Duration{bench.Client: 800 * time.Millisecond, bench.Redis: 200 * time.Millisecond},
	}
	dead := bench.Slice{Contender: "http-verify", Concurrency: 64, Round: 1, Wall: time.Second, Errors: map[string]int64{"timeout": 9}}
	return &bench.Results{
		Header: bench.Header{
			Environment: bench.Environment{
				CPU: "A  CPU\n", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1.26.0", Rescind: "v1",
				Redis: map[string]string{"version": "8.0.0"},
			},
			Settings:  map[string]string{"tokens": "10000", "redis": "redis://somewhere", "Not a key": "x", "empty": ""},
			Scenarios: []bench.Description{{Name: "http-verify"}},
		},
		Slices: []bench.Slice{slice, dead},
	}
}

// readGo reads the format as benchstat does.
func readGo(t *testing.T, text string) (*benchfmt.Reader, []*benchfmt.Result) {
	t.Helper()
	in := benchfmt.NewReader(strings.NewReader(text), "test")
	var results []*benchfmt.Result
	for in.Scan() {
		switch record := in.Result().(type) {
		case *benchfmt.Result:
			results = append(results, record.Clone())
		case *benchfmt.SyntaxError:
			require.NoError(t, record)
		}
	}
	require.NoError(t, in.Err())
	return in, results
}

func TestGoBenchmarkIsWhatBenchstatReads(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, report.GoBenchmark(&out, twoSlices(t)))
	in, results := readGo(t, out.String())

	require.Len(t, results, 2)
	first := results[0]
	assert.Equal(t, "HttpVerify/concurrency=64-2", first.Name.String())
	assert.Equal(t, 4000, first.Iters)
	for unit, want := range map[string]float64{ // benchstat makes seconds of nanoseconds
		"sec/op": 250e-6, "ops/s": 4000, "p50-sec": 100e-9, "p90-sec": 900e-9, "max-sec": 900e-9,
		"client-cpu-sec/op": 200e-6, "redis-cpu-sec/op": 50e-6, "failed": 3,
	} {
		got, ok := first.Value(unit)
		assert.True(t, ok, unit)
		assert.InEpsilon(t, want, got, 0.001, unit)
	}
	_, ok := first.Value("server-cpu-sec/op")
	assert.False(t, ok, "the server was not measured")
	assert.Equal(t, -1, in.Units().GetBetter("p99-ns"))
	assert.Equal(t, -1, in.Units().GetBetter("redis-cpu-ns/op"))
	assert.Equal(t, 1, in.Units().GetBetter("ops/s"))

	for key, want := range map[string]string{"goos": "linux", "goarch": "amd64", "cpu": "A CPU", "tokens": "10000", "redis": "", "empty": ""} {
		assert.Equal(t, want, first.GetConfig(key), key)
	}
	assert.Len(t, first.Config, 4)
	assert.Contains(t, out.String(), "# rescind v1, go1.26.0, redis 8.0.0\n")
}

func TestASliceWithoutSuccessHasALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, report.GoBenchmark(&out, twoSlices(t)))
	_, results := readGo(t, out.String())
	dead := results[1]
	assert.Zero(t, dead.Iters)
	assert.Equal(t, []benchfmt.Value{{Value: 0, Unit: "ops/s"}, {Value: 9, Unit: "failed"}}, dead.Values)
}

func TestOpenLoopsHaveNoTimeByOperation(t *testing.T) {
	t.Parallel()
	run := twoSlices(t)
	run.Header.Open = true
	var out bytes.Buffer
	require.NoError(t, report.GoBenchmark(&out, run))
	_, results := readGo(t, out.String())
	_, ok := results[0].Value("sec/op")
	assert.False(t, ok)
	_, ok = results[0].Value("p99-sec")
	assert.True(t, ok)
}

func TestSeveralRunsHaveTheirOwnConfiguration(t *testing.T) {
	t.Parallel()
	other := twoSlices(t)
	other.Header.Settings = map[string]string{"zipf": "1.1"}
	var out bytes.Buffer
	require.NoError(t, report.GoBenchmark(&out, twoSlices(t), other))
	_, results := readGo(t, out.String())
	require.Len(t, results, 4)
	assert.Equal(t, "10000", results[1].GetConfig("tokens"))
	assert.Equal(t, "", results[2].GetConfig("tokens"))
	assert.Equal(t, "1.1", results[2].GetConfig("zipf"))
}

func TestFormatsOfOtherToolsSayWhenAWriteFails(t *testing.T) {
	t.Parallel()
	run := twoSlices(t)
	var whole bytes.Buffer
	require.NoError(t, report.GoBenchmark(&whole, run))
	for room := range whole.Len() {
		assert.Error(t, report.GoBenchmark(&limited{room}, run), "room for %d bytes", room)
	}
	assert.Error(t, report.HGRM(&limited{100}, run.Summarize()[0]))
}

// limited fails once it is full.
type limited struct{ room int }

func (l *limited) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, assert.AnError
	}
	return len(p), nil
}
