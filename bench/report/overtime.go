package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

// moment is the latency of one slice, or of a few that stand together.
type moment struct{ second, p50, p99 float64 }

// moments are a series' slices by time, at most so many: where there are more,
// a moment has the median p50 and the worst p99 of several, so that no stall is
// smoothed away.
func (r run) moments(s bench.Series, most int) []moment {
	var all []moment
	for _, slice := range r.Slices {
		if slice.Contender != s.Contender || slice.Concurrency != s.Concurrency ||
			slice.Latency == nil || slice.Latency.TotalCount() == 0 {
			continue
		}
		all = append(all, moment{
			second: (slice.At + slice.Wall/2).Seconds(),
			p50:    float64(max(1, slice.Latency.ValueAtPercentile(50))),
			p99:    float64(max(1, slice.Latency.ValueAtPercentile(99))),
		})
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.second, b.second) })
	if len(all) <= most {
		return all
	}
	var thin []moment
	for chunk := range slices.Chunk(all, (len(all)+most-1)/most) {
		thin = append(thin, together(chunk))
	}
	return thin
}

func together(chunk []moment) moment {
	sum, middle, worst := 0.0, []float64{}, 0.0
	for _, m := range chunk {
		sum += m.second
		middle = append(middle, m.p50)
		worst = max(worst, m.p99)
	}
	slices.Sort(middle)
	return moment{sum / float64(len(chunk)), middle[len(middle)/2], worst}
}

// timeCharts are latencies as they went along.
func (r run) timeCharts(id string) []chart {
	if len(r.outcomes) > 0 {
		return nil // "What callers saw" has them, with what happened
	}
	groups := r.groups()
	var charts []chart
	for i, g := range groups {
		c := chart{Title: g.title}
		for _, s := range sizes(len(groups) == 1) {
			c.Drawings = append(c.Drawings, r.timeDrawing(id+"-"+strconv.Itoa(i), s, g))
		}
		charts = append(charts, c)
	}
	return charts
}

func (r run) timeDrawing(id string, s size, g group) drawing {
	x, y := extent{}, extent{log: true}
	series := make([][]moment, len(g.traces))
	for i, t := range g.traces {
		series[i] = r.moments(t.summary.Series, int(s.width/5))
		for _, m := range series[i] {
			x.add(m.second)
			y.add(m.p50, m.p99)
		}
	}
	p := newPlot(id, s, "Latency over time"+among(g.title), r.describeTimes(g), x, y)
	p.yAxis("latency", nanoseconds)
	p.xAxis("time since the run began", p.x.ticks(46, seconds))
	var ends []named
	for i, t := range g.traces {
		ends = append(ends, p.timeCurves(t, series[i])...)
	}
	if s.direct {
		p.names(ends)
	}
	return p.drawing
}

// timeCurves draws p50 with a whole line and p99 with a broken one.
func (p *plot) timeCurves(t trace, moments []moment) []named {
	if len(moments) == 0 {
		return nil
	}
	var low, high []point
	for _, m := range moments {
		low = append(low, point{m.second, m.p50})
		high = append(high, point{m.second, m.p99})
	}
	p.curve(colour(t.series), low)
	p.curve("broken "+colour(t.series), high)
	for _, points := range [][]point{low, high} {
		p.mark(t.series, points[0])
		p.mark(t.series, points[len(points)-1])
	}
	name := shorten(t.name, 20)
	return []named{{t.series, low[len(low)-1], name + " p50"}, {t.series, high[len(high)-1], name + " p99"}}
}

func seconds(v float64) string { return fmt.Sprintf("%.4g s", v) }

func (r run) describeTimes(g group) string {
	text := ""
	for _, t := range g.traces {
		moments := r.moments(t.summary.Series, 1)
		if len(moments) == 1 {
			text += fmt.Sprintf("%s: p50 of the median slice %s, p99 of the worst %s. ",
				t.name, nanoseconds(moments[0].p50), nanoseconds(moments[0].p99))
		}
	}
	return text
}
