package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

func TestAxisStaysInItsDrawing(t *testing.T) {
	t.Parallel()
	values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e-300, 1, 4.6e9, 4.6e9 + 1e-6, 1e300}
	for _, low := range values {
		for _, high := range values {
			for _, log := range []bool{false, true} {
				e := extent{log: log}
				e.add(low, high)
				a := e.axis(300, 20)
				for _, v := range values {
					place := a.at(v)
					assert.True(t, place >= 20 && place <= 300, "axis of %v and %v, log %v: %v is at %v", low, high, log, v, place)
				}
				assert.Less(t, len(a.ticks(24, significant)), 60, "axis of %v and %v, log %v", low, high, log)
			}
		}
	}
}

func TestAxisPlaces(t *testing.T) {
	t.Parallel()
	a := axis{low: 1, high: 100, from: 0, to: 200, log: true}
	assert.InDelta(t, 100, a.at(10), 1e-9)
	assert.InDelta(t, 200, a.at(1000), 1e-9, "beyond the end")
	up := axis{low: 0, high: 10, from: 100, to: 0}
	assert.InDelta(t, 75, up.at(2.5), 1e-9)
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		axis axis
		want string
	}{
		{"1, 2, 5", axis{low: 5e4, high: 2e6, from: 300, to: 0, log: true}, "50µs 100µs 200µs 500µs 1ms 2ms"},
		{"powers", axis{low: 1e3, high: 1e9, from: 300, to: 0, log: true}, "1µs 10µs 100µs 1ms 10ms 100ms 1s"},
		{"every third", axis{low: 1, high: 1e9, from: 80, to: 0, log: true}, "1ns 1µs 1ms 1s"},
		{"less than a power", axis{low: 200, high: 500, from: 20, to: 0, log: true}, "200ns 500ns"},
		{"linear", axis{low: 3, high: 21, from: 0, to: 100}, "5ns 10ns 15ns 20ns"},
	} {
		var got []string
		for _, tick := range tt.axis.ticks(24, nanoseconds) {
			got = append(got, tick.label)
		}
		assert.Equal(t, tt.want, strings.Join(got, " "), tt.name)
	}
}

func TestRoundTo125(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64][2]float64{1: {1, 1}, 1.2: {1, 2}, 3: {2, 5}, 5: {5, 5}, 700: {500, 1000}, 0.03: {0.02, 0.05}} {
		assert.InDelta(t, want[0], roundDown(v), 1e-12, "roundDown(%v)", v)
		assert.InDelta(t, want[1], roundUp(v), 1e-12, "roundUp(%v)", v)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []float64{10, 26, 60}, spread([]float64{10, 12, 60}, 16, 0, 100))
	assert.Equal(t, []float64{68, 84, 100}, spread([]float64{98, 99, 100}, 16, 0, 100))
	assert.Empty(t, spread(nil, 16, 0, 100))
}

// The curve goes through the percentiles that the histogram knows, and ends at
// the slowest operation.
func TestDistribution(t *testing.T) {
	t.Parallel()
	h := hdrhistogram.New(1, 1e9, 3)
	for i := range 1000 {
		require.NoError(t, h.RecordValue(int64(i+1)*1000))
	}
	curve := distribution(bench.Summary{Latency: h}, 300)
	assert.Equal(t, point{1000, float64(h.Max())}, curve[len(curve)-1])
	for i := 1; i < len(curve); i++ {
		assert.LessOrEqual(t, curve[i-1].y, curve[i].y)
		assert.Less(t, curve[i-1].x, curve[i].x)
		rank := 1000 * (1 - 1/curve[i].x)
		assert.InDelta(t, rank*1000, curve[i].y, 3000, "at 1/(1-q) = %v", curve[i].x)
	}
}

// Thinning out keeps the worst moment.
func TestMomentsKeepStalls(t *testing.T) {
	t.Parallel()
	r := run{Results: alone(t)}
	s := r.Slices[0]
	stall := hdrhistogram.New(1, int64(time.Minute), 2)
	require.NoError(t, stall.RecordValues(int64(time.Second), 10))
	r.Slices[137].Latency = stall
	all := r.moments(bench.Series{Contender: s.Contender, Concurrency: s.Concurrency}, 100)
	assert.LessOrEqual(t, len(all), 100)
	worst := 0.0
	for _, m := range all {
		worst = max(worst, m.p99)
		assert.Less(t, m.p50, 1e8)
	}
	assert.InEpsilon(t, 1e9, worst, 0.02)
}

