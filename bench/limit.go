package bench

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrLimit: a limit cannot be read. It is wrapped with what is wanted.
var ErrLimit = errors.New("bench: limit refused")

// Significance is the P below which a change is no accident.
const Significance = 0.05

// Limit is what a metric must not exceed, in any series: "p99=2ms", or as a
// change from the old run, "p99=+10%". Of a rate, of which more is better, it is
// what it must not fall below: "rate=20000", "rate=-5%".
type Limit struct {
	Metric   Metric
	Absolute float64 // seconds, operations a second, a share; unless IsChange
	Relative float64 // 0.10 for +10%
	IsChange bool
}

// maxLimit is the most bytes that a limit may have.
const maxLimit = 64

// ParseLimit reads one, as --max takes it: a metric, "=", and
//
//   - a change with its sign, "+10%" or "-5%", or
//   - of a latency or CPU time, a duration such as "2ms",
//   - of a rate, operations a second, "20000",
//   - of errors, a share, "0.1%" or "0.001".
//
// Its errors wrap ErrLimit.
func ParseLimit(text string) (Limit, error) {
	name, value, ok := strings.Cut(text, "=")
	l := Limit{Metric: Metric(name)}
	switch {
	case len(text) > maxLimit:
		return Limit{}, fmt.Errorf("%w: more than %d bytes", ErrLimit, maxLimit)
	case !ok:
		return Limit{}, fmt.Errorf("%w: %q has no %q, want such as p99=2ms or p99=+10%%", ErrLimit, text, "=")
	case !slices.Contains(Metrics(), l.Metric):
		return Limit{}, fmt.Errorf("%w: no metric %q, want one of %v", ErrLimit, name, Metrics())
	}
	var err error
	if l.IsChange = strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-"); l.IsChange {
		l.Relative, err = parseChange(value)
	} else {
		l.Absolute, err = l.Metric.parse(value)
	}
	if err != nil {
		return Limit{}, fmt.Errorf("%w: %s: %w", ErrLimit, name, err)
	}
	return l, nil
}

func parseChange(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	change, ok := parseNumber(number)
	if !percent || !ok || change <= -100 {
		return 0, fmt.Errorf("%q is no change, want such as +10%%, above -100%%", text)
	}
	return change / 100, nil
}

// parse reads an absolute figure.
func (m Metric) parse(text string) (float64, error) {
	switch m {
	case MetricRate:
		if v, ok := parseNumber(text); ok && v > 0 {
			return v, nil
		}
		return 0, fmt.Errorf("%q, want operations a second, such as 20000, or a change such as -5%%", text)
	case MetricErrors:
		number, percent := strings.CutSuffix(text, "%")
		v, ok := parseNumber(number)
		if percent {
			v /= 100
		}
		if ok && v >= 0 && v <= 1 {
			return v, nil
		}
		return 0, fmt.Errorf("%q, want a share such as 0.1%% or 0.001, or a change such as +10%%", text)
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d.Seconds(), nil
	}
	return 0, fmt.Errorf("%q, want a time such as 2ms, or a change such as +10%%", text)
}

func parseNumber(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// Verdict is what a limit says of a difference.
type Verdict string

// The verdicts. A change beyond its limit that the slices cannot tell from
// noise is Unclear, which is no pass.
const (
	Within   Verdict = "within"
	Exceeded Verdict = "exceeded"
	Unclear  Verdict = "unclear"
)

// Judge applies a limit to a difference of its metric. An absolute limit looks
// at the new run alone. A change is judged by the estimate of the ratio: within
// the limit is Within, beyond it is Exceeded if P is below [Significance]. What
// is not known is Unclear.
func (l Limit) Judge(d Difference) Verdict {
	figure, limit := d.New, l.Absolute
	if l.IsChange {
		figure, limit = d.Ratio.Center, 1+l.Relative
	}
	switch {
	case math.IsNaN(figure):
		return Unclear
	case !l.beyond(figure, limit):
		return Within
	case l.IsChange && !(d.P < Significance):
		return Unclear
	}
	return Exceeded
}

func (l Limit) beyond(figure, limit float64) bool {
	if l.Metric == MetricRate {
		return figure < limit
	}
	return figure > limit
}
