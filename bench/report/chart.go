package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// drawing is one SVG, in the terms in which the page writes it: the template
// escapes every text, and every number has become text here.
type drawing struct {
	ID, Class   string
	Title, Desc string // for those who do not see it
	W, H        string
	Lines       []segment // below
	Shapes      []shape
	Labels      []label // above
}

type segment struct{ Class, X1, Y1, X2, Y2 string }

// shape is a path. Its class names the colour, c0 to c7, and the kind of line.
type shape struct{ Class, D string }

type label struct{ Class, Anchor, X, Y, Text string }

// size is a form of a chart. Each chart is drawn for a wide screen and for a
// narrow one, since text that shrinks with the drawing cannot be read.
type size struct {
	class         string
	width, height float64
	direct        bool // there is room for names beside the curves
}

const fontSize = 12 // of drawings, in their own units

func wide() size   { return size{"wide", 1060, 400, true} }
func half() size   { return size{"wide", 520, 330, false} }
func narrow() size { return size{"narrow", 320, 290, false} }

// sizes are those of a chart that stands alone, or beside others of its kind.
func sizes(alone bool) []size {
	if alone {
		return []size{wide(), narrow()}
	}
	return []size{half(), narrow()}
}

// plot is a drawing with axes.
type plot struct {
	drawing
	x, y                     axis
	left, right, top, bottom float64
}

func newPlot(id string, s size, title, desc string, x, y extent) *plot {
	p := &plot{left: 52, right: s.width - 16, top: 30, bottom: s.height - 46}
	if s.direct {
		p.right = s.width - 190
	}
	p.drawing = newDrawing(id, s.class, s.width, s.height, title, desc)
	p.x, p.y = x.axis(p.left, p.right), y.axis(p.bottom, p.top)
	return p
}

func newDrawing(id, class string, width, height float64, title, desc string) drawing {
	return drawing{ID: id + "-" + class, Class: class, Title: title, Desc: desc, W: px(width), H: px(height)}
}

