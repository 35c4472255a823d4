package report

import (
	"fmt"

	"github.com/rescindhq/rescind/bench"
)

// estimate is one row of the chart of ratios.
type estimate struct {
	series int
	name   string
	hollow bool // CPU time, beside wall time
	ratio  bench.Interval
	// heading stands above the first of those whose guarantee is not the
	// baseline's.
	heading string
}

// estimates are the ratios by time and by the CPU time of all processes; those
// of single processes stand in the table.
func (r run) estimates() []estimate {
	var all []estimate
	heading := ""
	for i, ratio := range r.ratios {
		name, series, first := at(ratio.Series), r.series(ratio.Contender), len(all)
		if r.beginsOther(i) {
			heading = r.otherHeading(ratio.Contender)
		}
		for _, m := range r.measures() {
			if i := m.of(ratio); finite(i.Center) && i.Center > 0 {
				all = append(all, estimate{series: series, name: name + ", " + m.name, ratio: i})
			}
		}
		if cpu, ok := ratio.CPU[bench.AllProcesses]; ok && finite(cpu.Center) && cpu.Center > 0 {
			all = append(all, estimate{series: series, name: name + ", CPU", hollow: true, ratio: cpu})
		}
		if len(all) > first {
			all[first].heading, heading = heading, ""
		}
	}
	return all
}

// ratioChart is a dot with its interval for each ratio, on a log axis around 1:
// twice and half are as far from it. Nil without ratios.
func (r run) ratioChart(id string) []chart {
	all := r.estimates()
	if len(all) == 0 {
		return nil
	}
	var c chart
	for _, s := range sizes(true) {
		c.Drawings = append(c.Drawings, r.ratioDrawing(id, s, all))
	}
	return []chart{c}
}

func (r run) ratioDrawing(id string, s size, all []estimate) drawing {
	x, text := extent{log: true}, ""
	x.add(0.8, 1.25) // 1 is in sight, and not at an edge
	for _, e := range all {
		x.add(e.ratio.Center, e.ratio.Low, e.ratio.High)
		text += e.name + " " + interval(e.ratio) + ". "
	}
	row, gap := 22.0, 10.0
	if !s.direct {
		row = 38 // with the name above
	}
	p := &plot{left: 12, right: s.width - 16, top: 26}
	if s.direct {
		p.left, p.right = 240, s.width-150
	}
	places := rows(all, p.top, row, gap)
	p.bottom = places[len(all)-1] + 14
	p.drawing = newDrawing(id, s.class, s.width, p.bottom+46, "Ratios to "+r.over(), text)
	p.x = x.axis(p.left, p.right)
	p.xAxis("ratio to "+shorten(r.over(), 24)+", log scale", p.x.ticks(40, significant))
	one := p.x.at(1)
	p.line("one", one, p.top, one, p.bottom)
	less := "← less than " + shorten(r.over(), 16)
	if textWidth(less, fontSize) > one-p.left {
		less = "← less"
	}
	p.text("axis", "end", one-8, p.top-8, less)
	p.text("axis", "start", one+8, p.top-8, "more →")
	for i, e := range all {
		if e.heading != "" {
			p.text("name strong", "start", 12, places[i]-row+4, shorten(e.heading, int((s.width-24)/fontSize*1.7)))
		}
		p.estimate(e, places[i], s)
	}
	return p.drawing
}

// headingRow is how much room the heading of several rows takes.
const headingRow = 26

// rows are the places of estimates below each other, with a gap between
// contenders.
func rows(all []estimate, top, row, gap float64) []float64 {
	places := make([]float64, len(all))
	for i, e := range all {
		top += row
		if i > 0 && e.series != all[i-1].series {
			top += gap
		}
		if e.heading != "" {
			top += headingRow
		}
		places[i] = top - 8
	}
	return places
}

func (p *plot) estimate(e estimate, y float64, s size) {
	value := interval(e.ratio)
	if s.direct {
		p.text("name", "end", p.left-14, y+4, shorten(e.name, 32))
		p.text("tick", "start", p.right+14, y+4, value)
	} else {
		p.text("name", "start", p.left, y-13, shorten(e.name, 28))
		p.text("tick", "end", p.right, y-13, value)
	}
	if bounded(e.ratio) {
		low, high := p.x.at(e.ratio.Low), p.x.at(e.ratio.High)
		p.path("curve "+colour(e.series), fmt.Sprintf("M%[1]s %[3]sL%[2]s %[3]sM%[1]s %[4]sL%[1]s %[5]sM%[2]s %[4]sL%[2]s %[5]s",
			px(low), px(high), px(y), px(y-4), px(y+4)))
	}
	class := "mark "
	if e.hollow {
		class = "mark hollow "
	}
	p.path(class+colour(e.series), sign(e.series, p.x.at(e.ratio.Center), y))
}

// ratioKeys is the legend: each contender has its own sign, which is filled or
// hollow.
func (r run) ratioKeys() []key {
	const whiskers = "M2 6L28 6M2 2L2 10M28 2L28 10"
	var filled, hollow bool
	for _, e := range r.estimates() {
		filled, hollow = filled || !e.hollow, hollow || e.hollow
	}
	text := "time per operation"
	if r.Header.Open {
		text = "latency"
	}
	var keys []key
	if filled {
		keys = append(keys, key{text, []shape{{"curve plain", whiskers}, {"mark plain", sign(0, 15, 6)}}})
	}
	if hollow {
		keys = append(keys, key{"CPU time of all processes", []shape{{"curve plain", whiskers}, {"mark hollow plain", sign(0, 15, 6)}}})
	}
	return keys
}
