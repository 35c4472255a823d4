package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// many is from how many series on each is drawn with less.
const many = 8

// outcomeForm is how one size of these charts is laid out: the names of events
// on lines of their own, then two plots over one axis.
type outcomeForm struct {
	size
	lanes        int // of names
	name         int // letters of one
	rates, below float64
	beats        int
}

func outcomeForms(series int) []outcomeForm {
	wide, narrow := outcomeForm{wide(), 2, 22, 130, 96, 250}, outcomeForm{narrow(), 4, 16, 110, 80, 120}
	if series > many {
		wide.rates, wide.below, wide.beats = 80, 60, 120
		narrow.rates, narrow.below, narrow.beats = 80, 60, 60
	}
	return []outcomeForm{wide, narrow}
}

// outcomeScale is what the charts have in common, so that contenders compare.
type outcomeScale struct {
	x, rates, latency extent
	own               bool // the rates are too far apart for one scale
}

// outcomeChapter has, one below the other, what callers of each series saw, and
// a table of all events.
func (r run) outcomeChapter(id string) chapter {
	fates := r.fates()
	stories := r.stories(fates)
	scale := newOutcomeScale(stories)
	c := chapter{
		ID: id, Heading: "What callers saw", Text: scale.introduction(), Keys: fateKeys(fates),
		Stacked: true, Tabular: true, Table: r.outcomeRows(), Below: join(" ", r.outcomesLeftOut(), r.outcomeMeaning()),
	}
	for i, s := range stories {
		one := chart{Title: r.storyTitle(s.series)}
		for _, form := range outcomeForms(len(stories)) {
			one.Drawings = append(one.Drawings, form.draw(id+"-"+strconv.Itoa(i), s, fates, scale))
		}
		c.Charts = append(c.Charts, one)
	}
	return c
}

func (scale outcomeScale) introduction() string {
	text := "What became of operations, at the time at which they began or were due. Something was done to the contender where it is shaded. " +
		"Below, the latency of those that were answered: where there is no line, nobody was. "
	if scale.own {
		return text + "All charts have one axis of time and one of latency. The rates are so far apart that each has a scale of its own."
	}
	return text + "All charts have the same axes."
}

func (r run) storyTitle(s bench.Series) string {
	title := s.Contender + ", " + workers(s.Concurrency)
	if r.guarantees() {
		title += " – guarantee: " + r.guarantee(s.Contender)
	}
	return title
}

func newOutcomeScale(stories []story) outcomeScale {
	scale := outcomeScale{latency: extent{log: true}}
	var peaks extent
	for _, s := range stories {
		for _, b := range s.beats {
			scale.x.add(b.from, b.until)
			scale.latency.add(b.p50, b.p99)
		}
		rates := s.rates()
		peaks.add(rates.high)
		scale.rates.add(rates.low, rates.high)
	}
	scale.own = peaks.low > 0 && peaks.high/peaks.low > manifold
	return scale
}

// rates is what the axis of a story's rates has to show.
func (s story) rates() extent {
	var e extent
	e.add(0)
	for _, b := range s.beats {
		e.add(b.all())
	}
	e.high *= 1.04
	return e
}

func (f outcomeForm) draw(id string, s story, fates []fate, scale outcomeScale) drawing {
	const lane, title, gap = 15.0, 20.0, 38.0
	p := &plot{left: 58, right: f.width - 16}
	p.x = scale.x.axis(p.left, p.right)
	names, lanes := p.placeNames(s.events, f)
	p.top = title + lane*float64(lanes) + 6
	p.bottom = p.top + f.rates
	upper := [2]float64{p.top, p.bottom}
	p.drawing = newDrawing(id, f.class, f.width, p.bottom+gap+f.below+46, "What callers saw: "+at(s.series), s.describe())

	p.y = scale.rates.axis(p.bottom, p.top)
	if scale.own {
		p.y = s.rates().axis(p.bottom, p.top)
	}
	p.text("axis", "start", 0, 12, "operations a second")
	p.yTicks(perSecond)
	ticks := p.x.ticks(46, seconds)
	for _, t := range ticks {
		p.line("grid", t.place, p.top, t.place, p.bottom)
	}
	p.line("base", p.left, p.bottom, p.right, p.bottom)
	beats := thinned(s.beats, f.beats)
	for _, part := range unbroken(beats) {
		p.stackFates(part, fates)
	}

	p.top, p.bottom = p.bottom+gap, p.bottom+gap+f.below
	p.y = scale.latency.axis(p.bottom, p.top)
	p.yAxis("latency of those that were answered", nanoseconds)
	p.xAxis("time since the contender's turn began", ticks)
	p.latencySteps(beats)

	p.bands(s.events, upper[0], upper[1])
	p.bands(s.events, p.top, p.bottom)
	for _, n := range names {
		y := title + lane*float64(n.lane)
		p.path("edge", "M"+px(n.event)+" "+px(y)+"L"+px(n.event)+" "+px(p.bottom))
		p.text("name", "start", n.start, y+10, n.text)
	}
	return p.drawing
}

