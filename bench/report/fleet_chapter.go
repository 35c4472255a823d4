package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// fleetChapter shows what mirrors cost their Redis: what was measured, the lines
// through it, and what these say about more mirrors.
func (r run) fleetChapter(id string) chapter {
	f, ok := r.Fleet()
	if !ok {
		return chapter{ID: id}
	}
	c := chapter{
		ID: id, Heading: "One Redis and its mirrors", Text: fleetIntroduction(f),
		Table: fleetRows(f), Said: each(f.Notes(), sentence), Tabular: true,
	}
	charts := []fleetLine{
		{"CPU time of Redis", "of a core", share, f.ShareAt, func(p bench.FleetPoint) float64 { return p.Share }, false},
		{"How stale mirrors are, p50", "latency", fleetSeconds, f.P50At, func(p bench.FleetPoint) float64 { return known0(p.P50.Seconds()) }, true},
	}
	for i, l := range charts {
		one := chart{Title: l.title}
		for _, s := range sizes(false) {
			one.Drawings = append(one.Drawings, l.draw(id+"-"+strconv.Itoa(i), s, f.Points))
		}
		c.Charts = append(c.Charts, one)
	}
	c.Keys = []key{
		{"measured", []shape{{"mark c0", sign(0, 15, 6)}}},
		lineKey("broken plain", "the line through it"),
	}
	if slices.ContainsFunc(f.Points, func(p bench.FleetPoint) bool { return p.Full || p.Behind || p.Rests }) {
		c.Keys = append(c.Keys, key{"does not count", []shape{{"mark hollow c0", sign(0, 15, 6)}}})
	}
	return c
}

func fleetIntroduction(f bench.Fleet) string {
	text := "A dot is a number of mirrors as it was measured"
	if f.Revocations > 0 {
		text += fmt.Sprintf(", at %.3g revocations a second: how much mirrors cost depends on it", f.Revocations)
	}
	return text + ". The rows for 1,000 and more mirrors are what the lines say, with the interval in which another measurement would be 19 times out of 20."
}

// sentence makes one of a note.
func sentence(note string) string {
	if note == "" {
		return ""
	}
	first := []rune(note)
	return strings.ToUpper(string(first[0])) + string(first[1:]) + "."
}

// known0 is a figure of which zero means that it is not known.
func known0(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

func fleetSeconds(v float64) string { return nanoseconds(v * 1e9) }

// fleetLine is one figure of a fleet, over the number of mirrors.
type fleetLine struct {
	title, unit string
	text        func(float64) string
	line        func(mirrors int) bench.Interval // NaN where there is none
	of          func(bench.FleetPoint) float64
	waiting     bool // what was measured on a machine without a free core, or of mirrors that rest, does not count
}

func (l fleetLine) counts(p bench.FleetPoint) bool {
	return !p.Behind && !(l.waiting && (p.Full || p.Rests))
}

func (l fleetLine) draw(id string, s size, points []bench.FleetPoint) drawing {
	x, y, text := extent{}, extent{}, ""
	x.add(0)
	y.add(0)
	for _, p := range points {
		x.add(float64(p.Mirrors))
		y.add(l.of(p))
		text += fmt.Sprintf("%d mirrors: %s. ", p.Mirrors, l.text(l.of(p)))
	}
	line := l.points(x.high)
	for _, at := range line {
		if finite(at.y) {
			y.add(at.y)
		}
	}
	y.high *= 1.08
	s.height = 250
	p := newPlot(id, s, l.title, text, x, y)
	p.yAxis(l.unit, func(v float64) string { return plain(l.text(v)) })
	p.xAxis("mirrors", p.x.ticks(40, func(v float64) string { return count(int64(v)) }))
	p.curve("broken plain", line)
	for _, measured := range points {
		at := point{float64(measured.Mirrors), l.of(measured)}
		if !finite(at.y) {
			continue
		}
		class := "mark c0"
		if !l.counts(measured) {
			class = "mark hollow c0"
		}
		p.path(class, sign(0, p.x.at(at.x), p.y.at(at.y)))
	}
	return p.drawing
}

// points are those of the line: it has a bend where mirrors begin to rest.
func (l fleetLine) points(mirrors float64) []point {
	const parts = 64
	var points []point
	for i := range parts + 1 {
		n := math.Round(mirrors * float64(i) / parts)
		points = append(points, point{n, max(0, l.line(int(n)).Center)})
	}
	return points
}

// fleetRows has what was measured, and below it what the lines say.
func fleetRows(f bench.Fleet) table {
	t := table{Heading: []cell{
		{Text: "mirrors"}, number("Redis, of a core"), number("connections"), number("sent"), number("reads each"),
		number("stale p50"), number("stale p99"), number("Redis needed"),
	}}
	for _, p := range f.Points {
		cells := fleetPoint(p)
		row := []cell{{Text: cells[0] + " measured"}}
		for _, text := range cells[1:7] {
			row = append(row, number(text))
		}
		t.Rows = append(t.Rows, append(row, number("")))
	}
	for _, e := range f.Estimates {
		t.Rows = append(t.Rows, fleetEstimateRow(e))
	}
	return t
}

func fleetEstimateRow(e bench.FleetEstimate) []cell {
	shares := number(cores(e.Share.Center))
	if bounded(e.Share) {
		text := significant
		if math.Abs(e.Share.Center) < 1 {
			text = share
		}
		shares.Below = text(max(e.Share.Low, 0)) + "–" + text(e.Share.High)
	}
	connections := number(fleetConnections(e.Connections))
	if e.Refused {
		connections.Below = "more than it allows"
	}
	servers := number(strconv.Itoa(e.Servers))
	switch {
	case e.Servers > 1:
		servers.Below = "one does not do"
	case e.Doubtful:
		servers.Below = "one may not do"
	}
	return []cell{
		{Text: strconv.Itoa(e.Mirrors) + " estimated"}, shares, connections, number(bytesPerSecond(e.Bytes.Center)), number(perSecond(e.Reads)),
		number(fleetSeconds(e.P50.Center)), number(fleetSeconds(e.P99.Center)), servers,
	}
}

// fleetMarkdown is a document's.
func (r run) fleetMarkdown(b *strings.Builder) {
	f, ok := r.Fleet()
	if !ok {
		return
	}
	b.WriteString("\n**One Redis and its mirrors**\n\n")
	t := fleetRows(f)
	markdownRow(b, texts(t.Heading))
	b.WriteString("|---" + strings.Repeat("|--:", len(t.Heading)-1) + "|\n")
	for _, row := range t.Rows {
		markdownRow(b, texts(row))
	}
	b.WriteByte('\n')
	for _, note := range each(f.Notes(), sentence) {
		wrap(b, prose(note), "- ", "  ", documentWidth)
	}
}

// texts are cells in one line each.
func texts(row []cell) []string {
	var all []string
	for _, c := range row {
		text := c.Text
		if c.Below != "" {
			text += " (" + c.Below + ")"
		}
		all = append(all, text)
	}
	return all
}
