package report

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// The guarantees of made-up contenders.
const (
	strict     = "strict: denied by every check that begins after the revocation was acknowledged"
	boundedBy  = "bounded: denied at most max-staleness after the revocation was acknowledged, proven"
	bestEffort = "best effort: denied once the cached answer has expired"
)

// sufferer is a contender and what it does while its Redis is not there.
type sufferer struct {
	workload
	guarantee string
	// during says what becomes of an operation that begins while an event has
	// lasted for so long, or is over since: a class, or empty and a latency that
	// is added.
	during func(name string, lasted, over time.Duration) (class string, delay time.Duration)
}

func sufferers() []sufferer {
	w := workloads()
	verify, naive := w[1], w[0]
	mirror := workload{"verify-mirror", "A verification whose denylist is a copy in the process, which proves how fresh it is.", 60 * time.Microsecond, 50 * time.Microsecond, 500}
	return []sufferer{
		{naive, bestEffort, func(name string, lasted, over time.Duration) (string, time.Duration) {
			switch {
			case over > 0 && over < time.Second && name != "slow":
				return "error", 0 // connections that nobody noticed were dead
			case over > 0:
				return "", 0
			case name == "hung":
				return "timeout", 0
			case name == "slow":
				return "", 40 * time.Millisecond
			default:
				return "error", 0
			}
		}},
		{verify, strict, func(name string, lasted, over time.Duration) (string, time.Duration) {
			switch {
			case over > 0:
				return "", 0
			case name == "slow":
				return "", 40 * time.Millisecond
			default:
				return "denylist_unavailable", 0
			}
		}},
		{mirror, boundedBy, func(name string, lasted, over time.Duration) (string, time.Duration) {
			if over == 0 && lasted > time.Second && name != "slow" {
				return "denylist_unavailable", 0
			}
			return "", 0
		}},
	}
}

// faults are what happens in each turn of 30 s, of slices of 100 ms.
func faults() []bench.Event {
	second := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	return []bench.Event{
		{Name: "hung", From: second(4.04), Until: second(7.04)},
		{Name: "slow", From: second(10.02), Until: second(13.02)},
		{Name: "killed", From: second(16.05), Until: second(18.05)},
		{Name: "failed over", From: second(23.01), Until: second(23.61)},
	}
}

// outage is a run in which Redis fails in several ways, at a rate of 2000.
func outage(t *testing.T) *bench.Results {
	return newMaker(t).outage(sufferers(), faults(), 300)
}

func (m maker) outage(contenders []sufferer, events []bench.Event, rounds int) *bench.Results {
	var all []workload
	for _, c := range contenders {
		all = append(all, c.workload)
	}
	r := &bench.Results{Header: m.header(true, all...), End: bench.End{Complete: true}}
	r.Header.Command = "rescind bench run --redis redis://127.0.0.1:6379 --rate 2000 --duration 30s outage"
	r.Header.Settings["slice"], r.Header.Settings["duration"] = "100ms", "30s"
	at := 700 * time.Millisecond
	for i, c := range contenders {
		r.Header.Scenarios[i].Guarantee = c.guarantee
		for _, e := range events {
			e.Contender, e.Concurrency, e.From, e.Until = c.name, 64, e.From+at, e.Until+at
			r.End.Events = append(r.End.Events, e)
		}
		for round := range rounds {
			r.Slices = append(r.Slices, m.suffer(c, events, round, at))
		}
		at += time.Duration(rounds)*100*time.Millisecond + 900*time.Millisecond
	}
	return r
}

// suffer is a slice of a contender's turn, which began at an instant of the run.
func (m maker) suffer(c sufferer, events []bench.Event, round int, turn time.Duration) bench.Slice {
	const wall, samples, each = 100 * time.Millisecond, 20, 10
	s := bench.Slice{
		Contender: c.name, Concurrency: 64, Round: round, At: turn + time.Duration(round)*wall, Wall: wall,
		Errors: map[string]int64{}, Latency: hdrhistogram.New(1, int64(10*time.Second), 1),
	}
	for i := range samples {
		now := time.Duration(round)*wall + time.Duration(i)*wall/samples
		class, delay := "", time.Duration(0)
		for _, e := range events {
			if now >= e.From {
				class, delay = c.during(e.Name, min(now, e.Until)-e.From, max(0, now-e.Until))
			}
		}
		if class != "" {
			s.Errors[class] += each
			continue
		}
		s.Operations += each
		ns := float64(c.time+delay) * math.Exp(0.3*m.random.NormFloat64())
		require.NoError(m.t, s.Latency.RecordValues(int64(ns), each))
	}
	if len(s.Errors) == 0 {
		s.Errors = nil
	}
	return s
}

// storm is a closed loop at two levels with gauges, in which two contenders are
// a hundred times apart.
func storm(t *testing.T) *bench.Results {
	m := newMaker(t)
	w := workloads()
	quick := workload{"verify-mirror", "A verification whose denylist is a copy in the process.", 900, 800, 0}
	r := m.results(false, 8, []int{8, 64}, w[1], quick)
	for i := range r.Header.Scenarios {
		r.Header.Scenarios[i].Guarantee = []string{strict, boundedBy}[i]
	}
	for i := range r.Slices {
		s := &r.Slices[i]
		s.Gauges = map[string]float64{
			"connections":    float64(s.Concurrency + 3),
			"bytes a second": 41_000 * float64(s.Concurrency) * (1 + 0.1*m.random.Float64()),
		}
		if i%7 == 3 {
			s.Gauges["entries written"] = float64(i * 1000)
		}
	}
	for i := range 4 {
		s := r.Slices[4+8*i]
		r.End.Events = append(r.End.Events, bench.Event{
			Contender: s.Contender, Concurrency: s.Concurrency, Name: "storm", From: s.At, Until: s.At + 800*time.Millisecond,
		})
	}
	return r
}

