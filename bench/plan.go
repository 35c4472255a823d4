package bench

import (
	"context"
	"errors"
	"time"
)

// Arrivals is how the operations of an open loop are spread.
type Arrivals string

// The spreads of an open loop.
const (
	Constant Arrivals = "constant" // one every 1/rate
	Poisson  Arrivals = "poisson"  // independent of each other, as from many clients
)

// Plan is what a run measures, and how. Run refuses one that makes no sense.
type Plan struct {
	Contenders  []Contender
	Concurrency []int    // workers; each level is measured after the other
	Rate        float64  // operations due each second, of each contender in its turn; 0: a closed loop
	Arrivals    Arrivals // of an open loop; default Constant

	// Each contender is measured for Duration at each level of concurrency,
	// after Warmup of the same that is thrown away. With one contender that is
	// one turn, with several they take turns of one Slice each. A Slice is also
	// what a turn is recorded by.
	Duration, Warmup, Slice time.Duration

	Sample int           // a closed loop times one operation in so many; default 1
	Limit  time.Duration // the deadline of each operation; default 5 s
	Seed   uint64

	Progress func(Progress) // called now and then from Run's own goroutine; may be nil
}

// Progress is how far a run is.
type Progress struct {
	Contender   string
	Concurrency int
	Warmup      bool
	Done, Left  time.Duration
	Rate        float64 // operations a second, lately
	P50, P99    time.Duration
	Errors      int64 // since the run began
}

// ErrPlan: the plan makes no sense. It is wrapped with what to change.
var ErrPlan = errors.New("bench: plan refused")

// ErrInterrupted: the context ended before the plan did. What was recorded is
// whole as far as it goes.
var ErrInterrupted = errors.New("bench: interrupted")

// Run carries the plan out and hands each slice to keep as soon as it is
// recorded. It returns what the result should say in words, also beside an
// ErrInterrupted: a rate that could not be kept, errors, a generator that was
// the bottleneck. An error of keep, of a Scenario or of a Meter ends the run.
func Run(ctx context.Context, plan Plan, keep func(Slice) error) ([]string, error) {
	return nil, errors.New("bench: not written yet")
}

// Overhead is what measuring itself costs, in a closed loop on this machine: an
// operation that does nothing, timed and recorded.
type Overhead struct {
	Operation time.Duration `json:"operation_ns"` // the generator's share of each timed operation
	Wake      time.Duration `json:"wake_ns"`      // how late a waiting worker wakes in an open loop, median
	WakeP99   time.Duration `json:"wake_p99_ns"`
}

// MeasureOverhead takes a fraction of a second.
func MeasureOverhead(ctx context.Context) (Overhead, error) {
	return Overhead{}, errors.New("bench: not written yet")
}
