package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// results writes a run in which each contender's operations take so long, in
// time and in CPU time of client and server, and ends it.
func results(t *testing.T, dir, name, baseline string, took map[string]time.Duration, end bench.End) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, name+".jsonl"))
	require.NoError(t, err)
	defer file.Close()
	header := bench.Header{Schema: bench.Schema, Time: time.Now(), Baseline: baseline, Environment: bench.Environment{
		CPU: "a CPU", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1", Redis: map[string]string{"version": "7"},
	}}
	for of := range took {
		header.Scenarios = append(header.Scenarios, bench.Description{Name: of, Means: "It."})
	}
	w, err := bench.NewWriter(file, header)
	require.NoError(t, err)
	for round := range 6 {
		for of, each := range took {
			require.NoError(t, w.Slice(bench.Slice{
				Contender: of, Concurrency: 64, Round: round, Wall: 1000 * each, Operations: 1000,
				CPU: map[string]time.Duration{bench.Client: 1000 * each, bench.Server: 2000 * each},
			}))
		}
	}
	require.NoError(t, w.End(end))
}

// line is that of the table that says so.
func line(t *testing.T, table, with string) string {
	t.Helper()
	for l := range strings.Lines(table) {
		if strings.Contains(l, with) {
			return strings.TrimSpace(l)
		}
	}
	t.Fatalf("no line with %q in\n%s", with, table)
	return ""
}

func TestTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	complete := bench.End{Complete: true}
	results(t, dir, "hot-hs256", "naive", map[string]time.Duration{"naive": 500 * time.Microsecond, "verify-cached": time.Microsecond}, complete)
	results(t, dir, "hot-es256", "naive", map[string]time.Duration{"naive": 450 * time.Microsecond, "verify-cached": time.Microsecond}, complete)
	results(t, dir, "http-es256", "http-verify:a:1/healthz", map[string]time.Duration{
		"http-verify:a:1/healthz": 10 * time.Microsecond, "http-verify:a:1/v1/verify": 12 * time.Microsecond, "http-verify:b:2/verify": 60 * time.Microsecond,
	}, complete)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "memory.txt"), []byte("entry and index member 290, log record 87, chain 145\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "allocs.txt"), []byte("verify-cached 0\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gobench.txt"), []byte(
		"goos: linux\nBenchmarkMirrorTable_GC-2 \t 1\t 5 ns/op\t 0.63 x/none\nBenchmarkMirrorLoad-16 \t 5\t 5 ns/op\t 2.5 x/SCAN\t 4 cpu-x/SCAN\nPASS\n"), 0o600))
	var out strings.Builder
	require.NoError(t, run([]string{dir}, &out))
	table := out.String()
	for with, want := range map[string]string{
		"naive HS256 |":                 "| ≥ 400 × | 500 × | 500 × | met |",
		"throughput over naive ES256 |": "| ≥ 900 × | 450 × | 450 × | missed by 50 %: " + whyHot + " |",
		"hot verdict: allocations":      "| ≤ 0 allocs | 0 allocs |  | met |",
		"checks nothing, server: ES256": "| ≤ 1.15 × |  | 1.2 × | missed by 4.35 %: " + whyHTTP + " |",
		"how much less than a naive":    "| ≥ 3 × |  | ? | not measured |",
		"log entry":                     "| ≤ 0.45 × | 0.6 × |  | missed by 33.3 %: " + whyBytes + " |",
		"| a session, however often":    "| ≤ 1.8 × | 1 × |  | met |",
		"garbage":                       "| ≤ 2 × | 0.63 × |  | met |",
		"cold start":                    "| ≥ 3 × | 2.5 × | 4 × | missed by 16.7 %: the index",
		"a revocation over":             "|  | ? | ? |  |",
		"Measured on":                   "Measured on a CPU, 2 cores (GOMAXPROCS 2), linux/amd64, go1, Redis 7.",
	} {
		assert.Contains(t, line(t, table, with), want)
	}
	for _, name := range []string{"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12"} {
		assert.Contains(t, table, "| "+name+" | ")
	}
}

// What is no measurement makes no table.
func TestNoMeasurement(t *testing.T) {
	t.Parallel()
	refused := func(dir string) string {
		var out strings.Builder
		err := run([]string{dir}, &out)
		require.Error(t, err)
		assert.Empty(t, out.String())
		return err.Error()
	}
	assert.Error(t, run(nil, nil))
	assert.Contains(t, refused(t.TempDir()), "has no results")
	cut := t.TempDir()
	results(t, cut, "hash", "hash", map[string]time.Duration{"hash": 1}, bench.End{Reason: "Ctrl-C"})
	assert.Contains(t, refused(cut), "Ctrl-C")
	damaged := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(damaged, "hash.jsonl"), []byte("{}\n"), 0o600))
	assert.Contains(t, refused(damaged), "hash.jsonl")
	memory := t.TempDir()
	results(t, memory, "hash", "hash", map[string]time.Duration{"hash": 1}, bench.End{Complete: true})
	require.NoError(t, os.WriteFile(filepath.Join(memory, "memory.txt"), []byte("chain"), 0o600))
	assert.Contains(t, refused(memory), "no number")
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	of := func(center, low, high float64) []bench.Interval {
		return []bench.Interval{{Center: center, Low: low, High: high}}
	}
	for _, c := range []struct {
		target target
		found  []bench.Interval
		want   string
	}{
		{atLeast(3), of(3, 2.9, 3.1), "met, within the noise"},
		{atLeast(3), of(3, 3, 3), "met"},
		{atLeast(3), of(1.5, 1.4, 3.2), "missed by 50 %, within the noise: because"},
		{atMost(3), of(3.03, 3.01, 3.1), "missed by 1 %: because"},
		{atMost(3), of(2400, 2000, 2600), "missed by 800 ×: because"},
		{atMost(3), append(of(2, 2, 2), of(4, 4, 4)...), "missed by 33.3 %: because"},
		{atMost(3), append(of(2, 2, 2), of(math.NaN(), 0, 0)...), "not measured"},
		{target{unit: "×"}, of(2, 2, 2), ""},
		{target{"≤", 0, "allocs"}, of(0, 0, 0), "met"},
		{target{"≤", 0, "allocs"}, of(3, 3, 3), "missed by 3 allocs: because"},
	} {
		assert.Equal(t, c.want, bar{target: c.target, why: "because"}.verdict(c.found))
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.0451: "0.0451", 0.95: "0.95", 1.25: "1.25", 8: "8", 25.46: "25.5", 400: "400", 1056.4: "1056"} {
		assert.Equal(t, want, figure(v))
	}
}
