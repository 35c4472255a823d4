package bench_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/bench"
)

// turn is a contender's, of slices of 100 ms from an instant of the run: so many
// operations in each, and where there is none, three that timed out. One takes a
// millisecond.
func turn(contender string, at time.Duration, operations ...int64) []bench.Slice {
	var all []bench.Slice
	for round, n := range operations {
		s := bench.Slice{
			Contender: contender, Concurrency: 4, Round: round, At: at, Wall: 100 * time.Millisecond,
			Operations: n, Latency: latencies(),
		}
		at += s.Wall
		if n == 0 {
			s.Errors = map[string]int64{"timeout": 3}
		} else {
			s.Latency = latencies(time.Millisecond)
		}
		all = append(all, s)
	}
	return all
}

func event(contender, name string, from, until time.Duration) bench.Event {
	return bench.Event{
		Contender: contender, Concurrency: 4, Name: name,
		From: from * time.Millisecond, Until: until * time.Millisecond,
	}
}

func TestOutcomesOfAFault(t *testing.T) {
	t.Parallel()
	hung := event("a", "hung", 1250, 1450)
	for _, tt := range []struct {
		name       string
		event      bench.Event
		operations []int64
		unanswered time.Duration
		again      time.Duration
		timeouts   int64
	}{
		{"somebody is always answered", hung, []int64{9, 9, 9, 1, 1, 9, 9}, 0, 0, 0},
		{"as long as it lasts", hung, []int64{9, 9, 5, 0, 5, 9, 9}, 100, 50, 3},
		{"longer", hung, []int64{9, 9, 5, 0, 0, 0, 9}, 300, 150, 9},
		{"to the end", hung, []int64{9, 9, 5, 0, 0, 0, 0}, 400, -1, 12},
		{"twice, and the longer counts", hung, []int64{9, 9, 5, 0, 5, 0, 0, 9}, 200, 250, 9},
		{"not what was before", hung, []int64{0, 0, 5, 9, 9, 9, 9}, 0, 0, 0},
		{"an instant", event("a", "killed", 1250, 1250), []int64{9, 9, 5, 0, 0, 9, 9}, 200, 250, 6},
		{"on a boundary", event("a", "killed", 1300, 1300), []int64{9, 9, 5, 0, 0, 9, 9}, 200, 200, 6},
	} {
		r := &bench.Results{Header: header(), Slices: turn("a", time.Second, tt.operations...)}
		r.End.Events = []bench.Event{tt.event}
		all := r.Outcomes()
		if !assert.Len(t, all, 1, tt.name) {
			continue
		}
		o := all[0]
		assert.Equal(t, tt.event, o.Event)
		assert.Equal(t, time.Second, o.Turn)
		assert.Equal(t, tt.unanswered*time.Millisecond, o.Unanswered, "%s: unanswered", tt.name)
		want := tt.again * time.Millisecond
		if tt.again < 0 {
			want = bench.Never
		}
		assert.Equal(t, want, o.Again, "%s: again", tt.name)
		assert.Equal(t, tt.timeouts, o.Errors["timeout"], "%s: timeouts", tt.name)
	}
}

// Who waits until a fault is over is answered late, and nobody was meanwhile.
func TestWhoWaitsIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: turn("a", 0, 9, 9, 9, 9, 9, 9, 9)}
	for i, waited := range []time.Duration{2: 300, 3: 200, 4: 100} {
		if waited > 0 {
			r.Slices[i].Latency = latencies(waited * time.Millisecond)
		}
	}
	r.Slices[2].Latency = latencies(time.Millisecond, 300*time.Millisecond)
	r.End.Events = []bench.Event{event("a", "hung", 250, 540)}
	o := r.Outcomes()[0]
	assert.Equal(t, 200*time.Millisecond, o.Unanswered, "from 300 ms on: all that waited was answered after 500 ms")
	assert.Equal(t, 60*time.Millisecond, o.Again)
	assert.EqualValues(t, 45, o.Answered)

	r.Slices[6].Latency = latencies(time.Minute) // long after the turn
	o = r.Outcomes()[0]
	assert.Equal(t, bench.Never, o.Again)
	assert.Equal(t, 160*time.Millisecond, o.After)
}

// An operation belongs to the slice in which it began: what was under way when
// the fault came may be in the one before.
func TestTheWorstLatencyOfAFault(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: turn("a", 0, 9, 9, 0, 0, 9, 9)}
	r.Slices[0].Latency = latencies(90 * time.Millisecond) // over before
	r.Slices[1].Latency = latencies(time.Millisecond, 250*time.Millisecond)
	r.End.Events = []bench.Event{event("a", "hung", 230, 400)}
	o := r.Outcomes()[0]
	assert.InEpsilon(t, 250*time.Millisecond, o.Worst, 0.01)
	assert.EqualValues(t, 18, o.Answered, "those of the slices from 200 ms on")
}

// Each event has what follows it until the next one; those that overlap have
// all of their own time.
func TestOutcomesOfSeveralEvents(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header()}
	r.Slices = append(turn("b", 0, 9, 9, 9, 9), turn("a", 5*time.Second, 9, 0, 9, 0, 0, 9)...)
	r.End.Events = []bench.Event{
		event("a", "killed", 5300, 5500), event("a", "hung", 5100, 5150), event("b", "hung", 100, 200),
		event("a", "slow", 5000, 5600), event("a", "storm", 5000, 5000),
	}
	var got []string
	timeouts := map[string]int64{}
	for _, o := range r.Outcomes() {
		got = append(got, o.Contender+" "+o.Name)
		timeouts[o.Contender+" "+o.Name] = o.Errors["timeout"]
	}
	assert.Equal(t, []string{"b hung", "a storm", "a slow", "a hung", "a killed"}, got, "as they are described, then by time")
	assert.Equal(t, map[string]int64{"b hung": 0, "a storm": 0, "a slow": 9, "a hung": 3, "a killed": 6}, timeouts)
}

// A file may have events of nobody, or at another time.
func TestOutcomesOfNothing(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: turn("a", 0, 9, 9)}
	r.End.Events = []bench.Event{event("a", "late", 9000, 9999), event("b", "hung", 0, 100)}
	for _, o := range r.Outcomes() {
		assert.Zero(t, o.Slices, o.Name)
		assert.Zero(t, o.Unanswered, o.Name)
		assert.Equal(t, bench.Never, o.Again, o.Name)
	}
	assert.Empty(t, (&bench.Results{}).Outcomes())
}

func TestGauges(t *testing.T) {
	t.Parallel()
	r := &bench.Results{Header: header(), Slices: turn("a", 0, 1, 1, 1)}
	r.Slices[0].Gauges = map[string]float64{"connections": 4, "huge": math.MaxFloat64}
	r.Slices[1].Gauges = map[string]float64{"huge": math.MaxFloat64}
	r.Slices[2].Gauges = map[string]float64{"connections": 2}
	series := bench.Series{Contender: "a", Concurrency: 4}
	assert.Equal(t, []bench.Gauge{
		{Series: series, Name: "connections", Slices: 2, Last: 2, Mean: 3, Max: 4},
		{Series: series, Name: "huge", Slices: 2, Last: math.MaxFloat64, Mean: math.MaxFloat64, Max: math.MaxFloat64},
	}, r.Gauges())
}
