package report

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// Wrong answers are never among "other errors".
func TestFates(t *testing.T) {
	t.Parallel()
	r := newRun(strange(t))
	var names []string
	seen := map[string]bool{}
	for _, f := range r.fates() {
		names = append(names, f.name)
		assert.False(t, seen[f.class], "%s has the pattern of another", f.name)
		seen[f.class] = true
	}
	assert.Equal(t, []string{
		answered, bench.WrongAnswer, "class 0", "class 1", "class 10", "class 100", "class 101", otherErrors,
	}, names)
	assert.EqualValues(t, 195*math.MaxInt32, r.fates()[7].count(r.Slices[3]))

	r = newRun(broken(t))
	assert.Equal(t, neverBegun, r.fates()[len(r.fates())-1].name)
}

// What is drawn of many slices is all that became of operations, and the worst
// latency.
func TestThinnedBeats(t *testing.T) {
	t.Parallel()
	r := newRun(outage(t))
	fates := r.fates()
	all := r.beats(r.summaries[0].Series, fates)
	require.Len(t, all, 300)
	thin := thinned(all, 70)
	assert.Len(t, thin, 60)
	for i := range fates {
		assert.InDelta(t, sumOf(all, i), sumOf(thin, i), 1e-6, fates[i].name)
	}
	worst := func(beats []beat) (worst float64) {
		for _, b := range beats {
			if finite(b.p99) {
				worst = max(worst, b.p99)
			}
		}
		return worst
	}
	assert.Equal(t, worst(all), worst(thin))
	assert.Equal(t, all[0].from, thin[0].from)
	assert.Equal(t, all[299].until, thin[59].until)
	silent := slices.IndexFunc(thin, func(b beat) bool { return b.counts[0] == 0 })
	assert.True(t, math.IsNaN(thin[silent].p99), "nobody was answered")
	assert.Len(t, unbroken(all), 1)
}

func sumOf(beats []beat, fate int) (sum float64) {
	for _, b := range beats {
		sum += b.counts[fate]
	}
	return sum
}

// Slices that took turns with another's are not joined by a slope.
func TestBeatsOfShortTurns(t *testing.T) {
	t.Parallel()
	r := newRun(storm(t))
	assert.Len(t, unbroken(r.beats(r.summaries[0].Series, r.fates())), 8)
	assert.Empty(t, unbroken(nil))
}

// A line down from a name crosses none below it.
func TestFreeLane(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		free []float64
		x    float64
		lane int
		ok   bool
	}{
		{[]float64{0, 0, 0}, 10, 0, true},
		{[]float64{50, 0, 0}, 10, 1, true},
		{[]float64{0, 50, 0}, 10, 2, true},
		{[]float64{0, 0, 50}, 10, 3, false},
		{[]float64{50, 60, 0}, 55, 2, true},
		{[]float64{50, 60, 0}, 60, 0, true},
	} {
		lane, ok := freeLane(tt.free, tt.x)
		assert.Equal(t, tt.ok, ok, "%v", tt)
		assert.Equal(t, tt.lane, lane, "%v", tt)
	}
}

// Names neither overlap nor leave the drawing, however many events there are.
func TestEventNamesHaveRoom(t *testing.T) {
	t.Parallel()
	all := map[string]*bench.Results{"outage": outage(t), "strange": strange(t), "long": long(t, 400), "crowd": crowd(t)}
	for name, results := range all {
		r := newRun(results)
		fates := r.fates()
		stories := r.stories(fates)
		scale := newOutcomeScale(stories)
		for _, s := range stories[:min(len(stories), 3)] {
			for _, form := range outcomeForms(len(stories)) {
				p := &plot{left: 58, right: form.width - 16}
				p.x = scale.x.axis(p.left, p.right)
				names, lanes := p.placeNames(s.events, form)
				assert.LessOrEqual(t, lanes, form.lanes, name)
				checkNames(t, names, p.right)
			}
		}
	}
}

func checkNames(t *testing.T, names []eventName, right float64) {
	t.Helper()
	for i, a := range names {
		end := a.start + textWidth(a.text, fontSize)
		assert.LessOrEqual(t, end, right+1, a.text)
		for _, b := range names[i+1:] {
			if a.lane == b.lane {
				assert.Greater(t, b.start, end, "%s and %s", a.text, b.text)
			}
			if b.lane < a.lane {
				assert.Greater(t, b.event, end, "the line of %s crosses %s", b.text, a.text)
			}
		}
	}
}

