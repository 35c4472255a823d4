package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestUnits(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0", 4: "4ns", 812: "812ns", 85_234: "85.2µs", 999_999: "1.00ms", 1_310_000: "1.31ms",
		2050 * time.Millisecond: "2.05s", 312 * time.Second: "312s", -5 * time.Microsecond: "-5.00µs",
	} {
		assert.Equal(t, want, duration(d), "duration(%d)", d)
	}
	for rate, want := range map[float64]string{
		0: "0/s", 0.52: "0.520/s", 812: "812/s", 21_400: "21.4k/s", 1_310_000: "1.31M/s", 999_950: "1.00M/s",
		math.Inf(1): "-",
	} {
		assert.Equal(t, want, perSecond(rate), "perSecond(%v)", rate)
	}
	for n, want := range map[int64]string{0: "0", 99_999: "99999", 1_240_000: "1.24M", -3: "-3"} {
		assert.Equal(t, want, count(n), "count(%d)", n)
	}
	for text, want := range map[string]string{"1.00ms": "1ms", "1.50ms": "1.5ms", "200µs": "200µs", "0.500": "0.5", "2.50e+09s": "2.5e+09s"} {
		assert.Equal(t, want, plain(text))
	}
	assert.Equal(t, "12.5 %", share(0.125))
	assert.Equal(t, unknown, share(math.NaN()))
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	assert.Equal(t, "0.420 (0.400–0.440)", interval(bench.Interval{Center: 0.42, Low: 0.4, High: 0.44}))
	assert.Equal(t, "489 (480–500)", interval(bench.Interval{Center: 489.2, Low: 480, High: 500}))
	assert.Equal(t, "2.00 (?)", interval(bench.Interval{Center: 2, Low: nan, High: nan}))
	assert.Equal(t, unknown, interval(bench.Interval{Center: nan, Low: nan, High: nan}))
}

func TestTally(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "timeout 12, a 1, b 1", tally(map[string]int64{"b": 1, "timeout": 12, "a": 1}))
}

// A terminal of 100 columns shows usual names unbroken; only the command, which
// is there to be copied, is longer.
func TestTableFitsATerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, Table(&b, closed(t), broken(t), outage(t)))
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "Again: ") {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), tableWidth, line)
		}
	}
}

// What stands in a file drives no terminal.
func TestTextIsPrintable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for _, r := range []*bench.Results{hostile(t), badNames(t)} {
		require.NoError(t, Table(&b, r))
		require.NoError(t, Markdown(&b, r))
		require.NoError(t, JSON(&b, r))
	}
	require.NoError(t, Comparison(&b, []bench.Difference{{Series: bench.Series{Contender: "\x1b[2J"}, Metric: "\u202e"}}))
	require.NoError(t, ComparisonJSON(&b, []bench.Difference{{Series: bench.Series{Contender: "\x1b[2J\u202e\u009b"}}}))
	for _, r := range b.String() {
		require.True(t, r == '\n' || unicode.IsPrint(r), "%U", r)
	}
}

// A table stays a table whatever the names are.
func TestMarkdownEscapesCells(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, Markdown(&b, hostile(t)))
	require.NoError(t, Markdown(&b, badNames(t)))
	bars := -1
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "|") {
			bars = -1
			continue
		}
		n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
		if bars < 0 {
			bars = n
		}
		assert.Equal(t, bars, n, line)
		assert.NotContains(t, line, "<")
	}
	assert.Equal(t, 4, strings.Count(b.String(), "\n|---"))
}

func TestCodeSpan(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "`a b`", codeSpan("a b"))
	assert.Equal(t, "``a`b``", codeSpan("a`b"))
	assert.Equal(t, "``` ``a` ```", codeSpan("``a`"))
}

