package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/rescindhq/rescind/bench"
)

// Whose CPU time a figure is.
const (
	everybody = bench.AllProcesses
	client    = bench.Client
	server    = bench.Server
)

// plainKey is what a revoked token costs those who write a plain key with an
// expiry for it, in bytes.
const plainKey = 145

// source finds a figure in what was measured. False: it was not.
type source interface {
	find(m *measured) (bench.Interval, bool)
}

// ratio is how a contender of a run compares to another one. Contenders of
// http-verify are named by the path of their URL.
type ratio struct {
	run, of, over string
	at            int
	inverse       bool // how much less, in place of how much more
}

// part is one figure of a ratio.
type part struct {
	ratio
	figure func(bench.Ratio) bench.Interval
}

func (r ratio) wall() source {
	return part{r, func(r bench.Ratio) bench.Interval { return r.Wall }}
}
func (r ratio) p50() source { return part{r, func(r bench.Ratio) bench.Interval { return r.P50 }} }
func (r ratio) p99() source { return part{r, func(r bench.Ratio) bench.Interval { return r.P99 }} }

func (r ratio) cpu(of string) source {
	return part{r, func(r bench.Ratio) bench.Interval {
		in, ok := r.CPU[of]
		if !ok {
			return bench.Interval{Center: math.NaN()}
		}
		return in
	}}
}

func (p part) find(m *measured) (bench.Interval, bool) {
	results, ok := m.runs[p.run]
	if !ok {
		return bench.Interval{}, false
	}
	over := *results // whose baseline another line may have elsewhere
	over.Header.Baseline = contender(results, p.over)
	of := contender(results, p.of)
	for _, r := range over.Ratios() {
		if r.Contender != of || r.Concurrency != p.at {
			continue
		}
		in := p.figure(r)
		if p.inverse {
			in = bench.Interval{Center: 1 / in.Center, Low: 1 / in.High, High: 1 / in.Low}
		}
		return in, !math.IsNaN(in.Center)
	}
	return bench.Interval{}, false
}

// contender is the full name of one.
func contender(r *bench.Results, name string) string {
	for _, d := range r.Header.Scenarios {
		if strings.HasPrefix(name, "/") && strings.HasPrefix(d.Name, "http-verify:") && path(d.Name) == name {
			return d.Name
		}
	}
	return name
}

// path is that of http-verify:HOST/PATH.
func path(name string) string {
	i := strings.Index(name, "/")
	return name[max(i, 0):]
}

// golang is a metric of one of our Go benchmarks, each run of which is one
// figure: of six there is an interval too.
type golang struct{ name, unit string }

func (g golang) find(m *measured) (bench.Interval, bool) {
	values := m.golang[g]
	if len(values) == 0 {
		return bench.Interval{}, false
	}
	sample := benchmath.NewSample(values, &benchmath.DefaultThresholds)
	sum := benchmath.AssumeNothing.Summary(sample, 0.95)
	if math.IsInf(sum.Lo, 0) || math.IsInf(sum.Hi, 0) {
		sum.Lo, sum.Hi = math.NaN(), math.NaN()
	}
	return bench.Interval{Center: sum.Center, Low: sum.Lo, High: sum.Hi}, true
}

// bytes is what something costs in Redis over a plain key. It is exact.
type bytes string

func (b bytes) find(m *measured) (bench.Interval, bool) {
	n, ok := m.counts[string(b)]
	times := n / plainKey
	return bench.Interval{Center: times, Low: times, High: times}, ok
}

// allocs is how often an operation of a scenario allocates. It is exact too.
type allocs string

func (a allocs) find(m *measured) (bench.Interval, bool) {
	n, ok := m.counts[string(a)]
	return bench.Interval{Center: n, Low: n, High: n}, ok
}

func lower(alg string) string { return strings.ToLower(alg) }

func workers(n int) string {
	if n == 1 {
		return "a lone caller"
	}
	return fmt.Sprintf("%s workers", strconv.Itoa(n))
}
