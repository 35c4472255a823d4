package bench_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// latencies is a histogram of the given times, as the recorder makes them.
func latencies(times ...time.Duration) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	for _, t := range times {
		if err := h.RecordValue(int64(t)); err != nil {
			panic(err)
		}
	}
	return h
}

// header is that of a run of a against b.
func header() bench.Header {
	return bench.Header{
		Time:    time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Command: "rescind bench run a b",
		Environment: bench.Environment{
			CPU: "A CPU", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1.26.0", Rescind: "v1",
			Redis: map[string]string{"version": "7.2.0"},
		},
		Settings:  map[string]string{"tokens": "10000", "slice": "500ms"},
		Scenarios: []bench.Description{{Name: "b", Means: "What there was."}, {Name: "a", Means: "What there is.", Guarantee: "strict: at once"}},
		Baseline:  "b",
		Seed:      1 << 63,
		Overhead:  bench.Overhead{Operation: 60, Wake: 50_000, WakeP99: 90_000},
	}
}

func slice(contender string, concurrency, round int) bench.Slice {
	return bench.Slice{
		Contender: contender, Concurrency: concurrency, Round: round,
		At: time.Duration(round) * time.Second, Wall: 500 * time.Millisecond,
		Operations: 1000,
		Errors:     map[string]int64{"timeout": 2},
		Unbegun:    3,
		Gauges:     map[string]float64{"connections": 4.5},
		CPU:        map[string]time.Duration{bench.Client: 400 * time.Millisecond, bench.Redis: 100 * time.Millisecond},
		Latency:    latencies(time.Millisecond, 2*time.Millisecond, 30*time.Millisecond),
	}
}

// written is a result file with everything in it.
func written(tb testing.TB) string {
	var out bytes.Buffer
	w, err := bench.NewWriter(&out, header())
	require.NoError(tb, err)
	for round := range 3 {
		require.NoError(tb, w.Slice(slice("a", 4, round)))
		require.NoError(tb, w.Slice(slice("b", 4, round)))
	}
	require.NoError(tb, w.Stages(bench.Stages{Algorithm: "ES256", Stages: []bench.Stage{{Name: "signature", Time: 60 * time.Microsecond}}}))
	require.NoError(tb, w.End(ended()))
	return out.String()
}

func ended() bench.End {
	return bench.End{Complete: true, Notes: []string{"All is well."}, Events: []bench.Event{event("a", "hung", 1000, 1500)}}
}

// lines is a file of lines, each ended.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

func TestAFileReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	got, err := bench.Read(strings.NewReader(written(t)))
	require.NoError(t, err)

	want := header()
	want.Schema = bench.Schema
	assert.Equal(t, want, got.Header)
	require.Len(t, got.Slices, 6)
	assertSameSlices(t, []bench.Slice{slice("a", 4, 1)}, got.Slices[2:3])
	assert.Equal(t, []bench.Stages{{Algorithm: "ES256", Stages: []bench.Stage{{Name: "signature", Time: 60 * time.Microsecond}}}}, got.Stages)
	assert.Equal(t, ended(), got.End)
}

// assertSameSlices compares histograms by what they say: read ones remember
// what they were read from.
func assertSameSlices(tb testing.TB, want, got []bench.Slice) {
	require.Len(tb, got, len(want))
	for i := range want {
		assert.True(tb, want[i].Latency.Equals(got[i].Latency), "latencies of slice %d", i)
		w, g := want[i], got[i]
		w.Latency, g.Latency = nil, nil
		assert.Equal(tb, w, g, "slice %d", i)
	}
}

