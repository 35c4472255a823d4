package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The most that a result file may have. What is summed up over all slices
// stays within an int64.
const (
	maxLine       = 1 << 20 // bytes
	maxSlices     = 20_000
	maxSeries     = 1_000
	maxStages     = 100 // lines of them, and of each its stages
	maxContenders = 64
	maxMemory     = 1 << 30         // bytes of latencies, decoded: some 200 KiB for each slice
	maxTime       = 100 * time.Hour // of anything
	maxCount      = 100_000_000_000_000
	maxNames      = 256 // settings, classes of errors, processes, gauges
	maxEvents     = 1_000
	maxGauge      = 1e15 // either way
)

var (
	errTime  = fmt.Errorf("want a time from 0 to %v, in nanoseconds", maxTime)
	errCount = fmt.Errorf("want a count from 0 to %d", int64(maxCount))
	errGauge = fmt.Errorf("want a number from %g to %g", -maxGauge, maxGauge)
)

func (h *Header) check() error {
	names := make(map[string]bool)
	for _, d := range h.Scenarios {
		names[d.Name] = true
	}
	e, o := h.Environment, h.Overhead
	stranger := func(d Description) bool { return d.Baseline != "" && !names[d.Baseline] }
	switch {
	case len(h.Scenarios) == 0 || len(h.Scenarios) > maxContenders:
		return fmt.Errorf("%d scenarios, want 1 to %d", len(h.Scenarios), maxContenders)
	case len(names) != len(h.Scenarios) || names[""]:
		return errors.New("two scenarios of one name, or one without")
	case h.Baseline != "" && !names[h.Baseline]:
		return fmt.Errorf("the baseline %.80q is none of the scenarios", h.Baseline)
	case slices.ContainsFunc(h.Scenarios, stranger):
		return errors.New("the baseline of a scenario is none of them")
	case len(h.Settings) > maxNames || len(e.Redis) > maxNames:
		return fmt.Errorf("more than %d settings", maxNames)
	case e.Cores < 0 || e.GOMAXPROCS < 0:
		return errors.New("a negative number of cores")
	case !isTime(o.Operation) || !isTime(o.Wake) || !isTime(o.WakeP99):
		return fmt.Errorf("overhead: %w", errTime)
	}
	return nil
}

func (h *Header) clean() {
	e := &h.Environment
	for _, text := range []*string{&h.Command, &h.Baseline, &e.CPU, &e.OS, &e.Arch, &e.Go, &e.Rescind} {
		*text = plain(*text)
	}
	e.Redis = plainMap(e.Redis, plain)
	h.Settings = plainMap(h.Settings, plain)
	for i, d := range h.Scenarios {
		h.Scenarios[i] = Description{plain(d.Name), plain(d.Means), plain(d.Guarantee), plain(d.Baseline)}
	}
}

func (h *Header) describes(contender string) bool {
	return slices.ContainsFunc(h.Scenarios, func(d Description) bool { return d.Name == contender })
}

// check looks at all but the latencies.
func (s *Slice) check(h Header) error {
	switch {
	case !h.describes(s.Contender):
		return fmt.Errorf("the contender %.80q is not in the header", s.Contender)
	case s.Concurrency < 1:
		return fmt.Errorf("concurrency %d, want at least 1", s.Concurrency)
	case s.Round < 0:
		return fmt.Errorf("round %d, want at least 0", s.Round)
	case !isTime(s.At):
		return fmt.Errorf("at_ns %d: %w", s.At, errTime)
	case !isTime(s.Wall) || s.Wall == 0:
		return fmt.Errorf("wall_ns %d: %w, and not 0", s.Wall, errTime)
	case !isCount(s.Operations):
		return fmt.Errorf("operations %d: %w", s.Operations, errCount)
	case !isCount(s.Unbegun):
		return fmt.Errorf("unbegun %d: %w", s.Unbegun, errCount)
	case len(s.Errors) > maxNames || len(s.CPU) > maxNames || len(s.Gauges) > maxNames:
		return fmt.Errorf("more than %d classes, processes or gauges", maxNames)
	}
	for class, n := range s.Errors {
		if !isCount(n) {
			return fmt.Errorf("errors of %.80q: %d: %w", class, n, errCount)
		}
	}
	for process, used := range s.CPU {
		if !isTime(used) {
			return fmt.Errorf("cpu_ns of %.80q: %d: %w", process, used, errTime)
		}
	}
	for name, figure := range s.Gauges {
		if !(figure >= -maxGauge && figure <= maxGauge) { // no NaN, which JSON has no word for
			return fmt.Errorf("the gauge %.80q: %v: %w", name, figure, errGauge)
		}
	}
	return nil
}

func (s *Stages) check() error {
	if len(s.Stages) > maxStages {
		return fmt.Errorf("%d stages, want at most %d", len(s.Stages), maxStages)
	}
	for _, stage := range s.Stages {
		if !isTime(stage.Time) {
			return fmt.Errorf("time_ns of %.80q: %d: %w", stage.Name, stage.Time, errTime)
		}
	}
	return nil
}

func (s *Stages) clean() {
	s.Algorithm = plain(s.Algorithm)
	for i := range s.Stages {
		s.Stages[i].Name = plain(s.Stages[i].Name)
	}
}

func (e *End) check(h Header) error {
	if len(e.Events) > maxEvents {
		return fmt.Errorf("%d events, want at most %d", len(e.Events), maxEvents)
	}
	for _, event := range e.Events {
		switch {
		case !h.describes(event.Contender):
			return fmt.Errorf("an event of %.80q, which is not in the header", event.Contender)
		case event.Concurrency < 1:
			return fmt.Errorf("an event at concurrency %d, want at least 1", event.Concurrency)
		case !isTime(event.From) || !isTime(event.Until) || event.Until < event.From:
			return fmt.Errorf("an event from %d to %d: %w, in this order", event.From, event.Until, errTime)
		case event.Name == "":
			return errors.New("an event without a name")
		}
	}
	return nil
}

func (e *End) clean() {
	e.Reason = plain(e.Reason)
	for i := range e.Notes {
		e.Notes[i] = plain(e.Notes[i])
	}
	for i := range e.Events {
		event := &e.Events[i]
		event.Contender, event.Name = plain(event.Contender), plain(event.Name)
	}
}

func isTime(d time.Duration) bool { return d >= 0 && d <= maxTime }

func isCount(n int64) bool { return n >= 0 && n <= maxCount }