// Everything is named in the made-up outage, on a phone too.
func TestEventsAreNamed(t *testing.T) {
	t.Parallel()
	r := newRun(outage(t))
	c := r.outcomeChapter("x")
	require.Len(t, c.Charts, 3)
	for _, d := range append(c.Charts[0].Drawings, c.Charts[2].Drawings...) {
		var names []string
		bands := 0
		for _, l := range d.Labels {
			if l.Class == "name" {
				names = append(names, l.Text)
			}
		}
		for _, s := range d.Shapes {
			if s.Class == "band" {
				bands += strings.Count(s.D, "Z")
			}
		}
		assert.Equal(t, []string{"hung", "slow", "killed", "failed over"}, names)
		assert.Equal(t, 8, bands, "four in each plot")
	}
	assert.Contains(t, c.Charts[1].Drawings[0].Desc, "hung from 4.04s for 3.00s: nobody was answered for 2.90s, again 60.0ms after the end")
}

// Bands that overlap are one: shades on each other would hide what is below.
func TestBandsAreMerged(t *testing.T) {
	t.Parallel()
	r := newRun(strange(t))
	c := r.outcomeChapter("x")
	for _, s := range c.Charts[0].Drawings[0].Shapes {
		if s.Class == "band" {
			assert.Equal(t, 1, strings.Count(s.D, "Z"))
		}
	}
}

// Contenders compare: all charts have the same axes.
func TestOutcomeAxes(t *testing.T) {
	t.Parallel()
	ticks := func(c chart) (all []string) {
		for _, l := range c.Drawings[0].Labels {
			if l.Class == "tick" {
				all = append(all, l.Text)
			}
		}
		return all
	}
	c := newRun(outage(t)).outcomeChapter("x")
	assert.Equal(t, ticks(c.Charts[0]), ticks(c.Charts[2]))
	c = newRun(storm(t)).outcomeChapter("x")
	assert.Contains(t, c.Text, "a scale of its own")
	assert.NotEqual(t, ticks(c.Charts[0]), ticks(c.Charts[2]))
}

// A thousand events make no table that nobody reads; JSON has all.
func TestTablesOfManyEvents(t *testing.T) {
	t.Parallel()
	many := long(t, 400)
	many.Slices[222].Operations = 0
	r := newRun(many)
	require.Len(t, r.shownOutcomes(), mostRows)
	var worst time.Duration
	for _, o := range r.shownOutcomes() {
		worst = max(worst, o.Unanswered)
	}
	assert.Equal(t, 100*time.Millisecond, worst, "the worst is among them")

	var b bytes.Buffer
	require.NoError(t, Table(&b, many))
	assert.Contains(t, b.String(), "These are 60 of 1000: ")
	assert.Less(t, strings.Count(b.String(), "\n"), 120)
	b.Reset()
	require.NoError(t, Markdown(&b, many))
	assert.Contains(t, b.String(), "These are 60 of 1000: ")
	b.Reset()
	require.NoError(t, JSON(&b, many))
	var d Document
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	assert.Len(t, d.Runs[0].Events, 1000)
}

func TestJSONOfEvents(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, JSON(&b, strange(t)))
	var d Document
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	for _, e := range d.Runs[0].Events {
		assert.Equal(t, e.Slices > 0, e.Unanswered != nil, e.Name)
	}
	for _, g := range d.Runs[0].Gauges {
		if g.Name == "" && g.Contender == "verify" {
			assert.Nil(t, g.Last, "no number")
		}
	}
}

func TestGaugeValues(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 3: "3", 999: "999", 0.25: "0.250", 12.5: "12.5", 41_000: "41.0k", -2e6: "-2.00M", 3.1e9: "3.10G", 1e300: "1e+300",
		math.Inf(1): unknown,
	} {
		assert.Equal(t, want, gaugeValue(v))
	}
	assert.Equal(t, unknown, gaugeValue(math.NaN()))
}

// Gauges have charts where there are levels to compare, and a table always.
func TestGaugeChapter(t *testing.T) {
	t.Parallel()
	r := newRun(storm(t))
	assert.Len(t, r.gaugeCharts("x"), 3)
	one := storm(t)
	one.Slices = one.Slices[:16]
	assert.Empty(t, newRun(one).gaugeCharts("x"))
	assert.Contains(t, pageOf(t, one), "<h3>Gauges</h3>")
	assert.Contains(t, pageOf(t, strange(t)), "These are 60 of 206: the first.")
}

var hatchID = regexp.MustCompile(`<pattern id="([^"]*)"`)

// Each pattern that the style names is in a page that has need of it, once, and
// in no other.
func TestHatches(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, m := range hatchID.FindAllStringSubmatch(pageOf(t, outage(t), storm(t)), -1) {
		ids = append(ids, m[1])
	}
	var want []string
	for i := range 8 {
		want = append(want, "hatch"+strconv.Itoa(i+1))
		assert.Contains(t, pageText, "url(#hatch"+strconv.Itoa(i+1)+")")
	}
	assert.Equal(t, want, ids)
	assert.NotContains(t, pageOf(t, closed(t)), "<pattern")
}
