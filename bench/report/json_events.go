package report

import (
	"time"

	"github.com/rescindhq/rescind/bench"
)

// EventDocument is what the callers of a contender saw of one event
// ([bench.Outcome]). Where no slice tells, nothing stands behind the event.
type EventDocument struct {
	bench.Event
	Turn       time.Duration    `json:"turn_ns"` // since the run began, when the contender's turn did
	Slices     int              `json:"slices"`  // from which the following is known
	Answered   int64            `json:"answered"`
	Errors     map[string]int64 `json:"errors,omitempty"` // by class
	Unbegun    int64            `json:"unbegun,omitempty"`
	Unanswered *time.Duration   `json:"unanswered_ns,omitempty"` // the longest time
	Again      *time.Duration   `json:"again_ns,omitempty"`      // after the event's end; absent: never while it was measured
	After      time.Duration    `json:"after_ns"`                // how long it was
	Worst      *time.Duration   `json:"worst_ns,omitempty"`      // latency; absent: nobody was answered
}

// GaugeDocument is a figure beside latencies, as it was after the slices of one
// series. What is no number is left out.
type GaugeDocument struct {
	bench.Series
	Name   string   `json:"name"`
	Slices int      `json:"slices"`
	Last   *float64 `json:"last,omitempty"`
	Mean   *float64 `json:"mean,omitempty"`
	Max    *float64 `json:"max,omitempty"`
}

func eventDocument(o bench.Outcome) EventDocument {
	d := EventDocument{
		Event: o.Event, Turn: o.Turn, Slices: o.Slices,
		After: o.After, Answered: o.Answered, Errors: o.Errors, Unbegun: o.Unbegun,
	}
	if o.Slices == 0 {
		return d
	}
	d.Unanswered = &o.Unanswered
	if o.Again != bench.Never {
		d.Again = &o.Again
	}
	if o.Worst > 0 {
		d.Worst = &o.Worst
	}
	return d
}
