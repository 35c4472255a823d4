package tune

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Task is what is searched, and how.
type Task struct {
	Dials Dials
	Aim   Aim
	// Starts are points of several changes that are tried before single ones: for
	// settings that help only together.
	Starts []Point
	// Budget is how long all of it may take; at least MinBudget.
	Budget time.Duration
	// AllowWeaker lets values that cost a guarantee be taken. Otherwise they are
	// measured beside the answer, and shown.
	AllowWeaker bool
	Measure     Measure
	Now         func() time.Time // default time.Now
}

// MinBudget is the least time that says anything.
const MinBudget = time.Second

// Measure has points take turns and returns what each did, under the names of
// the round. One point alone has one turn, of several slices. A [TooMuch] has a
// point left out; any other error ends the search.
type Measure func(ctx context.Context, r Round) (*bench.Results, error)

// TooMuch is an error about one point of a round, which may not be measured: it
// would ask too much of somebody else.
type TooMuch struct {
	Name string // of the point in its round
	Err  error
}

func (e *TooMuch) Error() string { return e.Err.Error() }
func (e *TooMuch) Unwrap() error { return e.Err }

// Round is one run: points that take turns, of which the first is the baseline.
type Round struct {
	Names         []string // of the points
	Points        []Point
	Rate          float64 // of an open loop; 0: a closed one
	Warmup, Slice time.Duration
	Slices        int
	What          string // is being tried, for people
	Proof         bool   // of the answer: the last
}

// Where the parts of a search end, in shares of the budget. What is left at the
// end is for what takes longer than it should.
const (
	baseEnds    = 0.08
	exploreEnds = 0.62
	pruneEnds   = 0.72
	weakerEnds  = 0.80
	proofEnds   = 0.96
)

// How many slices a round has. It takes six pairs for an interval, and with
// eight one of them may be an accident.
const (
	aloneSlices   = 4
	screenSlices  = 6
	confirmSlices = 9
	proofSlices   = 10 // at least
	mostProof     = 80
)

// mostPasses is how often each dial is tried at most.
const mostPasses = 4

// The slices of a search, whose length follows from the budget: shorter ones are
// mostly beginnings, longer ones are worse than more of them.
const (
	minSlice = 20 * time.Millisecond
	maxSlice = 500 * time.Millisecond
	// sliceOperations are in each slice at least, and leastOperations in all.
	sliceOperations = 20
	leastOperations = 100 * sliceOperations
)

// Search finds the point that serves the aim best. It returns what it has found
// in any case, also beside an error: of Measure, or ErrTask.
func Search(ctx context.Context, task Task) (*Outcome, error) {
	if err := task.complete(); err != nil {
		return nil, err
	}
	s := newSearch(task)
	for _, step := range []func(context.Context) error{s.begin, s.explore, s.prune, s.raise, s.weaker, s.prove} {
		if err := step(ctx); err != nil {
			return s.finish(false), err
		}
	}
	return s.finish(true), nil
}

func (t *Task) complete() error {
	if err := t.Dials.check(); err != nil {
		return err
	}
	if err := t.Aim.check(); err != nil {
		return err
	}
	switch {
	case t.Budget < MinBudget:
		return fmt.Errorf("%w: a budget of %v: want %v or more", ErrTask, t.Budget, MinBudget)
	case t.Measure == nil:
		return fmt.Errorf("%w: nobody measures", ErrTask)
	}
	for _, p := range t.Starts {
		if !t.Dials.holds(p) {
			return fmt.Errorf("%w: no point: %v", ErrTask, p)
		}
	}
	if t.Now == nil {
		t.Now = time.Now
	}
	return nil
}

// search is one under way.
type search struct {
	Task
	began time.Time
	slice time.Duration
	// dear is how much longer rounds take than their slices: to open what is
	// measured, and all that lies between turns.
	dear float64

	best  Point
	moves int
	tried []int   // by dial: the moves before it was tried last, and one
	rate  float64 // of the rounds
	out   Outcome

	spoiled []Point // that asked too much in the proof, or has a lower rate than the defaults
}

