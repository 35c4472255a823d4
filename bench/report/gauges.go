package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// mostGauges is how many have a chart.
const mostGauges = 12

// gaugeValue writes a figure of which nothing is known but its name.
func gaugeValue(v float64) string {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) < 1 || math.Abs(v) >= 1e15:
		return significant(v)
	}
	return scaled(v, unit{"G", 1e9}, unit{"M", 1e6}, unit{"k", 1e3}, unit{"", 1})
}

// shownGauges are those that tables show.
func (r run) shownGauges() []bench.Gauge { return r.gauges[:min(len(r.gauges), mostRows)] }

func (r run) gaugesLeftOut() string {
	return leftOut(len(r.shownGauges()), len(r.gauges), "the first")
}

// gaugeTable is the terminal's.
func (r run) gaugeTable(b *strings.Builder) {
	if len(r.gauges) == 0 {
		return
	}
	b.WriteString("\nGauges, as they were after each slice\n")
	g := grid{names: 2}
	g.row("contender", "gauge", "at", "last", "mean", "max")
	shown := r.shownGauges()
	for i, gauge := range shown {
		name := gauge.Contender
		if i > 0 && shown[i-1].Contender == name {
			name = ""
		}
		g.row(name, shorten(gauge.Name, nameLength), strconv.Itoa(gauge.Concurrency), gaugeValue(gauge.Last), gaugeValue(gauge.Mean), gaugeValue(gauge.Max))
	}
	g.write(b)
	if text := r.gaugesLeftOut(); text != "" {
		wrap(b, text, "", "", tableWidth)
	}
}

// gaugeMarkdown is a document's.
func (r run) gaugeMarkdown(b *strings.Builder) {
	if len(r.gauges) == 0 {
		return
	}
	b.WriteString("\n**Gauges**\n\n")
	markdownRow(b, []string{"contender", "gauge", "at", "last", "mean", "max"})
	b.WriteString("|---|---|--:|--:|--:|--:|\n")
	for _, g := range r.shownGauges() {
		markdownRow(b, []string{g.Contender, shorten(g.Name, nameLength), strconv.Itoa(g.Concurrency), gaugeValue(g.Last), gaugeValue(g.Mean), gaugeValue(g.Max)})
	}
	if text := r.gaugesLeftOut(); text != "" {
		b.WriteByte('\n')
		wrap(b, prose(text), "", "", documentWidth)
	}
}

// gaugeRows is the page's table.
func (r run) gaugeRows() table {
	t := table{Heading: []cell{{Text: "contender"}, number("workers"), {Text: "gauge"}, number("last"), number("mean"), number("max")}}
	for _, g := range r.shownGauges() {
		t.Rows = append(t.Rows, []cell{
			{Text: g.Contender}, number(strconv.Itoa(g.Concurrency)), {Text: shorten(g.Name, nameLength)},
			number(gaugeValue(g.Last)), number(gaugeValue(g.Mean)), number(gaugeValue(g.Max)),
		})
	}
	return t
}

// gaugeNames are those of all series.
func (r run) gaugeNames() []string {
	var names []string
	for _, g := range r.gauges {
		if !slices.Contains(names, g.Name) {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names
}

// gaugeCharts are the means over concurrency, a small chart for each gauge; nil
// where one level was measured.
func (r run) gaugeCharts(id string) []chart {
	if len(r.levels()) < 2 {
		return nil
	}
	var charts []chart
	names := r.gaugeNames()
	for i, name := range names[:min(len(names), mostGauges)] {
		c := chart{Title: name}
		for _, s := range sizes(false) {
			c.Drawings = append(c.Drawings, r.gaugeDrawing(id+"-"+strconv.Itoa(i), s, name))
		}
		charts = append(charts, c)
	}
	return charts
}

func (r run) gaugeDrawing(id string, s size, name string) drawing {
	x, y, text := extent{log: true}, extent{}, ""
	y.add(0)
	for _, g := range r.gauges {
		if g.Name == name {
			x.add(float64(g.Concurrency))
			y.add(g.Mean)
			text += fmt.Sprintf("%s: %s. ", at(g.Series), gaugeValue(g.Mean))
		}
	}
	y.high *= 1.06
	s.height = 220
	p := newPlot(id, s, name, text, x, y)
	p.x.low, p.x.high = x.low/1.15, x.high*1.15
	p.yAxis("mean", gaugeValue)
	p.xAxis("concurrent workers", p.levelTicks(r.levels()))
	for i, contender := range r.contenders() {
		points := r.gaugePoints(contender, name)
		p.curve(colour(i), points)
		for _, at := range points {
			p.mark(i, at)
		}
	}
	return p.drawing
}

func (r run) gaugePoints(contender, name string) []point {
	var points []point
	for _, g := range r.gauges {
		if g.Contender == contender && g.Name == name && g.Concurrency > 0 {
			points = append(points, point{float64(g.Concurrency), g.Mean})
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points
}

// gaugeKeys is the legend of the charts.
func (r run) gaugeKeys() []key {
	var keys []key
	for i, name := range r.contenders() {
		if slices.ContainsFunc(r.gauges, func(g bench.Gauge) bool { return g.Contender == name }) {
			keys = append(keys, seriesKey(i, name))
		}
	}
	return keys
}
