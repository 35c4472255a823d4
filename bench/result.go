package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Schema names the form of result files, which docs/bench.md describes. A
// reader refuses any other.
const Schema = "rescind-bench/1"

// Results are one run: a file of JSON lines. The first line is the header, then
// come slices and stages, and at the end one that says how the run ended.
type Results struct {
	Header Header
	Slices []Slice
	Stages []Stages
	End    End
}

// Header says what was measured, where, and how to do it again. Nothing in it
// is secret.
type Header struct {
	Schema      string            `json:"schema"`
	Time        time.Time         `json:"time"`
	Command     string            `json:"command"` // that repeats the run
	Environment Environment       `json:"environment"`
	Settings    map[string]string `json:"settings"` // every one that matters, by its flag's name
	Scenarios   []Description     `json:"scenarios"`
	Baseline    string            `json:"baseline,omitempty"` // the contender that ratios are over
	Open        bool              `json:"open,omitempty"`     // an open loop
	Seed        uint64            `json:"seed"`
	Overhead    Overhead          `json:"overhead"`
}

// Description is a contender, in words.
type Description struct {
	Name  string `json:"name"`
	Means string `json:"means"` // one sentence
	// Guarantee says when a revocation that was acknowledged is denied, so that
	// like is compared with like: its first word, before a colon, is strict,
	// bounded, best effort or none. Empty where nothing is checked or a server is
	// asked that nobody knows, and in files from before there were any.
	Guarantee string `json:"guarantee,omitempty"`
	// Baseline is the contender that its ratios are over; empty: the Header's.
	Baseline string `json:"baseline,omitempty"`
}

// Environment is the machine, the program and the Redis that were measured.
type Environment struct {
	CPU        string            `json:"cpu"`
	Cores      int               `json:"cores"`
	GOMAXPROCS int               `json:"gomaxprocs"`
	OS         string            `json:"os"`
	Arch       string            `json:"arch"`
	Go         string            `json:"go"`
	Rescind    string            `json:"rescind"`         // our version
	Redis      map[string]string `json:"redis,omitempty"` // version, address without secrets, and the settings that matter
}

// Slice is one turn of one contender, or a part of it.
type Slice struct {
	Contender   string
	Concurrency int
	Round       int           // slices of one round and one concurrency are a pair
	At          time.Duration // since the run began
	Wall        time.Duration

	Operations int64            // that succeeded
	Errors     map[string]int64 // by class
	Unbegun    int64            // due in an open loop, and given up before they began

	CPU     map[string]time.Duration // by Client, Redis, Server; absent: not known
	Gauges  map[string]float64       // of a Gauged scenario, by name, at the end of the slice; nil: it has none
	Latency *hdrhistogram.Histogram  // nanoseconds, of operations that succeeded
}

// Stages is where the time of a verification goes, for one algorithm.
type Stages struct {
	Algorithm string  `json:"algorithm"`
	Stages    []Stage `json:"stages"` // in the order of a verification
}

// Stage is one step of a verification: size, reading, signature, claims,
// denylist.
type Stage struct {
	Name string        `json:"name"`
	Time time.Duration `json:"time_ns"` // median
}

// End is how a run ended.
type End struct {
	Complete bool     `json:"complete"`
	Reason   string   `json:"reason,omitempty"` // why it is not complete
	Notes    []string `json:"notes,omitempty"`  // what Run had to say
	Events   []Event  `json:"events,omitempty"` // of Staged scenarios
}

// Event is what happened while a contender was measured: a fault, a storm. One
// without a length has one instant twice. Slices of the same time may be missing
// where a run ended early.
type Event struct {
	Contender   string        `json:"contender"`
	Concurrency int           `json:"concurrency"`
	Name        string        `json:"name"`
	From        time.Duration `json:"from_ns"` // since the run began
	Until       time.Duration `json:"until_ns"`
}