// A lone contender's levels share one chart; contenders that took turns do.
func TestGroups(t *testing.T) {
	t.Parallel()
	groups := newRun(odd(t)["alone"]).groups()
	require.Len(t, groups, 1)
	assert.Len(t, groups[0].traces, 3)
	assert.Equal(t, "3 workers", groups[0].traces[2].name)

	groups = newRun(closed(t)).groups()
	require.Len(t, groups, 4)
	assert.Equal(t, "16 workers", groups[2].title)
	assert.Equal(t, 2, groups[2].traces[2].series, "the same sign in every chart")
	assert.Empty(t, newRun(odd(t)["idle"]).groups())
}

// Beyond eight, a colour comes with another sign.
func TestSignsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for series := range colours * colours {
		looks := colour(series) + sign(series, 0, 0)
		other, ok := seen[looks]
		assert.False(t, ok, "series %d looks like %d", series, other)
		seen[looks] = series
	}
}

func TestThroughputAxis(t *testing.T) {
	t.Parallel()
	r := newRun(closed(t))
	var floor []string
	for _, l := range r.throughputDrawing("x", narrow()).Labels {
		if l.Class == "tick" {
			floor = append(floor, l.Text)
		}
	}
	assert.Contains(t, floor, "0/s", "rates alike stand on zero")
	assert.Contains(t, floor, "64")

	for i := range r.summaries {
		if r.summaries[i].Contender == "signature" {
			r.summaries[i].Rate *= 100
		}
	}
	for _, l := range r.throughputDrawing("x", narrow()).Labels {
		assert.NotEqual(t, "0/s", l.Text, "rates far apart are on a log axis")
	}
}

// What has no ratio, or no size, is not drawn.
func TestNothingIsNotDrawn(t *testing.T) {
	t.Parallel()
	r := newRun(closed(t))
	all := len(r.estimates())
	r.ratios[0].Wall.Center = math.NaN()
	r.ratios[1].Wall.Center = 0
	assert.Len(t, r.estimates(), all-2)
	assert.Equal(t, time.Duration(7), whole(bench.Stages{Stages: stages(-5, 7)}))
}

// Names that have no room beside a chart are left to the legend.
func TestNamesStayInTheDrawing(t *testing.T) {
	t.Parallel()
	r := newRun(odd(t)["many"])
	for _, l := range r.timeDrawing("x", wide(), r.groups()[0]).Labels {
		assert.NotEqual(t, "name", l.Class)
	}
	r = newRun(closed(t))
	names := 0
	for _, l := range r.timeDrawing("x", wide(), r.groups()[0]).Labels {
		if l.Class == "name" {
			names++
		}
	}
	assert.Equal(t, 8, names)
}

func TestCurveBreaksAtGaps(t *testing.T) {
	t.Parallel()
	x, y := extent{}, extent{}
	x.add(0, 10)
	y.add(0, 10)
	p := newPlot("x", narrow(), "", "", x, y)
	p.curve("c0", []point{{0, 1}, {1, 1}, {2, math.NaN()}, {3, 1}})
	require.Len(t, p.Shapes, 1)
	assert.Equal(t, 2, strings.Count(p.Shapes[0].D, "M"))
	p.curve("c0", nil)
	assert.Len(t, p.Shapes, 1, "an empty path is none")
}

// Contenders that are URLs of one server are told apart where there is little
// room, too.
func TestShortenedNames(t *testing.T) {
	t.Parallel()
	verify, session := shorten("http-verify:id.example:8080/v1/verify", 24), shorten("http-verify:id.example:8080/v1/session", 24)
	assert.Equal(t, "http-ve…e:8080/v1/verify", verify)
	assert.NotEqual(t, verify, session)
	assert.Equal(t, "naive", shorten("naive", 5))
}
