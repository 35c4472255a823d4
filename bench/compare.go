package bench

import "errors"

// ErrDifferent: two results cannot be compared: other scenarios, settings or
// machines.
var ErrDifferent = errors.New("bench: results cannot be compared")

// Metric names one figure of a series: p50, p90, p99, p99.9, max, rate, cpu,
// cpu-client, cpu-redis, cpu-server, errors.
type Metric string

// Difference is one metric of one series in two runs.
type Difference struct {
	Series
	Metric   Metric
	Old, New float64 // of all slices; seconds, operations a second, or a share
	// Ratio is new over old: the Hodges-Lehmann estimate from the slices of
	// both, with its 95 % interval.
	Ratio Interval
	P     float64 // that both are the same, by the Mann-Whitney U test
	N     [2]int  // slices
}

// Compare compares two runs, series by series, and wraps ErrDifferent where they
// are not of the same scenarios, settings and machine.
func Compare(old, new *Results) ([]Difference, error) {
	return nil, errors.New("bench: not written yet")
}

// Limit is what a metric must not exceed, in any series: "p99=2ms", or as a
// change from the old run, "p99=+10%".
type Limit struct {
	Metric   Metric
	Absolute float64 // seconds, operations a second, a share; unless Relative
	Relative float64 // 0.10 for +10%
	IsChange bool
}

// ParseLimit reads one, as --max takes it.
func ParseLimit(text string) (Limit, error) { return Limit{}, errors.New("bench: not written yet") }

// Verdict is what a limit says of a difference.
type Verdict string

// The verdicts. A change beyond its limit that the slices cannot tell from
// noise is Unclear, which is no pass.
const (
	Within   Verdict = "within"
	Exceeded Verdict = "exceeded"
	Unclear  Verdict = "unclear"
)

// Judge applies a limit to a difference.
func (l Limit) Judge(d Difference) Verdict { return Unclear }
