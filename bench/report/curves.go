package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

// chart is one picture, drawn in several sizes.
type chart struct {
	Title    string // empty where the chart stands alone
	Drawings []drawing
}

// trace is a series as one curve among others: the same contender has the same
// sign and colour in every chart of a run.
type trace struct {
	series  int
	name    string
	summary bench.Summary
}

// group is the traces of one chart.
type group struct {
	title  string
	traces []trace
}

// groups puts contenders that took turns in one chart, by concurrency; levels of
// a lone contender too.
func (r run) groups() []group {
	if len(r.contenders()) == 1 {
		var g group
		for i, s := range r.drawable() {
			g.traces = append(g.traces, trace{i, workers(s.Concurrency), s})
		}
		return slices.DeleteFunc([]group{g}, func(g group) bool { return len(g.traces) == 0 })
	}
	var groups []group
	for _, s := range r.drawable() {
		i := slices.IndexFunc(groups, func(g group) bool { return g.title == workers(s.Concurrency) })
		if i < 0 {
			groups, i = append(groups, group{title: workers(s.Concurrency)}), len(groups)
		}
		groups[i].traces = append(groups[i].traces, trace{r.series(s.Contender), s.Contender, s})
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		return cmp.Compare(a.traces[0].summary.Concurrency, b.traces[0].summary.Concurrency)
	})
	return groups
}

// drawable is the summaries that have latencies.
func (r run) drawable() []bench.Summary {
	return slices.DeleteFunc(slices.Clone(r.summaries), func(s bench.Summary) bool {
		_, ok := percentile(s, 50)
		return !ok
	})
}

// contenders in the order of the summary.
func (r run) contenders() []string {
	var names []string
	for _, s := range r.summaries {
		if !slices.Contains(names, s.Contender) {
			names = append(names, s.Contender)
		}
	}
	return names
}

func (r run) series(contender string) int { return max(0, slices.Index(r.contenders(), contender)) }

func workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return strconv.Itoa(n) + " workers"
}

// keys is the legend that charts of groups share.
func keys(groups []group) []key {
	var all []key
	seen := map[string]bool{}
	for _, g := range groups {
		for _, t := range g.traces {
			if !seen[t.name] {
				seen[t.name] = true
				all = append(all, seriesKey(t.series, t.name))
			}
		}
	}
	return all
}

// percentileCharts are latencies on the scale of HDR histograms: each step to
// the right is ten times as rare.
func (r run) percentileCharts(id string) []chart {
	groups := r.groups()
	var charts []chart
	for i, g := range groups {
		c := chart{Title: g.title}
		for _, s := range sizes(len(groups) == 1) {
			c.Drawings = append(c.Drawings, percentileDrawing(id+"-"+strconv.Itoa(i), s, g))
		}
		charts = append(charts, c)
	}
	return charts
}

func percentileDrawing(id string, s size, g group) drawing {
	x, y := extent{log: true}, extent{log: true}
	curves := make([][]point, len(g.traces))
	for i, t := range g.traces {
		curves[i] = distribution(t.summary, int(s.width/4))
		for _, at := range curves[i] {
			x.add(at.x)
			y.add(at.y)
		}
	}
	x.add(1, 100)
	p := newPlot(id, s, "Latency by percentile"+among(g.title), describePercentiles(g), x, y)
	p.x.high = x.high
	p.yAxis("latency", nanoseconds)
	ticks := p.percentileTicks()
	p.xAxis("percentile of operations", ticks)
	var ends []named
	for i, t := range g.traces {
		p.curve(colour(t.series), curves[i])
		for _, tick := range ticks {
			p.markAt(t.series, curves[i], tick.place)
		}
		ends = append(ends, named{t.series, curves[i][len(curves[i])-1], t.name})
	}
	if s.direct {
		p.names(ends)
	}
	return p.drawing
}

// distribution is the percentile curve, x being 1/(1-percentile), and its last
// point the maximum.
func distribution(s bench.Summary, points int) []point {
	n := float64(s.Latency.TotalCount())
	ranks := make([]float64, points)
	percents := make([]float64, points)
	for i := range points {
		ranks[i] = math.Pow(n, float64(i)/float64(points))
		percents[i] = 100 * (1 - 1/ranks[i])
	}
	var curve []point
	for i, value := range s.Latency.ValueAtPercentilesSlice(percents) {
		curve = append(curve, point{ranks[i], float64(max(value, 1))})
	}
	return append(curve, point{n, float64(max(s.Latency.Max(), 1))})
}

func (p *plot) percentileTicks() []tick {
	ticks := []tick{{place: p.x.at(2), label: "50 %"}}
	for nines := 1; math.Pow(10, float64(nines)) <= p.x.high*(1+1e-9); nines++ {
		percent := 100 * (1 - math.Pow(10, -float64(nines)))
		ticks = append(ticks, tick{
			place: p.x.at(math.Pow(10, float64(nines))),
			label: strconv.FormatFloat(percent, 'f', max(0, nines-2), 64) + " %",
		})
	}
	return ticks
}

// markAt puts a series' sign on its curve at a place of the x axis; a curve that
// ends before has none there.
func (p *plot) markAt(series int, curve []point, place float64) {
	for i := 1; i < len(curve); i++ {
		before, after := p.x.at(curve[i-1].x), p.x.at(curve[i].x)
		if before > place || place > after || after == before {
			continue
		}
		way := (place - before) / (after - before)
		from, to := p.y.at(curve[i-1].y), p.y.at(curve[i].y)
		p.path("mark "+colour(series), sign(series, place, from+way*(to-from)))
		return
	}
}

func among(title string) string {
	if title == "" {
		return ""
	}
	return ", " + title
}

func describePercentiles(g group) string {
	text := ""
	for _, t := range g.traces {
		text += fmt.Sprintf("%s: p50 %s, p99 %s, max %s. ", t.name,
			percentileText(t.summary, 50), percentileText(t.summary, 99), percentileText(t.summary, 100))
	}
	return text
}
