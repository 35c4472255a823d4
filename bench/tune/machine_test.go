package tune_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// machine is a made-up one: it takes no time, and what an operation costs there
// is a function of the settings, with noise that comes from a seed.
type machine struct {
	now    time.Time
	random *rand.Rand
	noise  float64                           // of a slice, and as much of all slices of a round
	cost   func(p tune.Point) float64        // seconds of an operation
	cpu    func(p tune.Point) float64        // of it; nil: as cost
	most   func(p tune.Point) float64        // operations a second that an open loop can do; nil: any
	asked  func(r tune.Round)                // may be nil
	broken func(r tune.Round) error          // may be nil
	errors func(tune.Point) map[string]int64 // may be nil
}

func newMachine(seed uint64, noise float64, cost func(p tune.Point) float64) *machine {
	return &machine{now: time.Unix(1, 0), random: rand.New(rand.NewPCG(seed, 0)), noise: noise, cost: cost}
}

func (m *machine) Now() time.Time { return m.now }

func (m *machine) jitter() float64 { return math.Exp(m.noise * m.random.NormFloat64()) }

func (m *machine) measure(_ context.Context, r tune.Round) (*bench.Results, error) {
	if m.asked != nil {
		m.asked(r)
	}
	if m.broken != nil {
		if err := m.broken(r); err != nil {
			return nil, err
		}
	}
	m.now = m.now.Add(time.Duration(len(r.Points)) * (r.Warmup + time.Duration(r.Slices)*r.Slice))
	results := &bench.Results{}
	for round := range r.Slices {
		together := m.jitter() // what else the machine does
		for i, p := range r.Points {
			results.Slices = append(results.Slices, m.slice(r, r.Names[i], p, round, together))
		}
	}
	return results, nil
}

func (m *machine) slice(r tune.Round, name string, p tune.Point, round int, together float64) bench.Slice {
	cost, cpu := m.cost(p)*together*m.jitter(), m.cost(p)
	if m.cpu != nil {
		cpu = m.cpu(p)
	}
	s := bench.Slice{Contender: name, Concurrency: 1, Round: round, Wall: r.Slice, Operations: int64(r.Slice.Seconds() / cost)}
	if r.Rate > 0 {
		due := int64(r.Slice.Seconds() * r.Rate)
		s.Operations = due
		if m.most != nil {
			s.Operations = min(due, int64(r.Slice.Seconds()*m.most(p)))
			s.Unbegun = due - s.Operations
			cost /= max(1-r.Rate/m.most(p), 0.001) // a queue
		}
	}
	if r.Rate > 0 { // else nobody asks
		s.Latency = hdrhistogram.New(1, int64(10*time.Second), 2)
		_ = s.Latency.RecordValues(int64(cost*1e9), s.Operations)
	}
	each := time.Duration(cpu * m.jitter() * 1e9)
	s.CPU = map[string]time.Duration{bench.Client: each * time.Duration(s.Operations), bench.Redis: 0}
	if m.errors != nil {
		s.Errors = m.errors(p)
	}
	return s
}

// dials are five settings of five values, of which the third is the default, and
// one that costs a guarantee.
func dials() tune.Dials {
	var all tune.Dials
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, tune.Dial{Name: name, Values: []string{"1", "2", "3", "4", "5"}, Default: 2})
	}
	return append(all, tune.Dial{Name: "check", Values: []string{"strict", "mirror"}, Weakens: map[int]string{1: "denied later"}})
}

func task(m *machine) tune.Task {
	return tune.Task{Dials: dials(), Budget: 3 * time.Minute, Measure: m.measure, Now: m.Now}
}

func search(t *testing.T, task tune.Task) *tune.Outcome {
	t.Helper()
	o, err := tune.Search(t.Context(), task)
	require.NoError(t, err)
	require.NotNil(t, o.Proof)
	assert.True(t, o.Complete)
	assert.LessOrEqual(t, o.Took, task.Budget, "the budget")
	return o
}

// far is 1 where a point has the wanted values, and more for each step from one.
func far(p, want tune.Point, each float64) float64 {
	cost := 1.0
	for i, value := range want {
		cost *= 1 + each*math.Abs(float64(p[i]-value))
	}
	return cost
}