// eventful are results whose events and gauges make no sense, or are too many.
func eventful(t *testing.T) map[string]*bench.Results {
	return map[string]*bench.Results{
		"long": long(t, 4000), "crowd": crowd(t), "strange": strange(t), "bad names": badNames(t),
		"events alone": newMaker(t).outage(sufferers(), faults(), 0),
	}
}

// long has as many events as a run may have, over so many slices, of which it
// may have 4000.
func long(t *testing.T, slices int) *bench.Results {
	long := newMaker(t).outage(sufferers()[1:2], nil, slices)
	for i := range 1000 {
		from := 700*time.Millisecond + time.Duration(i*slices)*100*time.Microsecond
		long.End.Events = append(long.End.Events, bench.Event{
			Contender: "verify", Concurrency: 64, Name: fmt.Sprintf("event-with-a-long-name-%d", i), From: from, Until: from + 90*time.Millisecond,
		})
	}
	return long
}

// crowd is as many contenders as a run may have.
func crowd(t *testing.T) *bench.Results {
	var crowd []sufferer
	for i := range 64 {
		s := sufferers()[i%3]
		s.name = fmt.Sprintf("contender-with-a-long-name-%02d", i)
		crowd = append(crowd, s)
	}
	soon := faults()[:3]
	for i := range soon {
		soon[i].From, soon[i].Until = soon[i].From/20, soon[i].Until/20
	}
	return newMaker(t).outage(crowd, soon, 12)
}

// strange has events that are of nobody, at no time, or on top of each other,
// and gauges that are hardly numbers.
func strange(t *testing.T) *bench.Results {
	strange := newMaker(t).outage(sufferers()[:2], nil, 30)
	event := func(name string, from, until time.Duration) {
		strange.End.Events = append(strange.End.Events, bench.Event{Contender: "naive", Concurrency: 64, Name: name, From: from, Until: until})
	}
	event("an instant", 2*time.Second, 2*time.Second)
	event("an instant again", 2*time.Second, 2*time.Second)
	event("all of it", 0, 100*time.Hour)
	event("overlaps", 1900*time.Millisecond, 2500*time.Millisecond)
	event("within", 2*time.Second, 2100*time.Millisecond)
	event("later", 90*time.Hour, 100*time.Hour)
	event("before", 0, 1)
	event("", time.Second, 1100*time.Millisecond)
	strange.End.Events = append(strange.End.Events, bench.Event{Contender: "verify", Concurrency: 4096, Name: "of nobody", Until: time.Hour})
	strange.Slices[0].Gauges = map[string]float64{"": math.MaxFloat64, "less": -math.MaxFloat64, "small": 5e-324, "none": 0}
	strange.Slices[31].Gauges = map[string]float64{"": math.Inf(1), "less": math.NaN()} // no file has such
	strange.Slices[2].Gauges, strange.Slices[3].Errors = map[string]float64{}, map[string]int64{bench.WrongAnswer: 1}
	for i := range 200 {
		strange.Slices[2].Gauges[fmt.Sprintf("gauge %d", i)] = 1
		strange.Slices[3].Errors[fmt.Sprintf("class %d", i)] = math.MaxInt32
	}
	return strange
}

// badNames is what hostile is, in the names that only such runs have.
func badNames(t *testing.T) *bench.Results {
	bad := hostile(t)
	name := bad.Header.Scenarios[0].Name
	bad.Header.Scenarios[0].Guarantee, bad.Header.Scenarios[1].Guarantee = name, ": "+name
	bad.End.Events = []bench.Event{{Contender: name, Concurrency: 2, Name: name, Until: time.Second}}
	bad.Slices[0].Gauges = map[string]float64{name: 1}
	return bad
}

// fleet is mirrors of one Redis, more than their machine has cores for.
func fleet(t *testing.T) *bench.Results {
	m := newMaker(t)
	of := workload{bench.FleetScenario, "Each worker is a mirror of its own connection.", 2 * time.Millisecond, 100, 100}
	r := m.results(false, 3, []int{1, 10, 100, 400}, of)
	r.Header.Scenarios[0].Guarantee, r.Header.Baseline = boundedBy, ""
	r.Header.Settings["revocations"], r.Header.Environment.Redis["maxclients"] = "10", "10000"
	for i := range r.Slices {
		s := &r.Slices[i]
		n := float64(s.Concurrency)
		s.CPU[bench.Redis] = time.Duration((0.02 + 0.0011*n*(1+0.1*m.random.Float64())) * float64(s.Wall))
		s.Gauges = map[string]float64{
			bench.GaugeConnections: n + 4, bench.GaugeReads: 10.9 * n, bench.GaugeSent: 2200 * n,
			bench.GaugeProofAge: 0.3, bench.GaugeBusy: min(0.2+n/400, 1),
		}
	}
	f, ok := r.Fleet()
	require.True(t, ok)
	r.End.Notes = append(f.Notes(), "Another note.")
	return r
}