func TestEachLineIsOneWrite(t *testing.T) {
	t.Parallel()
	var counted writes
	w, err := bench.NewWriter(&counted, header())
	require.NoError(t, err)
	require.NoError(t, w.Slice(slice("a", 1, 0)))
	require.NoError(t, w.End(bench.End{}))

	require.Len(t, counted, 3)
	for _, line := range counted {
		assert.Equal(t, 1, strings.Count(line, "\n"))
		assert.True(t, strings.HasSuffix(line, "\n"))
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestAWriterStopsAtATornLine(t *testing.T) {
	t.Parallel()
	disk := &fullDisk{room: 2000}
	w, err := bench.NewWriter(disk, header())
	require.NoError(t, err)
	for round := 0; err == nil; round++ {
		err = w.Slice(slice("a", 1, round))
	}
	require.ErrorIs(t, err, errFull)
	disk.room = 1 << 20 // somebody made room

	assert.ErrorIs(t, w.End(bench.End{}), errFull)
	_, err = bench.Read(strings.NewReader(disk.String()))
	assert.ErrorIs(t, err, bench.ErrCutOff)
}

var errFull = errors.New("no space left")

type fullDisk struct {
	strings.Builder
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Builder.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestAFileThatIsCutAnywhereIsCutOff(t *testing.T) {
	t.Parallel()
	whole := written(t)
	for cut := 1; cut < len(whole)-1; cut += 1 + len(whole)/1000 { // the last byte is a newline, which may be missing
		_, err := bench.Read(strings.NewReader(whole[:cut]))
		require.ErrorIs(t, err, bench.ErrCutOff, "after %d of %d bytes", cut, len(whole))
	}
	_, err := bench.Read(strings.NewReader(whole[:len(whole)-1]))
	assert.NoError(t, err)
	_, err = bench.Read(strings.NewReader(""))
	assert.ErrorIs(t, err, bench.ErrCutOff)
}

func TestAnInterruptedRunReads(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := bench.NewWriter(&out, header())
	require.NoError(t, err)
	require.NoError(t, w.End(bench.End{Reason: "interrupted"}))

	got, err := bench.Read(&out)
	require.NoError(t, err)
	assert.Equal(t, bench.End{Reason: "interrupted"}, got.End)
	assert.Empty(t, got.Slices)
}

const (
	someHeader = `{"kind":"header","schema":"rescind-bench/1","scenarios":[{"name":"a"}]}`
	someSlice  = `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1}`
	someEnd    = `{"kind":"end"}`
)

func TestMembersOfALaterVersionAreIgnored(t *testing.T) {
	t.Parallel()
	got, err := bench.Read(strings.NewReader(lines(
		`{"later":[1],"kind":"header","schema":"rescind-bench/1","scenarios":[{"name":"a","later":1}]}`,
		`{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"schema":7,"later":{}}`,
		`{"kind":"end","later":null}`)))
	require.NoError(t, err)
	require.Len(t, got.Slices, 1)
	assert.Zero(t, got.Slices[0].Latency.TotalCount(), "a slice without latencies")
}

func TestControlCharactersDoNotReachATerminal(t *testing.T) {
	t.Parallel()
	got, err := bench.Read(strings.NewReader(lines(
		`{"kind":"header","schema":"rescind-bench/1","command":"x\u001b[2J","scenarios":[{"name":"a\u202eb","guarantee":"none\u0007"}],"settings":{"k\u0007":"v\n"}}`,
		`{"kind":"slice","contender":"a\u202eb","concurrency":1,"wall_ns":1,"errors":{"e\r":1},"gauges":{"g\u0085":1}}`,
		`{"kind":"end","reason":"\u0000","notes":["\u009b1m"],"events":[{"contender":"a\u202eb","concurrency":1,"name":"\u001b[2J"}]}`)))
	require.NoError(t, err)
	assert.Equal(t, "x\ufffd[2J", got.Header.Command)
	assert.Equal(t, map[string]string{"k\ufffd": "v\ufffd"}, got.Header.Settings)
	assert.Equal(t, "a\ufffdb", got.Slices[0].Contender)
	assert.Equal(t, map[string]int64{"e\ufffd": 1}, got.Slices[0].Errors)
	assert.Equal(t, map[string]float64{"g\ufffd": 1}, got.Slices[0].Gauges)
	assert.Equal(t, "none\ufffd", got.Header.Scenarios[0].Guarantee)
	assert.Equal(t, bench.End{
		Reason: "\ufffd", Notes: []string{"\ufffd1m"},
		Events: []bench.Event{{Contender: "a\ufffdb", Concurrency: 1, Name: "\ufffd[2J"}},
	}, got.End)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(written(f)))
	f.Add([]byte(lines(someHeader, someSlice, someEnd)))
	f.Add([]byte(lines(someHeader, `{"kind":"stages","algorithm":"RS256","stages":[{"name":"size","time_ns":5}]}`, someEnd)))
	f.Add([]byte(lines(`{"kind":"header","schema":"rescind-bench/2"}`)))
	f.Add([]byte(lines(`{"kind":"header","schema":"rescind-bench/1","scenarios":[{"name":"a","guarantee":"none"}]}`,
		`{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"gauges":{"connections":1e15,"drift":-0.5}}`,
		`{"kind":"end","events":[{"contender":"a","concurrency":1,"name":"hung","from_ns":1,"until_ns":1}]}`)))
	f.Add([]byte(lines(`{"kind":"header","schema":"rescind-bench/1","scenarios":[{"name":"fleet"}],"settings":{"revocations":"10"}}`,
		`{"kind":"slice","contender":"fleet","concurrency":1,"wall_ns":1,"cpu_ns":{"redis":1},"gauges":{"connections":1}}`,
		`{"kind":"slice","contender":"fleet","concurrency":9,"wall_ns":1,"cpu_ns":{"redis":360000000000000},"gauges":{"connections":-1e15}}`,
		`{"kind":"end"}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := bench.Read(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, bench.ErrSchema) && !errors.Is(err, bench.ErrCutOff) && !errors.Is(err, bench.ErrMalformed) {
				t.Fatalf("Read: %v, want one of the errors that it has", err)
			}
			return
		}
		got.Summarize()
		got.Ratios()
		got.Outcomes()
		got.Gauges()
		if fleet, ok := got.Fleet(); ok {
			fleet.Notes()
		}

		// What was read can be written, and reads the same.
		var out bytes.Buffer
		w, err := bench.NewWriter(&out, got.Header)
		require.NoError(t, err)
		for _, s := range got.Slices {
			require.NoError(t, w.Slice(s))
		}
		for _, s := range got.Stages {
			require.NoError(t, w.Stages(s))
		}
		require.NoError(t, w.End(got.End))
		again, err := bench.Read(&out)
		require.NoError(t, err)
		assertSameSlices(t, got.Slices, again.Slices)
		assert.Equal(t, got.Header.Scenarios, again.Header.Scenarios)
		assert.ElementsMatch(t, got.End.Events, again.End.Events)
	})
}
