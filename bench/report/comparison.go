package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// surprise is below which p a difference is called one: of two equal runs, one
// metric in twenty still looks different.
const surprise = 0.05

// Comparison writes the table of compare.
func Comparison(w io.Writer, differences []bench.Difference) error {
	var b strings.Builder
	if len(differences) == 0 {
		b.WriteString("There is nothing that both runs have measured.\n")
	} else {
		comparisonTable(&b, differences)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func comparisonTable(b *strings.Builder, differences []bench.Difference) {
	g := grid{names: 1}
	g.row("contender", "at", "metric", "old", "new", "new/old (95 %)", "p", "n", "")
	for i, d := range differences {
		name, level := d.Contender, strconv.Itoa(d.Concurrency)
		if i > 0 && d.Series == differences[i-1].Series {
			name, level = "", ""
		}
		g.row(name, level, string(d.Metric),
			metricValue(d.Metric, d.Old), metricValue(d.Metric, d.New),
			interval(d.Ratio), probability(d.P), fmt.Sprintf("%d+%d", d.N[0], d.N[1]), change(d))
	}
	g.write(b)
	wrap(b, "at: concurrent workers. new/old: of the slices (Hodges-Lehmann), with its 95 % interval. "+
		"p: how likely slices this different are if nothing changed (Mann-Whitney U). n: slices, old+new. "+
		"better, worse: p below 0.05, and the interval does not hold 1.", "", "", tableWidth)
}

// change is "better" or "worse" where the slices can tell, else empty.
func change(d bench.Difference) string {
	more := d.Ratio.Center > 1
	switch {
	case !finite(d.P) || d.P >= surprise:
		return ""
	case d.Old == 0 && d.New > 0: // there is no ratio to nothing
		more = true
	case !bounded(d.Ratio) || (d.Ratio.Low <= 1 && d.Ratio.High >= 1):
		return ""
	}
	if more == (d.Metric == bench.MetricRate) {
		return "better"
	}
	return "worse"
}

// probability writes a p-value; beyond three decimals it only says "small".
func probability(p float64) string {
	switch {
	case !finite(p):
		return unknown
	case p < 0.001:
		return "<0.001"
	default:
		return strconv.FormatFloat(p, 'f', 3, 64)
	}
}

// ComparisonDocument is what ComparisonJSON writes.
type ComparisonDocument struct {
	Schema      string               `json:"schema"`
	Differences []DifferenceDocument `json:"differences"`
}

// DifferenceDocument is one metric of one series in two runs. Figures are
// seconds, operations a second (rate) or a share (errors).
type DifferenceDocument struct {
	bench.Series
	Metric bench.Metric      `json:"metric"`
	Old    *float64          `json:"old,omitempty"` // absent: not known
	New    *float64          `json:"new,omitempty"`
	Ratio  *IntervalDocument `json:"ratio,omitempty"`  // new over old
	P      *float64          `json:"p,omitempty"`      // that both are the same
	Slices [2]int            `json:"slices"`           // old, new
	Change string            `json:"change,omitempty"` // better or worse, where the slices can tell
}

// ComparisonJSON writes the same for programs: a [ComparisonDocument].
func ComparisonJSON(w io.Writer, differences []bench.Difference) error {
	d := ComparisonDocument{Schema: JSONSchema, Differences: []DifferenceDocument{}}
	for _, diff := range differences {
		d.Differences = append(d.Differences, DifferenceDocument{
			Series: diff.Series, Metric: diff.Metric,
			Old: known(diff.Old), New: known(diff.New),
			Ratio: intervalDocument(diff.Ratio), P: known(diff.P), Slices: diff.N, Change: change(diff),
		})
	}
	return writeJSON(w, d)
}

// known is nil for what JSON cannot say.
func known(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}
