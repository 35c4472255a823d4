package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestAnotherSchemaIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ first, names string }{
		"another":      {`{"kind":"header","schema":"rescind-bench/2"}`, `"rescind-bench/2"`},
		"none":         {`{"latency":12}`, "no schema"},
		"not a string": {`{"kind":"header","schema":1}`, "no schema"},
		"not JSON":     {"goos: linux", "no JSON object"},
		"an array":     {"[1]", "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bench.Read(strings.NewReader(lines(c.first, someEnd)))
			require.ErrorIs(t, err, bench.ErrSchema)
			assert.ErrorContains(t, err, c.names)
			assert.ErrorContains(t, err, "line 1")
		})
	}
}

func TestMalformedLinesAreRefusedAndNumbered(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"not JSON":                            `{"kind":`,
		"no object":                           `7`,
		"empty":                               ``,
		"no kind":                             `{}`,
		"another kind":                        `{"kind":"slices"}`,
		"a second header":                     someHeader,
		"no wall":                             `{"kind":"slice","contender":"a","concurrency":1}`,
		"negative wall":                       `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":-1}`,
		"endless wall":                        `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":9223372036854775807}`,
		"overflow":                            `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":9223372036854775808}`,
		"a fraction":                          `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1.5}`,
		"not a number":                        `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":NaN}`,
		"negative begin":                      `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"at_ns":-1}`,
		"negative operations":                 `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"operations":-1}`,
		"too many operations":                 `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"operations":900000000000000000}`,
		"negative errors":                     `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"errors":{"e":-1}}`,
		"negative unbegun":                    `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"unbegun":-1}`,
		"negative CPU":                        `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"cpu_ns":{"client":-1}}`,
		"no concurrency":                      `{"kind":"slice","contender":"a","wall_ns":1}`,
		"negative round":                      `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"round":-1}`,
		"a round twice":                       someSlice,
		"nobody's":                            `{"kind":"slice","contender":"c","concurrency":1,"wall_ns":1}`,
		"a member twice":                      `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"wall_ns":2}`,
		"an endless gauge":                    `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"gauges":{"g":1e999}}`,
		"a gauge of no number":                `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"gauges":{"g":NaN}}`,
		"a gauge too large":                   `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"gauges":{"g":1e16}}`,
		"a gauge too small":                   `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"gauges":{"g":-1e16}}`,
		"a nameless event":                    `{"kind":"end","events":[{"contender":"a","concurrency":1}]}`,
		"nobody's event":                      `{"kind":"end","events":[{"contender":"c","concurrency":1,"name":"hung"}]}`,
		"an event of no workers":              `{"kind":"end","events":[{"contender":"a","name":"hung"}]}`,
		"an event that ends before it begins": `{"kind":"end","events":[{"contender":"a","concurrency":1,"from_ns":2,"until_ns":1}]}`,
		"an endless event":                    `{"kind":"end","events":[{"contender":"a","concurrency":1,"until_ns":9223372036854775807}]}`,
		"too many events":                     `{"kind":"end","events":[` + strings.Repeat(`{"contender":"a","concurrency":1},`, 1000) + `{"contender":"a","concurrency":1}]}`,
		"latency not base64":                  `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"latency_ns":"?"}`,
		"latency too short":                   `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"latency_ns":"AAAA"}`,
		"latency not zlib":                    `{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"latency_ns":"HISTFAAAAAAAAAAA"}`,
		"negative stage":                      `{"kind":"stages","stages":[{"name":"size","time_ns":-1}]}`,
		"too long":                            `{"kind":"end","reason":"` + strings.Repeat("x", 1<<20) + `"}`,
		"bytes that are no text":              "{\"kind\":\"end\",\"reason\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := bench.Read(strings.NewReader(lines(someHeader, someSlice, line, someEnd)))
			require.ErrorIs(t, err, bench.ErrMalformed)
			assert.ErrorContains(t, err, "line 3")
		})
	}
}

func TestHeadersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bench.Header){
		"no scenario":       func(h *bench.Header) { h.Scenarios = nil },
		"one twice":         func(h *bench.Header) { h.Scenarios = append(h.Scenarios, h.Scenarios[0]) },
		"one without name":  func(h *bench.Header) { h.Scenarios[0].Name = "" },
		"another baseline":  func(h *bench.Header) { h.Baseline = "c" },
		"negative cores":    func(h *bench.Header) { h.Environment.Cores = -1 },
		"negative overhead": func(h *bench.Header) { h.Overhead.Wake = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := header()
			change(&h)
			var out bytes.Buffer
			_, err := bench.NewWriter(&out, h)
			assert.Error(t, err)
			assert.Zero(t, out.Len(), "something was written")
		})
	}
}

func TestAWriterRefusesWhatAReaderWould(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := bench.NewWriter(&out, header())
	require.NoError(t, err)
	wrong := slice("a", 1, 0)
	wrong.Wall = 0
	assert.Error(t, w.Slice(wrong))
	assert.Error(t, w.Slice(slice("c", 1, 0)))
	wrong = slice("a", 1, 0)
	wrong.Gauges = map[string]float64{"connections": math.NaN()}
	assert.Error(t, w.Slice(wrong))
	assert.Error(t, w.End(bench.End{Events: []bench.Event{event("c", "hung", 0, 1)}}))
	assert.Error(t, w.Stages(bench.Stages{Stages: []bench.Stage{{Time: -1}}}))
	assert.Error(t, w.End(bench.End{Reason: strings.Repeat("x", 1<<20)}))

	require.NoError(t, w.End(bench.End{Reason: "bytes that are no text: \xff"}))
	got, err := bench.Read(&out)
	require.NoError(t, err)
	assert.Equal(t, "bytes that are no text: \ufffd", got.End.Reason)
}

func TestNothingMayFollowTheEnd(t *testing.T) {
	t.Parallel()
	_, err := bench.Read(strings.NewReader(lines(someHeader, someEnd, someSlice)))
	assert.ErrorIs(t, err, bench.ErrMalformed)
}

func TestAnErrorOfTheFileIsNoCut(t *testing.T) {
	t.Parallel()
	torn := io.MultiReader(strings.NewReader(lines(someHeader)), iotest.ErrReader(errFull))
	_, err := bench.Read(torn)
	assert.ErrorIs(t, err, errFull)
	assert.NotErrorIs(t, err, bench.ErrCutOff)
}

func TestTooManySlicesAreRefused(t *testing.T) {
	t.Parallel()
	file := []string{someHeader}
	for round := range 20_001 {
		file = append(file, fmt.Sprintf(`{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"round":%d}`, round))
	}
	_, err := bench.Read(strings.NewReader(lines(append(file, someEnd)...)))
	assert.ErrorIs(t, err, bench.ErrMalformed)
	assert.ErrorContains(t, err, "line 20002")
}

// What a few bytes ask for is not allocated.
func TestHugeHistogramsAreRefused(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]*hdrhistogram.Histogram{
		"digits": hdrhistogram.New(1, int64(time.Minute), 5),
		"range":  hdrhistogram.New(1, 1<<62, 3),
		"unit":   hdrhistogram.New(1<<40, 1<<41, 3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
			require.NoError(t, err)
			line := fmt.Sprintf(`{"kind":"slice","contender":"a","concurrency":1,"wall_ns":1,"latency_ns":%q}`, text)
			_, err = bench.Read(strings.NewReader(lines(someHeader, line, someEnd)))
			assert.ErrorIs(t, err, bench.ErrMalformed)
		})
	}
}
