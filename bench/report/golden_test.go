package report

import (
	"bytes"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata; go test -update writes it.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	require.NoError(t, write(&got))
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	wanted, have := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
	assert.Equal(t, len(wanted), len(have), "lines")
	for i := range min(len(wanted), len(have)) {
		// One line is enough to see what is different; pages are long.
		require.Equal(t, wanted[i], have[i], "line %d of %s", i+1, path)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	runs := map[string]func(*testing.T) *bench.Results{"closed": closed, "broken": broken, "hostile": hostile, "outage": outage, "storm": storm, "fleet": fleet}
	forms := map[string]func(io.Writer, ...*bench.Results) error{"txt": Table, "md": Markdown, "json": JSON}
	for name, results := range runs {
		for ending, form := range forms {
			t.Run(name+"."+ending, func(t *testing.T) {
				t.Parallel()
				golden(t, name+"."+ending, func(w io.Writer) error { return form(w, results(t)) })
			})
		}
	}
	t.Run("several.txt", func(t *testing.T) {
		t.Parallel()
		golden(t, "several.txt", func(w io.Writer) error { return Table(w, broken(t), odd(t)["zero"]) })
	})
	t.Run("several.md", func(t *testing.T) {
		t.Parallel()
		golden(t, "several.md", func(w io.Writer) error { return Markdown(w, closed(t), hostile(t), broken(t)) })
	})
	t.Run("guarantees.md", func(t *testing.T) {
		t.Parallel()
		golden(t, "guarantees.md", func(w io.Writer) error { return Markdown(w, closed(t), storm(t)) })
	})
	t.Run("events.html", func(t *testing.T) {
		t.Parallel()
		short := newMaker(t).outage(sufferers()[1:], faults()[:1], 60)
		short.Slices[3].Gauges = map[string]float64{"connections": 64}
		golden(t, "events.html", func(w io.Writer) error { return HTML(w, short) })
	})
	t.Run("several.html", func(t *testing.T) {
		t.Parallel()
		golden(t, "several.html", func(w io.Writer) error { return HTML(w, broken(t), odd(t)["one pair"]) })
	})
}

func TestGoldenComparison(t *testing.T) {
	t.Parallel()
	series := bench.Series{Contender: "check-miss", Concurrency: 16}
	other := bench.Series{Contender: "evil\x1b[2J", Concurrency: 1}
	nan := math.NaN()
	differences := []bench.Difference{
		{Series: series, Metric: "p50", Old: 85.2e-6, New: 85.9e-6, Ratio: bench.Interval{Center: 1.01, Low: 0.98, High: 1.04}, P: 0.412, N: [2]int{60, 60}},
		{Series: series, Metric: "p99", Old: 1.31e-3, New: 1.62e-3, Ratio: bench.Interval{Center: 1.24, Low: 1.2, High: 1.29}, P: 1e-7, N: [2]int{60, 60}},
		{Series: series, Metric: "rate", Old: 21400, New: 23800, Ratio: bench.Interval{Center: 1.11, Low: 1.08, High: 1.14}, P: 0.002, N: [2]int{60, 60}},
		{Series: series, Metric: "cpu", Old: 15e-6, New: 12e-6, Ratio: bench.Interval{Center: 0.8, Low: 0.78, High: 0.83}, P: 0.01, N: [2]int{60, 60}},
		{Series: series, Metric: "errors", Old: 0, New: 0.0012, Ratio: bench.Interval{Center: nan, Low: nan, High: nan}, P: 0.04, N: [2]int{60, 60}},
		{Series: other, Metric: "p99", Old: 1, New: nan, Ratio: bench.Interval{Center: 2, Low: nan, High: nan}, P: nan, N: [2]int{2, 0}},
	}
	t.Run("txt", func(t *testing.T) {
		t.Parallel()
		golden(t, "comparison.txt", func(w io.Writer) error { return Comparison(w, differences) })
	})
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		golden(t, "comparison.json", func(w io.Writer) error { return ComparisonJSON(w, differences) })
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		golden(t, "comparison-none.txt", func(w io.Writer) error { return Comparison(w, nil) })
	})
}