// px writes a place with one decimal: a tenth of a pixel is enough.
func px(v float64) string {
	if !finite(v) {
		return "0"
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.Lines = append(d.Lines, segment{class, px(x1), px(y1), px(x2), px(y2)})
}

func (d *drawing) text(class, anchor string, x, y float64, text string) {
	d.Labels = append(d.Labels, label{class, anchor, px(x), px(y), text})
}

func (d *drawing) path(class, path string) {
	if path != "" {
		d.Shapes = append(d.Shapes, shape{class, path})
	}
}

// yAxis draws horizontal lines with their values, and what they are above.
func (p *plot) yAxis(title string, name func(float64) string) {
	for _, t := range p.y.ticks(28, name) {
		class := "grid"
		if t.main {
			class = "grid main"
		}
		p.line(class, p.left, t.place, p.right, t.place)
		p.text("tick", "end", p.left-7, t.place+4, t.label)
	}
	p.text("axis", "start", 0, p.top-16, title)
}

// xAxis draws vertical lines. Where two labels would touch, the later one is
// left out, and the last of all stays.
func (p *plot) xAxis(title string, ticks []tick) {
	free := p.left - 30
	for _, t := range ticks {
		p.line("grid", t.place, p.top, t.place, p.bottom)
		wide := textWidth(t.label, fontSize) / 2
		if t.place-wide < free || t.place+wide > p.right+16 {
			continue
		}
		p.text("tick", "middle", t.place, p.bottom+18, t.label)
		free = t.place + wide + 8
	}
	p.line("base", p.left, p.bottom, p.right, p.bottom)
	p.text("axis", "end", p.right, p.bottom+38, title)
}

// point is a value of both axes.
type point struct{ x, y float64 }

// curve joins points; what cannot be drawn breaks it.
func (p *plot) curve(class string, points []point) {
	var b strings.Builder
	command := "M"
	for _, at := range points {
		if !finite(at.x) || !finite(at.y) || (p.y.log && at.y <= 0) {
			command = "M"
			continue
		}
		b.WriteString(command + px(p.x.at(at.x)) + " " + px(p.y.at(at.y)))
		command = "L"
	}
	p.path("curve "+class, b.String())
}

// mark is a sign of its own for each series, so that colours need not be told
// apart.
func (p *plot) mark(series int, at point) {
	if finite(at.x) && finite(at.y) {
		p.path("mark "+colour(series), sign(series, p.x.at(at.x), p.y.at(at.y)))
	}
}

// named is a curve's end, and what to write beside it.
type named struct {
	series int
	end    point
	text   string
}

// names writes the names of curves at the right, each on a line of its own, and
// leads from the curve's end to its name. Where they have no room, the legend
// has to do.
func (p *plot) names(ends []named) {
	const line = fontSize + 4
	if float64(len(ends))*line > p.bottom-p.top {
		return
	}
	slices.SortStableFunc(ends, func(a, b named) int { return cmp.Compare(b.end.y, a.end.y) })
	places := make([]float64, len(ends))
	for i, e := range ends {
		places[i] = p.y.at(e.end.y)
	}
	for i, y := range spread(places, line, p.top, p.bottom) {
		class := colour(ends[i].series)
		x := p.x.at(ends[i].end.x)
		p.path("lead "+class, "M"+px(x)+" "+px(places[i])+"L"+px(p.right)+" "+px(places[i])+"L"+px(p.right+14)+" "+px(y))
		p.path("mark "+class, sign(ends[i].series, p.right+21, y))
		p.text("name", "start", p.right+30, y+4, shorten(ends[i].text, 24))
	}
}

// colour is the class of a series' colour.
func colour(series int) string { return "c" + strconv.Itoa(series%colours) }

// colours is how many the page has.
const colours = 8

// sign is the path of a series' sign around x, y. Beyond eight series colours
// come again, with another sign.
func sign(series int, x, y float64) string {
	corners := [][]point{
		nil,
		{{-4, -4}, {4, -4}, {4, 4}, {-4, 4}},
		{{0, -5}, {5, 4}, {-5, 4}},
		{{0, -5.5}, {5.5, 0}, {0, 5.5}, {-5.5, 0}},
		{{-5, -4}, {5, -4}, {0, 5}},
		{{-1.5, -5}, {1.5, -5}, {1.5, -1.5}, {5, -1.5}, {5, 1.5}, {1.5, 1.5}, {1.5, 5}, {-1.5, 5}, {-1.5, 1.5}, {-5, 1.5}, {-5, -1.5}, {-1.5, -1.5}},
		{{-5, -3}, {-3, -5}, {0, -2}, {3, -5}, {5, -3}, {2, 0}, {5, 3}, {3, 5}, {0, 2}, {-3, 5}, {-5, 3}, {-2, 0}},
		{{-5, 0}, {-2.5, -4.5}, {2.5, -4.5}, {5, 0}, {2.5, 4.5}, {-2.5, 4.5}},
	}[(series+series/colours)%colours]
	if corners == nil {
		return "M" + px(x-4.5) + " " + px(y) + "a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z"
	}
	return polygon(x, y, corners)
}

func polygon(x, y float64, corners []point) string {
	var b strings.Builder
	for i, c := range corners {
		command := "L"
		if i == 0 {
			command = "M"
		}
		b.WriteString(command + px(x+c.x) + " " + px(y+c.y))
	}
	return b.String() + "Z"
}

func box(x, y, width, height float64) string {
	return polygon(x, y, []point{{0, 0}, {width, 0}, {width, height}, {0, height}})
}

// shorten takes letters out of text that has no room; legends and tables have
// it in full. They are taken before the middle: URLs of one server differ at
// their ends.
func shorten(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	head := (most - 1) / 3
	return string(letters[:head]) + "…" + string(letters[len(letters)-(most-1-head):])
}

// key is one line of a legend: a sign, or two kinds of line.
type key struct {
	Text   string
	Shapes []shape // in a field of 30 by 12
}

func seriesKey(series int, text string) key {
	return key{text, []shape{
		{"curve " + colour(series), "M1 6L29 6"},
		{"mark " + colour(series), sign(series, 15, 6)},
	}}
}

func lineKey(class, text string) key {
	return key{text, []shape{{"curve " + class, "M1 6L29 6"}}}
}
