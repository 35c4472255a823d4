package bench

import (
	"errors"
	"math"

	"golang.org/x/perf/benchmath"
)

// ErrDifferent: two results cannot be compared: other scenarios, settings or
// machines.
var ErrDifferent = errors.New("bench: results cannot be compared")

// Metric names one figure of a series.
type Metric string

// The metrics. Of all but MetricRate less is better.
const (
	MetricP50       Metric = "p50" // latency, in seconds
	MetricP90       Metric = "p90"
	MetricP99       Metric = "p99"
	MetricP999      Metric = "p99.9"
	MetricMax       Metric = "max"
	MetricRate      Metric = "rate" // operations a second
	MetricCPU       Metric = "cpu"  // seconds by operation, of all processes together
	MetricCPUClient Metric = "cpu-client"
	MetricCPURedis  Metric = "cpu-redis"
	MetricCPUServer Metric = "cpu-server"
	MetricErrors    Metric = "errors" // the share of operations due that failed or were never begun
)

// Metrics lists every metric, in the order of a comparison.
func Metrics() []Metric {
	return []Metric{
		MetricP50, MetricP90, MetricP99, MetricP999, MetricMax, MetricRate,
		MetricCPU, MetricCPUClient, MetricCPURedis, MetricCPUServer, MetricErrors,
	}
}

func (m Metric) figure() figure {
	switch m {
	case MetricP50:
		return percentile(50)
	case MetricP90:
		return percentile(90)
	case MetricP99:
		return percentile(99)
	case MetricP999:
		return percentile(99.9)
	case MetricMax:
		return percentile(100)
	case MetricRate:
		return rate
	case MetricCPU:
		return allCPUByOperation
	case MetricErrors:
		return failures
	}
	return cpuByOperation(m.process())
}

// process is whose CPU time a metric is; "" for all others.
func (m Metric) process() string {
	switch m {
	case MetricCPUClient:
		return Client
	case MetricCPURedis:
		return Redis
	case MetricCPUServer:
		return Server
	}
	return ""
}

// Difference is one metric of one series in two runs.
type Difference struct {
	Series
	Metric   Metric
	Old, New float64 // of all slices; seconds, operations a second, or a share
	// Ratio is new over old: the Hodges-Lehmann estimate from the slices of
	// both, with its 95 % interval, for which four slices on each side are
	// enough. Where a slice has zero, which has no ratio, it is New over Old
	// without an interval, and 1 where both are zero.
	Ratio Interval
	P     float64 // that both are the same, by the Mann-Whitney U test
	N     [2]int  // slices with a figure
}

// Compare compares two runs, series by series, and wraps ErrDifferent where they
// are not of the same scenarios, settings and machine. Versions may differ, of
// rescind, Go and Redis alike, and so may what names a place (the URL of Redis),
// the seed, and how long was measured: that is what runs are compared for.
//
// CPU time that was not measured in every slice of both, or that is zero, is
// left out. A latency is NaN where no operation succeeded.
func Compare(old, new *Results) ([]Difference, error) {
	if err := sameRun(old, new); err != nil {
		return nil, err
	}
	order, before := old.series()
	_, after := new.series()
	var all []Difference
	for _, s := range order {
		all = append(all, compareSeries(s, before[s], after[s])...)
	}
	return all, nil
}

func compareSeries(of Series, before, after []Slice) []Difference {
	old, new := total(before), total(after)
	var all []Difference
	for _, m := range Metrics() {
		if m.isCPU() && !m.measured(old, new, before, after) {
			continue
		}
		d := Difference{Series: of, Metric: m, Old: m.figure()(old), New: m.figure()(new)}
		d.compare(figures(before, m.figure()), figures(after, m.figure()))
		all = append(all, d)
	}
	return all
}

func (m Metric) isCPU() bool { return m == MetricCPU || m.process() != "" }

// measured tells whether a metric of CPU time says the same of both runs.
func (m Metric) measured(old, new Slice, before, after []Slice) bool {
	if m.process() != "" {
		_, inOld := old.CPU[m.process()]
		_, inNew := new.CPU[m.process()]
		return inOld && inNew && m.figure()(old) != 0 && m.figure()(new) != 0
	}
	for _, turns := range [][]Slice{before, after} {
		for _, t := range turns {
			if !sameKeys(t.CPU, old.CPU) {
				return false
			}
		}
	}
	return len(old.CPU) > 0 && m.figure()(old) != 0 && m.figure()(new) != 0
}

// figures are those of the slices that have one.
func figures(turns []Slice, figure figure) []float64 {
	var all []float64
	for _, t := range turns {
		if v := figure(t); !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	return all
}

// compare fills in what the figures of the slices say.
func (d *Difference) compare(before, after []float64) {
	d.N = [2]int{len(before), len(after)}
	d.P = benchmath.AssumeNothing.Compare(
		benchmath.NewSample(before, &benchmath.DefaultThresholds),
		benchmath.NewSample(after, &benchmath.DefaultThresholds)).P
	if allAboveZero(before) && allAboveZero(after) {
		d.Ratio = ratioOf(before, after)
		return
	}
	d.Ratio = unknown()
	d.Ratio.Center = d.New / d.Old
	if d.Old == 0 && d.New == 0 {
		d.Ratio.Center = 1
	}
}

func allAboveZero(values []float64) bool {
	for _, v := range values {
		if v <= 0 {
			return false
		}
	}
	return true
}
