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
}
