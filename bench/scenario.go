package bench

import (
	"context"
	"time"
)

// Scenario is what is measured. The package scenario has rescind's own.
type Scenario interface {
	// Operation returns what one worker of several does again and again. Only
	// that worker's goroutine calls it, and it should not allocate for the
	// measurement's sake. Called again for the same worker it may go on where
	// the last one ended.
	Operation(worker, workers int) (Operation, error)
}

// Clocked is a Scenario whose operations end elsewhere, such as in another
// process. What it takes to hear of that is in no latency; it is in the wall
// time of the turns, of which a ratio of such a scenario says nothing.
type Clocked interface {
	Scenario
	// Took is how long the worker's last operation took, which succeeded. It is
	// called right after it, by the goroutine that carried it out.
	Took(worker int) time.Duration
}

// Staged is a Scenario in which something happens while it is measured: a fault,
// a storm of writes. A run with one takes no short turns: each contender, one
// after the other, has all of Duration at once, also those to which nothing
// happens, and slices of the same moment of their turns are pairs.
type Staged interface {
	Scenario
	// Play has it happen, beside the operations of one turn that is measured,
	// not of a warm-up, and that has just begun. at is how long the run lasts
	// when Play is called, to the moment: the instants of an Event count from the
	// run's beginning. It is called from a goroutine of its own, once a turn, and
	// the run goes on when it has returned: that should be soon after ctx has
	// ended, as the turn has, or a run that was interrupted. An error that came
	// before ends the run; what comes after is what became of ctx, and is ignored.
	Play(ctx context.Context, at time.Duration) error
}

// Gauged is a Scenario that has figures beside latencies, such as how many
// connections there are. They are read at the end of each slice that is
// measured, while operations are under way, from a goroutine that keeps the
// time: that should take some milliseconds at most. An error ends the run.
type Gauged interface {
	Scenario
	// Gauges returns figures that are finite, by name, in a map that is not
	// changed any more.
	Gauges(ctx context.Context) (map[string]float64, error)
}

// Operation does one operation. An error counts apart from the latencies,
// under the class that it names ([Classed]), else as "timeout" where it wraps
// context.DeadlineExceeded, else as "error".
type Operation func(ctx context.Context) error

// Classed is an error that knows under which name to count it.
type Classed interface {
	error
	Class() string
}

// WrongAnswer is the class of an answer that must never be given: a revoked
// token accepted, a good one refused. One of them spoils a run.
const WrongAnswer = "wrong_answer"

// Contender is a scenario that takes part in a run.
type Contender struct {
	Name     string
	Scenario Scenario
	Meters   []Meter // of the processes that work for it, beside this one
	// Limit is the deadline of its operations where they may take longer than the
	// Plan's; 0: they may not.
	Limit time.Duration
}