func newSearch(task Task) *search {
	s := &search{Task: task, began: task.Now(), dear: 1.5, best: task.Dials.Defaults(), tried: make([]int, len(task.Dials))}
	s.rate = task.Aim.Rate
	s.out = Outcome{Dials: task.Dials, Aim: task.Aim, Defaults: task.Dials.Defaults()}
	turns := len(task.Starts) + 1
	for _, d := range task.Dials {
		turns += len(d.Values)
	}
	// Once through all of it, a second time, and what is confirmed in between.
	turns = turns*(screenSlices+1)*3/2 + len(task.Dials)*3*confirmSlices
	room := time.Duration(exploreEnds * float64(task.Budget) / s.dear)
	s.slice = min(max(room/time.Duration(turns), minSlice), maxSlice)
	if task.Aim.Rate > 0 { // a slice with no operation says nothing
		s.slice = max(s.slice, time.Duration(sliceOperations/task.Aim.Rate*float64(time.Second)))
	}
	return s
}

// left is how much there is until a share of the budget is used up.
func (s *search) left(share float64) time.Duration {
	return time.Duration(share*float64(s.Budget)) - s.Now().Sub(s.began)
}

// takes is how long a round takes, as far as is known.
func (s *search) takes(points, slices int) time.Duration {
	return time.Duration(s.dear * float64(points*(slices+1)) * float64(s.slice))
}

// seeking: the rate is what is looked for.
func (s *search) seeking() bool { return len(s.Aim.Limits) > 0 && s.Aim.Rate == 0 }

// begin measures the defaults, and where a rate is looked for finds theirs.
func (s *search) begin(ctx context.Context) error {
	alone, err := s.alone(ctx, s.best, s.Aim.Rate)
	if err != nil {
		return err
	}
	s.out.Throughput = alone.Figure(bench.MetricRate, seriesOf(alone, defaults))
	if !s.seeking() {
		return nil
	}
	s.out.DefaultsRate, err = s.climb(ctx, s.best, 0.7*s.out.Throughput, baseEnds*2)
	s.rate = s.out.DefaultsRate
	if s.rate == 0 { // at least there is something to bring down
		s.rate = 0.1 * s.out.Throughput
	}
	return err
}

// explore tries the starts, and then one dial after the other: again, as long as
// something was changed since, since a value may help only beside another.
func (s *search) explore(ctx context.Context) error {
	if starts := s.starts(); s.left(exploreEnds) > s.takes(len(starts)+1, screenSlices) {
		if err := s.duel(ctx, starts); err != nil {
			return err
		}
	}
	for pass, again := 0, true; again && pass < mostPasses; pass++ {
		again = false
		for i := range s.Dials {
			if s.tried[i] == s.moves+1 {
				continue
			}
			values := s.values(i)
			if len(values) > 0 && s.left(exploreEnds) < s.takes(len(values)+1, screenSlices) {
				continue // a dial of fewer values may have room
			}
			if err := s.duel(ctx, values); err != nil {
				return err
			}
			s.tried[i] = s.moves + 1
			again = true
		}
	}
	return nil
}

// raise finds the rate of what was found.
func (s *search) raise(ctx context.Context) (err error) {
	s.out.Rate = s.out.DefaultsRate
	if !s.seeking() {
		return nil
	}
	if !s.best.equal(s.out.Defaults) {
		tried := s.left(weakerEnds) >= s.takes(1, aloneSlices)
		if s.out.Rate, err = s.climb(ctx, s.best, s.rate, weakerEnds); err != nil {
			return err
		}
		if tried && s.out.Rate < s.out.DefaultsRate {
			s.lower()
		}
	}
	if s.out.Rate = math.Floor(reserve * s.out.Rate); s.out.Rate > 0 {
		s.rate = s.out.Rate
	}
	return nil
}

// lower takes back what was found, since the highest rate is lower with it: it was
// better at the rate of the defaults alone, or by accident.
func (s *search) lower() {
	why := fmt.Sprintf("keeps the aim up to %.0f/s, and the defaults do up to %.0f/s", s.out.Rate, s.out.DefaultsRate)
	s.record(Trial{Name: s.Dials.Changes(s.out.Defaults, s.best), At: s.best, Against: s.out.Defaults, LeftOut: why})
	s.spoiled = append(s.spoiled, s.best)
	s.move(s.out.Defaults)
	s.out.Rate = s.out.DefaultsRate
}

// reserve is the share of the highest rate that is promised: a longer run finds
// what a short one does not.
const reserve = 0.95
