// Package report shows results: as a table for a terminal, as one page of HTML,
// as Markdown, and in the formats of other tools.
//
// Everything in a result file but its numbers is foreign text: each form
// escapes it in its own way, so that a file from somebody else can be looked at.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// run is one run with what is computed from it, and says it in the words that
// every form shares.
type run struct {
	*bench.Results
	summaries []bench.Summary
	ratios    []bench.Ratio
	outcomes  []bench.Outcome // of events
	gauges    []bench.Gauge
}

// newRun is for people; JSON escapes in its own way and keeps the texts.
func newRun(r *bench.Results) run {
	all := compute(legible(r))
	if _, ok := all.Fleet(); ok { // its gauges are in a table of their own
		all.gauges = slices.DeleteFunc(all.gauges, func(g bench.Gauge) bool { return g.Contender == bench.FleetScenario })
	}
	return all
}

func compute(r *bench.Results) run {
	all := run{
		Results: r, summaries: r.Summarize(), ratios: r.Ratios(),
		outcomes: r.Outcomes(), gauges: r.Gauges(),
	}
	all.likeFirst()
	return all
}

// processes is the order in which CPU times are shown.
func processes() []string { return []string{bench.Client, bench.Server, bench.Redis} }

// measured is the processes whose CPU time is known in at least one series.
func (r run) measured() []string {
	var known []string
	for _, process := range processes() {
		for _, s := range r.summaries {
			if _, ok := s.CPU[process]; ok {
				known = append(known, process)
				break
			}
		}
	}
	return known
}

// measure is what a ratio is of, beside CPU time.
type measure struct {
	name string // as in "naive's time"
	of   func(bench.Ratio) bench.Interval
}

// measures are the time of an operation in a closed loop. In an open one
// everybody does what is due, and only latencies tell.
func (r run) measures() []measure {
	if r.Header.Open {
		return r.latencyMeasures()
	}
	return []measure{{"time", func(ratio bench.Ratio) bench.Interval { return ratio.Wall }}}
}

func (r run) latencyMeasures() []measure {
	return []measure{
		{"p50", func(ratio bench.Ratio) bench.Interval { return ratio.P50 }},
		{"p99", func(ratio bench.Ratio) bench.Interval { return ratio.P99 }},
	}
}

// unbounded says whether a ratio lacks its interval.
func (r run) unbounded() bool {
	for _, ratio := range r.ratios {
		for _, m := range r.measures() {
			if i := m.of(ratio); finite(i.Center) && !bounded(i) {
				return true
			}
		}
	}
	return false
}

// compared is the processes whose ratios are known, "all" of them together
// first.
func (r run) compared() []string {
	var known []string
	for _, process := range append([]string{bench.AllProcesses}, processes()...) {
		for _, ratio := range r.ratios {
			if i, ok := ratio.CPU[process]; ok && finite(i.Center) {
				known = append(known, process)
				break
			}
		}
	}
	return known
}

// when is empty for a run that does not say.
func (r run) when() string {
	if r.Header.Time.IsZero() {
		return ""
	}
	return r.Header.Time.UTC().Format("2006-01-02 15:04:05 UTC")
}

// machine names what the figures hold for, in one line.
func (r run) machine() string {
	e := r.Header.Environment
	return join(", ",
		e.CPU,
		fmt.Sprintf("%d cores (GOMAXPROCS %d)", e.Cores, e.GOMAXPROCS),
		join("/", e.OS, e.Arch),
		e.Go,
		join(" ", "rescind", e.Rescind))
}

// redis describes the Redis; empty where none was used.
func (r run) redis() string {
	settings := r.Header.Environment.Redis
	if len(settings) == 0 {
		return ""
	}
	parts := []string{join(" ", "Redis", settings["version"])}
	for _, name := range sortedKeys(settings) {
		if name != "version" && settings[name] != "" {
			parts = append(parts, name+" "+settings[name])
		}
	}
	return strings.Join(parts, ", ")
}

