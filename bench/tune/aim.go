package tune

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Aim is what settings are judged by. Without limits it is the most throughput,
// in a closed loop. With limits and a rate it is to keep them at that rate, with
// as little CPU time as possible; without a rate, to keep them at the highest.
type Aim struct {
	Limits []bench.Limit // absolute ones of latencies
	Rate   float64       // operations a second; 0: none
}

// latencies are the metrics that an aim may have.
func latencies() []bench.Metric {
	return []bench.Metric{bench.MetricP50, bench.MetricP90, bench.MetricP99, bench.MetricP999, bench.MetricMax}
}

// ParseLimit reads a limit of an aim, "p99=2ms": what [bench.ParseLimit] takes
// that is a latency, and no change.
func ParseLimit(text string) (bench.Limit, error) {
	limit, err := bench.ParseLimit(text)
	if name, _, ok := strings.Cut(text, "="); ok && err != nil && slices.Contains(latencies(), bench.Metric(name)) {
		return limit, fmt.Errorf("%w: %.64q: want a time, such as %s=2ms", bench.ErrLimit, text, name) // no change, of which that error tells
	}
	if err != nil {
		return limit, err
	}
	if limit.IsChange || !slices.Contains(latencies(), limit.Metric) {
		return limit, fmt.Errorf("%w: %q is no latency to aim at, want such as p99=2ms, of one of %v", bench.ErrLimit, text, latencies())
	}
	return limit, nil
}

// Check refuses aims that make no sense, as Search does, or that say nothing
// within a budget (ErrTask): before anything is set up.
func (a Aim) Check(budget time.Duration) error {
	if a.Rate > 0 && a.Rate*budget.Seconds() < leastOperations {
		return fmt.Errorf("%w: %.3g operations a second say nothing within %v: want a rate of %.0f, or a longer budget",
			ErrTask, a.Rate, budget, math.Ceil(leastOperations/budget.Seconds()))
	}
	return a.check()
}

func (a Aim) check() error {
	for i, limit := range a.Limits {
		switch {
		case limit.IsChange || limit.Absolute <= 0 || !slices.Contains(latencies(), limit.Metric):
			return fmt.Errorf("%w: an aim of %s that is no latency", ErrTask, limit.Metric)
		case slices.ContainsFunc(a.Limits[:i], func(o bench.Limit) bool { return o.Metric == limit.Metric }):
			return fmt.Errorf("%w: two aims of %s", ErrTask, limit.Metric)
		}
	}
	switch {
	case math.IsNaN(a.Rate) || a.Rate < 0:
		return fmt.Errorf("%w: a rate of %v", ErrTask, a.Rate)
	case a.Rate > 0 && len(a.Limits) == 0:
		return fmt.Errorf("%w: a rate without an aim: name a latency to keep at it, such as p99=2ms", ErrTask)
	}
	return nil
}

// String is the aim in words.
func (a Aim) String() string {
	if len(a.Limits) == 0 {
		return "most throughput"
	}
	var parts []string
	for _, limit := range a.Limits {
		parts = append(parts, fmt.Sprintf("%s=%s", limit.Metric, shortTime(limit.Absolute)))
	}
	text := strings.Join(parts, " and ")
	if a.Rate > 0 {
		return fmt.Sprintf("%s at %.0f/s", text, a.Rate)
	}
	return "the highest rate with " + text
}

// mostFailures is the share of operations that may fail, or never begin, where
// an aim is kept. It is not 0, since slices are short: what the machine holds up
// for as long as one of them never begins.
const mostFailures = 0.005

// Standing is how a series stands to an aim.
type Standing struct {
	Metric   bench.Metric // the limit that is nearest to, or furthest beyond
	Figure   float64      // seconds
	Worst    float64      // it over the limit: up to 1 is kept
	Failures float64      // the share of operations that failed or never began
	Kept     bool
}

// standing holds a series of a run against the aim.
func (a Aim) standing(r *bench.Results, of bench.Series) Standing {
	s := Standing{Failures: r.Figure(bench.MetricErrors, of)}
	for _, limit := range a.Limits {
		figure := r.Figure(limit.Metric, of)
		if worst := figure / limit.Absolute; s.Metric == "" || !(worst <= s.Worst) {
			s.Metric, s.Figure, s.Worst = limit.Metric, figure, worst
		}
	}
	s.Kept = s.Worst <= 1 && s.Failures <= mostFailures
	return s
}
