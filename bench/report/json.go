package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/rescindhq/rescind/bench"
)

// JSONSchema names the form of what [JSON] and [ComparisonJSON] write.
const JSONSchema = "rescind-bench-report/1"

// Document is what JSON writes. What is not known is left out, never zero.
type Document struct {
	Schema string        `json:"schema"`
	Runs   []RunDocument `json:"runs"`
}

// RunDocument is one run.
type RunDocument struct {
	Header   bench.Header     `json:"header"` // as in the result file
	Complete bool             `json:"complete"`
	Reason   string           `json:"reason,omitempty"` // why it is not complete
	Series   []SeriesDocument `json:"series"`
	Ratios   []RatioDocument  `json:"ratios,omitempty"`
	Stages   []bench.Stages   `json:"stages,omitempty"`
	Events   []EventDocument  `json:"events,omitempty"` // what callers saw
	Gauges   []GaugeDocument  `json:"gauges,omitempty"`
	Notes    []string         `json:"notes,omitempty"`
}

// SeriesDocument is one contender at one concurrency, all slices together.
type SeriesDocument struct {
	bench.Series
	Slices     int                      `json:"slices"`
	Wall       time.Duration            `json:"wall_ns"`
	Operations int64                    `json:"operations"` // that succeeded
	Rate       float64                  `json:"rate_per_second"`
	Latency    map[string]time.Duration `json:"latency_ns,omitempty"`           // p50, p90, p99, p99.9, max
	CPU        map[string]time.Duration `json:"cpu_per_operation_ns,omitempty"` // client, server, redis
	Errors     map[string]int64         `json:"errors,omitempty"`               // by class
	Unbegun    int64                    `json:"unbegun,omitempty"`              // due in an open loop, never begun
}

// RatioDocument is one contender over the baseline, at one concurrency.
type RatioDocument struct {
	bench.Series
	Baseline string                      `json:"baseline"`
	Pairs    int                         `json:"pairs"`
	Other    bool                        `json:"other_guarantee,omitempty"` // than the baseline's
	Wall     *IntervalDocument           `json:"wall,omitempty"`            // time per operation
	CPU      map[string]IntervalDocument `json:"cpu,omitempty"`             // all, client, server, redis
	P50      *IntervalDocument           `json:"p50,omitempty"`
	P99      *IntervalDocument           `json:"p99,omitempty"`
}

// IntervalDocument is an estimate with its 95 % interval, which is left out
// where there are too few pairs for one.
type IntervalDocument struct {
	Center float64  `json:"center"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
}

// JSON writes the same figures as Table for programs: a [Document].
func JSON(w io.Writer, runs ...*bench.Results) error {
	d := Document{Schema: JSONSchema, Runs: []RunDocument{}}
	for _, results := range runs {
		d.Runs = append(d.Runs, compute(results).document())
	}
	return writeJSON(w, d)
}

func (r run) document() RunDocument {
	d := RunDocument{
		Header: r.Header, Complete: r.End.Complete, Reason: r.End.Reason,
		Series: []SeriesDocument{}, Stages: r.Stages, Notes: r.End.Notes,
	}
	for _, s := range r.summaries {
		d.Series = append(d.Series, seriesDocument(s))
	}
	for _, ratio := range r.ratios {
		document := ratioDocument(ratio)
		document.Other = r.otherGuarantee(ratio.Contender)
		d.Ratios = append(d.Ratios, document)
	}
	for _, o := range r.outcomes {
		d.Events = append(d.Events, eventDocument(o))
	}
	for _, g := range r.gauges {
		d.Gauges = append(d.Gauges, GaugeDocument{
			Series: g.Series, Name: g.Name, Slices: g.Slices, Last: known(g.Last), Mean: known(g.Mean), Max: known(g.Max),
		})
	}
	return d
}

func seriesDocument(s bench.Summary) SeriesDocument {
	d := SeriesDocument{
		Series: s.Series, Slices: s.Slices, Wall: s.Wall, Operations: s.Operations,
		CPU: s.CPU, Errors: s.Errors, Unbegun: s.Unbegun,
	}
	if finite(s.Rate) {
		d.Rate = s.Rate
	}
	for _, p := range percentiles() {
		if value, ok := percentile(s, p); ok {
			if d.Latency == nil {
				d.Latency = map[string]time.Duration{}
			}
			d.Latency[percentileName(p)] = value
		}
	}
	return d
}

func ratioDocument(r bench.Ratio) RatioDocument {
	d := RatioDocument{
		Series: r.Series, Baseline: r.Baseline, Pairs: r.Pairs,
		Wall: intervalDocument(r.Wall), P50: intervalDocument(r.P50), P99: intervalDocument(r.P99),
	}
	for process, i := range r.CPU {
		if known := intervalDocument(i); known != nil {
			if d.CPU == nil {
				d.CPU = map[string]IntervalDocument{}
			}
			d.CPU[process] = *known
		}
	}
	return d
}

// intervalDocument is nil where there is no estimate: JSON has no NaN.
func intervalDocument(i bench.Interval) *IntervalDocument {
	switch {
	case !finite(i.Center):
		return nil
	case bounded(i):
		return &IntervalDocument{Center: i.Center, Low: &i.Low, High: &i.High}
	default:
		return &IntervalDocument{Center: i.Center}
	}
}

// writeJSON writes a value that people look at too: what could drive a terminal
// is escaped, beyond what JSON asks for.
func writeJSON[T any](w io.Writer, value T) error {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("report: writing JSON: %w", err)
	}
	var b strings.Builder
	for _, r := range text.String() {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", half)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