// Programs get names and reasons as they were, and figures in the units that
// the fields name.
func TestJSONDocument(t *testing.T) {
	t.Parallel()
	r := broken(t)
	r.Slices[0].Contender, r.Header.Baseline = "tab\there", "tab\there"
	var b bytes.Buffer
	require.NoError(t, JSON(&b, r))
	var d Document
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	assert.Equal(t, JSONSchema, d.Schema)
	require.Len(t, d.Runs, 1)
	run := d.Runs[0]
	assert.Equal(t, r.Header, run.Header)
	assert.False(t, run.Complete)
	assert.Equal(t, "signal: interrupt", run.Reason)
	for i, s := range r.Summarize() {
		got := run.Series[i]
		assert.Equal(t, s.Series, got.Series)
		assert.Equal(t, time.Duration(s.Latency.ValueAtPercentile(99.9)), got.Latency["p99.9"])
		assert.Equal(t, time.Duration(s.Latency.Max()), got.Latency["max"])
		assert.InDelta(t, s.Rate, got.Rate, 1e-6)
	}
}

func TestJSONLeavesOutWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, results := range odd(t) {
		var b bytes.Buffer
		require.NoError(t, JSON(&b, results), name)
	}
	var b bytes.Buffer
	require.NoError(t, JSON(&b, odd(t)["idle"]))
	assert.NotContains(t, b.String(), "p50")
	assert.Contains(t, b.String(), `"operations": 0`)
}

func TestChange(t *testing.T) {
	t.Parallel()
	slower := bench.Interval{Center: 1.2, Low: 1.1, High: 1.3}
	nan := bench.Interval{Center: math.NaN(), Low: math.NaN(), High: math.NaN()}
	for _, tt := range []struct {
		name string
		d    bench.Difference
		want string
	}{
		{"slower", bench.Difference{Metric: bench.MetricP99, Old: 1, New: 1.2, Ratio: slower, P: 0.01}, "worse"},
		{"more a second", bench.Difference{Metric: bench.MetricRate, Old: 1, New: 1.2, Ratio: slower, P: 0.01}, "better"},
		{"p too high", bench.Difference{Metric: bench.MetricP99, Old: 1, New: 1.2, Ratio: slower, P: 0.05}, ""},
		{"p not known", bench.Difference{Metric: bench.MetricP99, Old: 1, New: 1.2, Ratio: slower, P: math.NaN()}, ""},
		{"holds 1", bench.Difference{Metric: bench.MetricP99, Old: 1, New: 1.2, Ratio: bench.Interval{Center: 1.2, Low: 0.9, High: 1.3}, P: 0.01}, ""},
		{"no interval", bench.Difference{Metric: bench.MetricP99, Old: 1, New: 2, Ratio: nan, P: 0.01}, ""},
		{"first errors", bench.Difference{Metric: bench.MetricErrors, Old: 0, New: 0.1, Ratio: nan, P: 0.01}, "worse"},
		{"none any more", bench.Difference{Metric: bench.MetricErrors, Old: 0.1, New: 0, Ratio: bench.Interval{}, P: 0.01}, "better"},
	} {
		assert.Equal(t, tt.want, change(tt.d), tt.name)
	}
}

// A name that is a URL leaves what it stands for a line of its own.
func TestMeaningOfLongNames(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := run{Results: &bench.Results{Header: bench.Header{Scenarios: []bench.Description{
		{Name: strings.Repeat("u", 90), Means: "One request after the other."}, {Name: "naive", Means: "Two."},
	}}}}
	r.meaningList(&b)
	assert.Equal(t, "\nWhat they stand for\n"+strings.Repeat("u", 90)+"\n  One request after the other.\nnaive\n  Two.\n", b.String())
}

// A stage that was lost in noise took some time, not none.
func TestStageLostInNoise(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := run{Results: &bench.Results{Stages: []bench.Stages{
		{Algorithm: "ES256", Stages: []bench.Stage{{Name: "signature", Time: 50 * time.Microsecond}, {Name: "claims"}}},
	}}}
	r.stageTable(&b)
	assert.Contains(t, b.String(), "signature 50.0µs · claims -\n-: too short to be told from noise.\n")
	assert.Equal(t, cell{Text: "-", Number: true}, stageCell(r.Stages[0], "claims"))
}