// loop says who decides when an operation begins.
func (r run) loop() string {
	if !r.Header.Open {
		return "closed loop: each worker begins when its last operation ended"
	}
	if rate := r.Header.Settings["rate"]; rate != "" {
		return "open loop, rate " + rate + ": latencies count from when an operation was due"
	}
	return "open loop: latencies count from when an operation was due"
}

// overhead says what measuring itself costs; empty where it was not measured.
func (r run) overhead() string {
	o := r.Header.Overhead
	switch {
	case o == bench.Overhead{}:
		return ""
	case r.Header.Open:
		return fmt.Sprintf("%s of each operation, and a waiting worker wakes %s late (p99 %s)",
			duration(o.Operation), duration(o.Wake), duration(o.WakeP99))
	default:
		return fmt.Sprintf("%s of each timed operation", duration(o.Operation))
	}
}

// ending says in words that a run did not come to its end; empty where it did.
func (r run) ending() string {
	switch {
	case r.End.Complete:
		return ""
	case r.End.Reason == "":
		return "Interrupted: the figures are of what was measured until then."
	default:
		return "Interrupted (" + r.End.Reason + "): the figures are of what was measured until then."
	}
}

// wrong is said before anything else: whoever answers wrongly may be as fast as
// it likes.
func (r run) wrong() []string {
	var lines []string
	for _, s := range r.summaries {
		if n := s.Errors[bench.WrongAnswer]; n > 0 {
			lines = append(lines, fmt.Sprintf("%s gave %s wrong answers: its figures are worth nothing.", at(s.Series), count(n)))
		}
	}
	return lines
}

// failures names the errors of each series, and what was due and never begun:
// not where that stands with the events already.
func (r run) failures() []string {
	var lines []string
	for _, s := range r.summaries {
		if r.toldByEvents(s) {
			continue
		}
		if total(s.Errors) > 0 {
			lines = append(lines, at(s.Series)+": "+tally(s.Errors))
		}
		if s.Unbegun > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s operations were due and never begun", at(s.Series), count(s.Unbegun)))
		}
	}
	return lines
}

// toldByEvents reports whether all that failed in a series did so in an event.
func (r run) toldByEvents(s bench.Summary) bool {
	var failed int64
	for _, o := range r.outcomes {
		if o.Contender == s.Contender && o.Concurrency == s.Concurrency {
			failed += total(o.Errors) + o.Unbegun
		}
	}
	return failed > 0 && failed == total(s.Errors)+s.Unbegun
}

// at names a series in a sentence.
func at(s bench.Series) string { return fmt.Sprintf("%s at %d", s.Contender, s.Concurrency) }

// percentile reads one percentile, 0 to 100; false where nothing was measured.
func percentile(s bench.Summary, p float64) (time.Duration, bool) {
	if s.Latency == nil || s.Latency.TotalCount() == 0 {
		return 0, false
	}
	return time.Duration(s.Latency.ValueAtPercentile(p)), true
}

// percentiles are those that tables show; 100 is the maximum.
func percentiles() []float64 { return []float64{50, 90, 99, 99.9, 100} }

// percentileName is p50, p99.9, or max.
func percentileName(p float64) string {
	if p == 100 {
		return "max"
	}
	return fmt.Sprintf("p%g", p)
}

// percentileText is for a cell of a table.
func percentileText(s bench.Summary, p float64) string {
	if d, ok := percentile(s, p); ok {
		return duration(d)
	}
	return unknown
}

// cpuText is the CPU time by operation of one process.
func cpuText(s bench.Summary, process string) string {
	if d, ok := s.CPU[process]; ok {
		return duration(d)
	}
	return unknown
}

// ratioText is one CPU ratio.
func ratioText(r bench.Ratio, process string) string {
	if i, ok := r.CPU[process]; ok {
		return interval(i)
	}
	return unknown
}

// join joins what is not empty.
func join(separator string, parts ...string) string {
	var present []string
	for _, part := range parts {
		if part != "" {
			present = append(present, part)
		}
	}
	return strings.Join(present, separator)
}
