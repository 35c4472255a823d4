package report

import (
	"cmp"
	"slices"
	"strconv"
	"unicode"

	"github.com/rescindhq/rescind/bench"
)

// legible is r with every text made printable. It is done once and for all, so
// that no form can forget one: names and notes come from a file that anybody
// may have written, and could drive a terminal or turn a page around.
func legible(r *bench.Results) *bench.Results {
	clean := &bench.Results{Header: legibleHeader(r.Header), End: r.End}
	clean.End.Reason = printable(r.End.Reason)
	clean.End.Notes = each(r.End.Notes, printable)
	clean.End.Events = each(r.End.Events, func(e bench.Event) bench.Event {
		e.Contender, e.Name = printable(e.Contender), cmp.Or(printable(e.Name), "unnamed")
		return e
	})
	clean.Slices = each(r.Slices, func(s bench.Slice) bench.Slice {
		s.Contender = printable(s.Contender)
		s.Errors = legibleMap(s.Errors)
		s.Gauges = legibleMap(s.Gauges)
		return s
	})
	clean.Stages = each(r.Stages, func(s bench.Stages) bench.Stages {
		s.Algorithm = printable(s.Algorithm)
		s.Stages = each(s.Stages, func(stage bench.Stage) bench.Stage {
			stage.Name = printable(stage.Name)
			return stage
		})
		return s
	})
	return clean
}

func legibleHeader(h bench.Header) bench.Header {
	h.Command, h.Baseline = printable(h.Command), printable(h.Baseline)
	h.Settings = legibleTexts(h.Settings)
	h.Scenarios = each(h.Scenarios, func(d bench.Description) bench.Description {
		return bench.Description{Name: printable(d.Name), Means: printable(d.Means), Guarantee: printable(d.Guarantee), Baseline: printable(d.Baseline)}
	})
	e := &h.Environment
	for _, text := range []*string{&e.CPU, &e.OS, &e.Arch, &e.Go, &e.Rescind} {
		*text = printable(*text)
	}
	e.Redis = legibleTexts(e.Redis)
	return h
}

func legibleMap[V any](m map[string]V) map[string]V {
	clean := make(map[string]V, len(m))
	for key, value := range m {
		clean[printable(key)] = value
	}
	return clean
}

func legibleTexts(m map[string]string) map[string]string {
	clean := make(map[string]string, len(m))
	for key, value := range m {
		clean[printable(key)] = printable(value)
	}
	return clean
}

func each[T any](all []T, change func(T) T) []T {
	clean := slices.Clone(all)
	for i := range clean {
		clean[i] = change(clean[i])
	}
	return clean
}

// printable quotes text that could drive a terminal or upset a table. Quoted
// text is printable, so that quoting twice changes nothing.
func printable(text string) string {
	for _, r := range text {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}
