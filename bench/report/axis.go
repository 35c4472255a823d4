package report

import (
	"math"
	"unicode/utf8"
)

// axis maps values to places in a drawing. Whatever it is given, what it
// returns is a place in the drawing: no NaN and no infinity leaves it.
type axis struct {
	low, high float64 // values
	from, to  float64 // places; an axis that goes up has from > to
	log       bool
}

// at is the place of v, at the end of the axis if v is beyond it.
func (a axis) at(v float64) float64 {
	share := (a.scale(v) - a.scale(a.low)) / (a.scale(a.high) - a.scale(a.low))
	if math.IsNaN(share) {
		share = 0
	}
	return a.from + min(max(share, 0), 1)*(a.to-a.from)
}

func (a axis) scale(v float64) float64 {
	if a.log {
		return math.Log10(v)
	}
	return v
}

// extent grows with the values that an axis has to show.
type extent struct {
	low, high float64
	log, some bool
}

// add leaves out what has no place on the axis.
func (e *extent) add(values ...float64) {
	for _, v := range values {
		if !finite(v) || (e.log && v <= 0) {
			continue
		}
		if !e.some {
			e.low, e.high, e.some = v, v, true
		}
		e.low, e.high = min(e.low, v), max(e.high, v)
	}
}

// axis widens the extent to round numbers. An extent of nothing, or of one
// value, gets some width too.
func (e extent) axis(from, to float64) axis {
	low, high := e.low, e.high
	switch {
	case !e.some && e.log:
		low, high = 1, 10
	case !e.some:
		low, high = 0, 1
	case e.log:
		low, high = roundDown(low), roundUp(high)
		if low == high {
			low, high = roundDown(low*0.9), roundUp(high*1.1)
		}
	case low == high:
		low, high = min(0, low), max(1, high)
	}
	return axis{low: low, high: high, from: from, to: to, log: e.log}
}

// roundDown goes to the next 1, 2 or 5 times a power of ten.
func roundDown(v float64) float64 {
	power := powerBelow(v)
	for _, step := range []float64{5, 2} {
		if step*power <= v*(1+1e-9) {
			return step * power
		}
	}
	return power
}

// roundUp goes to the next one above.
func roundUp(v float64) float64 {
	power := powerBelow(v)
	for _, step := range []float64{1, 2, 5} {
		if step*power >= v*(1-1e-9) {
			return step * power
		}
	}
	return 10 * power
}

func powerBelow(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v)+1e-9)) }

// tick is one mark of an axis.
type tick struct {
	place float64
	label string
	main  bool // has a stronger line: a power of ten
}

// ticks are the marks of an axis, with labels only as dense as gap allows: the
// least distance between the middles of two labels.
func (a axis) ticks(gap float64, label func(float64) string) []tick {
	values := a.linearMarks(gap)
	if a.log {
		values = a.logMarks(gap)
	}
	ticks := make([]tick, 0, len(values))
	for _, v := range values {
		power := math.Log10(v)
		main := a.log && math.Abs(power-math.Round(power)) < 1e-6
		ticks = append(ticks, tick{place: a.at(v), label: plain(label(v)), main: main})
	}
	return ticks
}

// logMarks are 1, 2, 5, 10 … where there is room, else every so many powers of
// ten.
func (a axis) logMarks(gap float64) []float64 {
	decades := math.Log10(a.high / a.low)
	perDecade := math.Abs(a.to-a.from) / max(decades, 1e-9)
	steps, stride := []float64{1, 2, 5}, 1
	if perDecade*math.Log10(2) < gap { // between 1 and 2, or 5 and 10
		steps = []float64{1}
		stride = max(1, int(math.Ceil(gap/max(perDecade, 1e-9))))
	}
	var values []float64
	for power := math.Floor(math.Log10(a.low) + 1e-9); power <= math.Log10(a.high)+1e-9; power += float64(stride) {
		for _, step := range steps {
			if v := step * math.Pow(10, power); v >= a.low*(1-1e-9) && v <= a.high*(1+1e-9) {
				values = append(values, v)
			}
		}
	}
	if len(values) < 2 {
		return []float64{a.low, a.high}
	}
	return values
}

// linearMarks are multiples of 1, 2 or 5 times a power of ten.
func (a axis) linearMarks(gap float64) []float64 {
	room := max(1, math.Floor(math.Abs(a.to-a.from)/gap))
	step := roundUp(max((a.high-a.low)/room, 1e-9))
	var values []float64
	first := math.Ceil(a.low/step - 1e-9)
	for i := range int(room) + 2 { // counted: adding 1 to a huge number changes nothing
		if v := (first + float64(i)) * step; v <= a.high+step*1e-9 {
			values = append(values, v+0) // never -0
		}
	}
	return values
}

// textWidth estimates how wide text is, in a font of that size.
func textWidth(text string, size float64) float64 {
	return float64(utf8.RuneCountInString(text)) * size * 0.56
}

// spread moves places apart until they are at least gap from each other, and
// keeps them between low and high as far as there is room. Places are sorted.
func spread(places []float64, gap, low, high float64) []float64 {
	out := append([]float64(nil), places...)
	for i := range out {
		out[i] = max(out[i], low)
		if i > 0 {
			out[i] = max(out[i], out[i-1]+gap)
		}
	}
	limit := high
	for i := len(out) - 1; i >= 0 && out[i] > limit; i-- {
		out[i] = limit
		limit -= gap
	}
	return out
}
