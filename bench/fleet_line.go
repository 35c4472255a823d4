package bench

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
	"gonum.org/v1/gonum/stat"
)

// Line is y = Base + Each·x, fitted to points by least squares of what they are
// off by as a share of y: a figure of 400 mirrors is as many times more uncertain
// than one of ten as it is larger.
type Line struct {
	Base, Each float64 // NaN: there is no line
	// Residual is by which share of y points are off the line, as a standard
	// deviation; NaN: two points are always on one.
	Residual float64

	n              int
	least          float64 // of y: below it, what points are off by is no less
	weight, spread float64 // of all points, and that of the squares of x around the mean
	mean           float64 // of x
}

// fitLine fits a line to the points whose y is known. It takes two of them, at
// different x.
func fitLine(xs, ys []float64) Line {
	var x, y []float64
	for i := range xs {
		if finite(xs[i]) && finite(ys[i]) {
			x, y = append(x, xs[i]), append(y, ys[i])
		}
	}
	l := Line{Base: math.NaN(), Each: math.NaN(), Residual: math.NaN(), n: len(x)}
	if l.n < 2 {
		return l
	}
	l.least = max(slices.Max(y)/100, math.SmallestNonzeroFloat32)
	weights := make([]float64, l.n)
	for i := range weights {
		weights[i] = l.weightOf(y[i])
		l.weight += weights[i]
	}
	l.mean = stat.Mean(x, weights)
	for i, at := range x {
		l.spread += weights[i] * (at - l.mean) * (at - l.mean)
	}
	if l.spread == 0 {
		return l
	}
	l.Base, l.Each = stat.LinearRegression(x, y, weights, false)
	if l.n > 2 {
		squares := 0.0
		for i, at := range x {
			off := y[i] - (l.Base + l.Each*at)
			squares += weights[i] * off * off
		}
		l.Residual = math.Sqrt(squares / float64(l.n-2))
	}
	return l
}

func (l Line) weightOf(y float64) float64 {
	y = max(y, l.least)
	return 1 / (y * y)
}

// Known reports whether there is a line.
func (l Line) Known() bool { return finite(l.Base) && finite(l.Each) }

// At is what the line says at x, with the interval in which another point there
// would be 19 times out of 20, if it is a line. It takes three points, without
// which Low and High are NaN.
func (l Line) At(x float64) Interval {
	in := Interval{Center: l.Base + l.Each*x, Low: math.NaN(), High: math.NaN()}
	if !l.Known() || l.n < 3 {
		return in
	}
	t := stats.InvCDF(stats.TDist{V: float64(l.n - 2)})((1 + confidence) / 2)
	away := x - l.mean
	off := t * l.Residual * math.Sqrt(1/l.weightOf(in.Center)+1/l.weight+away*away/l.spread)
	in.Low, in.High = in.Center-off, in.Center+off
	return in
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// fit draws the lines through the points that count.
func (f *Fleet) fit() {
	line := func(x, y func(FleetPoint) float64, counts func(FleetPoint) bool) Line {
		var xs, ys []float64
		for _, p := range f.Points {
			if counts(p) {
				xs, ys = append(xs, x(p)), append(ys, y(p))
			}
		}
		return fitLine(xs, ys)
	}
	mirrors := func(p FleetPoint) float64 { return float64(p.Mirrors) }
	// CPU time does not grow while one waits for a core; staleness does.
	kept := func(p FleetPoint) bool { return !p.Behind }
	free := func(p FleetPoint) bool { return !p.Behind && !p.Full && !p.Rests && p.P50 > 0 }
	f.Share = line(f.measured, func(p FleetPoint) float64 { return p.Share }, kept)
	f.Bytes = line(f.measured, func(p FleetPoint) float64 { return p.Bytes }, kept)
	f.Connections = line(mirrors, func(p FleetPoint) float64 { return p.Connections }, kept)
	f.P50 = line(mirrors, func(p FleetPoint) float64 { return p.P50.Seconds() }, free)
	f.P99 = line(mirrors, func(p FleetPoint) float64 { return p.P99.Seconds() }, free)
}

// estimate says what the lines mean for many mirrors, if they mean anything.
func (f *Fleet) estimate() {
	switch {
	case len(f.Points) == 1:
		f.Why = "one number of mirrors is no line: measure several, such as --concurrency 1,10,100"
	case !f.Share.Known():
		f.Why = "the CPU time of Redis is known for less than two numbers of mirrors that kept up"
	case f.Share.Each <= 0:
		f.Why = "Redis was no busier with more mirrors: measure more of them, or longer"
	}
	if f.Why != "" {
		return
	}
	for _, n := range fleetSizes() {
		f.Estimates = append(f.Estimates, f.at(n))
	}
}

func (f *Fleet) at(mirrors int) FleetEstimate {
	e := FleetEstimate{
		Mirrors: mirrors, Reads: f.each(mirrors), Share: f.ShareAt(mirrors), Connections: f.Connections.At(float64(mirrors)),
		Bytes: f.Bytes.At(f.reads(mirrors)), P50: unknown(), P99: unknown(), Servers: 1,
	}
	e.Refused = f.MaxClients > 0 && e.Connections.Center > f.MaxClients
	if e.Share.Center > roomyShare {
		e.Servers = f.servers(mirrors)
		return e
	}
	e.Doubtful = e.Share.High > roomyShare
	e.P50, e.P99 = f.P50At(mirrors), f.stale(f.P99, mirrors)
	return e
}