// yTicks draws the lines of the axis that goes up, with their values.
func (p *plot) yTicks(name func(float64) string) {
	for _, t := range p.y.ticks(28, name) {
		p.line("grid", p.left, t.place, p.right, t.place)
		p.text("tick", "end", p.left-7, t.place+4, t.label)
	}
}

// stackFates draws what became of operations as areas on each other. They have
// steps: what happened when in a slice is not known.
func (p *plot) stackFates(beats []beat, fates []fate) {
	floor := make([]float64, len(beats))
	for i, f := range fates {
		var there, back []string
		empty := true
		for j, b := range beats {
			low, high := p.y.at(floor[j]), p.y.at(floor[j]+b.rate(i))
			empty = empty && b.counts[i] == 0
			floor[j] += b.rate(i)
			from, until := px(p.x.at(b.from)), px(p.x.at(b.until))
			there = append(there, from+" "+px(high), until+" "+px(high))
			back = append(back, from+" "+px(low), until+" "+px(low))
		}
		if empty {
			continue
		}
		for l, r := 0, len(back)-1; l < r; l, r = l+1, r-1 {
			back[l], back[r] = back[r], back[l]
		}
		p.path("fate "+f.class, "M"+strings.Join(append(there, back...), "L")+"Z")
	}
}

// latencySteps draws p50 with a whole line and p99 with a broken one.
func (p *plot) latencySteps(beats []beat) {
	for _, part := range unbroken(beats) {
		var low, high []point
		for _, b := range part {
			low = append(low, point{b.from, b.p50}, point{b.until, b.p50})
			high = append(high, point{b.from, b.p99}, point{b.until, b.p99})
		}
		p.curve("plain", low)
		p.curve("broken plain", high)
	}
}

// bands shade a plot while something happened. Events that overlap are one band:
// shades on each other would hide what is below.
func (p *plot) bands(events []bench.Outcome, top, bottom float64) {
	var d strings.Builder
	from, until := 0.0, -1.0
	flush := func() {
		if until >= from {
			d.WriteString(box(from, top, max(until-from, 2), bottom-top) + " ")
		}
	}
	for _, e := range events { // by their beginning
		begins, ends := p.x.at(since(e, e.From)), p.x.at(since(e, e.Until))
		if !p.shows(e) {
			continue
		}
		if until >= from && begins <= until+1 {
			until = max(until, ends)
			continue
		}
		flush()
		from, until = begins, ends
	}
	flush()
	p.path("band", strings.TrimSpace(d.String()))
}

// shows says whether any of an event is in the drawing.
func (p *plot) shows(e bench.Outcome) bool {
	return since(e, e.Until) >= p.x.low && since(e, e.From) <= p.x.high
}

// since is an instant of the run in seconds of the contender's turn.
func since(e bench.Outcome, at time.Duration) float64 { return (at - e.Turn).Seconds() }

// eventName is where the name of an event stands: above the bands, with a line
// down to where it began.
type eventName struct {
	text         string
	lane         int // from above
	event, start float64
}

// placeNames finds a place for each event's name, on so many lanes. One that
// would stand in another's way is left out: the table has all.
func (p *plot) placeNames(events []bench.Outcome, f outcomeForm) (names []eventName, lanes int) {
	free := make([]float64, f.lanes) // from where on each is
	for _, e := range events {
		if !p.shows(e) {
			continue
		}
		n := eventName{text: shorten(e.Name, f.name), event: p.x.at(since(e, e.From))}
		wide := textWidth(n.text, fontSize)
		n.start = max(min(n.event+4, p.right-wide), p.left)
		var ok bool
		if n.lane, ok = freeLane(free, min(n.event, n.start)); !ok {
			continue
		}
		free[n.lane] = n.start + wide + 8
		names, lanes = append(names, n), max(lanes, n.lane+1)
	}
	return names, lanes
}

// freeLane is the first line that is free from x on, as are all below it: the
// line down to the plot crosses those.
func freeLane(free []float64, x float64) (int, bool) {
	lane := len(free)
	for lane > 0 && free[lane-1] <= x {
		lane--
	}
	return lane, lane < len(free)
}

// describe is for those who do not see the chart.
func (s story) describe() string {
	const most = 10
	text := ""
	for i, e := range s.events {
		if i == most {
			return text + fmt.Sprintf("And %d more.", len(s.events)-most)
		}
		text += fmt.Sprintf("%s from %s for %s: %s. ", e.Name, duration(e.From-e.Turn), duration(e.Until-e.From), outcomeText(e))
	}
	return text
}

// fateKeys is the legend.
func fateKeys(fates []fate) []key {
	var keys []key
	for _, f := range fates {
		keys = append(keys, key{f.name, []shape{{"fate " + f.class, box(1, 0, 28, 12)}}})
	}
	return append(keys,
		lineKey("plain", "p50"), lineKey("broken plain", "p99"),
		key{"while it happened", []shape{{"band", box(4, 0, 22, 12)}, {"edge", "M4 0L4 12"}}})
}
