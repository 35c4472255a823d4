package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

// throughputChart is the rate against the number of workers; nil where only one
// level was measured, or the plan fixed the rate.
func (r run) throughputChart(id string) []chart {
	progress := func(s bench.Summary) bool { return s.Rate > 0 }
	if r.Header.Open || len(r.levels()) < 2 || !slices.ContainsFunc(r.summaries, progress) {
		return nil
	}
	var c chart
	for _, s := range sizes(true) {
		c.Drawings = append(c.Drawings, r.throughputDrawing(id, s))
	}
	return []chart{c}
}

// levels of concurrency, rising.
func (r run) levels() []int {
	var levels []int
	for _, s := range r.summaries {
		if !slices.Contains(levels, s.Concurrency) {
			levels = append(levels, s.Concurrency)
		}
	}
	slices.Sort(levels)
	return levels
}

// manifold is from how great a ratio on rates are drawn on a log axis: on a
// linear one the slow would lie on the ground.
const manifold = 20

func (r run) throughputDrawing(id string, s size) drawing {
	x, y, text := extent{log: true}, extent{log: true}, ""
	for _, summary := range r.summaries {
		x.add(float64(summary.Concurrency))
		y.add(summary.Rate)
		text += fmt.Sprintf("%s: %s. ", at(summary.Series), perSecond(summary.Rate))
	}
	if y.some && y.high/y.low < manifold {
		y.log, y.low = false, 0
		y.high *= 1.05
	}
	p := newPlot(id, s, "Throughput against concurrency", text, x, y)
	p.x.low, p.x.high = x.low/1.15, x.high*1.15
	p.yAxis("operations a second", perSecond)
	p.xAxis("concurrent workers", p.levelTicks(r.levels()))
	var ends []named
	for i, contender := range r.contenders() {
		if points := r.rates(contender); len(points) > 0 {
			p.curve(colour(i), points)
			for _, at := range points {
				p.mark(i, at)
			}
			ends = append(ends, named{i, points[len(points)-1], contender})
		}
	}
	if s.direct {
		p.names(ends)
	}
	return p.drawing
}

func (r run) rates(contender string) []point {
	var points []point
	for _, s := range r.summaries {
		if s.Contender == contender && s.Concurrency > 0 && finite(s.Rate) && s.Rate > 0 {
			points = append(points, point{float64(s.Concurrency), s.Rate})
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return points
}

func (p *plot) levelTicks(levels []int) []tick {
	var ticks []tick
	for _, level := range levels {
		if level > 0 {
			ticks = append(ticks, tick{place: p.x.at(float64(level)), label: strconv.Itoa(level)})
		}
	}
	return ticks
}
