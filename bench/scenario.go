package bench

import "context"

// Scenario is what is measured. The package scenario has rescind's own.
type Scenario interface {
	// Operation returns what one worker of several does again and again. Only
	// that worker's goroutine calls it, and it should not allocate for the
	// measurement's sake. Called again for the same worker it may go on where
	// the last one ended.
	Operation(worker, workers int) (Operation, error)
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
