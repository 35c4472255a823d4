package tune

import (
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Outcome is what a search has found, and why.
type Outcome struct {
	Dials          Dials
	Aim            Aim
	Defaults, Best Point
	Trials         []Trial // in their order
	Weaker         []Trial // what would cost a guarantee, beside the best
	Next           *Trial  // what came nearest to the best; nil: nothing was held against it
	Proof          *Proof  // nil: it was not reached
	Untried        []int   // dials for which there was no time
	Throughput     float64 // of the defaults, operations a second: in a closed loop, or of what was asked for
	// DefaultsRate and Rate are the highest rates that keep an aim which names
	// none, of the defaults and of what was found; 0: none does.
	DefaultsRate, Rate float64
	Complete           bool
	Took               time.Duration
}

// Trial is a point that took turns with the best of its time.
type Trial struct {
	Name    string // what it would change
	At      Point
	Against Point
	Comparison
	Taken   bool
	LeftOut string   // why it may not be taken
	Costs   []string // of a guarantee
}

// Proof is the last run: the answer beside the defaults.
type Proof struct {
	Results *bench.Results
	Rival   Point
	Name    string // of the rival in Results: tuned, or next-best where the defaults were the answer until this
	Comparison
	Defaults Standing // to an aim with limits
	FellBack bool     // the rival was the answer until this
}

// Kept reports whether the answer keeps an aim with limits, by the proof.
func (o *Outcome) Kept() bool {
	if len(o.Aim.Limits) == 0 {
		return true
	}
	return o.Proof != nil && o.Standing().Kept
}

// Standing is that of the answer in the proof.
func (o *Outcome) Standing() Standing {
	switch {
	case o.Proof == nil:
		return Standing{}
	case o.Best.equal(o.Proof.Rival):
		return o.Proof.Stands
	}
	return o.Proof.Defaults
}

func (s *search) record(trials ...Trial) { s.out.Trials = append(s.out.Trials, trials...) }
