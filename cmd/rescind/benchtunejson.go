package main

import (
	"math"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// tuneDocument is the answer as --json has it. What is not known is left out.
type tuneDocument struct {
	Complete  bool     `json:"complete"`
	Aim       string   `json:"aim"`
	Kept      bool     `json:"kept"` // the aim, by the proof
	Guarantee string   `json:"guarantee"`
	Costs     []string `json:"costs,omitempty"`

	Changes []tuneChange `json:"changes"`
	Config  string       `json:"config"` // TOML, of rescind serve
	Go      []string     `json:"go,omitempty"`

	Rate         float64         `json:"rate,omitempty"`          // the highest that keeps an aim without one
	DefaultsRate float64         `json:"defaults_rate,omitempty"` // with the defaults
	Checks       *tuneTail       `json:"checks,omitempty"`
	Staleness    *tuneStaleness  `json:"staleness,omitempty"`
	Proof        *tuneComparison `json:"proof,omitempty"`
	FellBack     bool            `json:"fell_back,omitempty"` // the proof did not show what the search had found
	NextBest     *tuneComparison `json:"next_best,omitempty"`
	Weaker       []tuneTrial     `json:"weaker"`
	Trials       []tuneTrial     `json:"trials"`
	Untried      []string        `json:"untried,omitempty"`

	Seconds     float64           `json:"seconds"`
	Seed        uint64            `json:"seed"`
	Command     string            `json:"command"`
	Environment bench.Environment `json:"environment"`
}

type tuneChange struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
}

// tuneTail is how long checks took, in nanoseconds, and what would be enough for
// all of them: no advice, which is in changes.
type tuneTail struct {
	Count   int64 `json:"count"`
	P50     int64 `json:"p50_ns"`
	P999    int64 `json:"p99.9_ns"`
	Slowest int64 `json:"slowest_ns"`
	Enough  int64 `json:"enough_ns"`
}

// tuneStaleness is how late mirrors were to refuse what was revoked.
type tuneStaleness struct {
	Revocations float64     `json:"revocations"` // a second
	Judged      bool        `json:"judged"`      // enough was revoked
	Wakes       int         `json:"mirror_wakes"`
	PerRead     int64       `json:"redis_ns_per_read,omitempty"`
	Tried       []tuneWakes `json:"tried"`
}

type tuneWakes struct {
	Wakes int     `json:"mirror_wakes"` // 0: adapts
	Count int64   `json:"count"`
	P50   int64   `json:"p50_ns"`
	P99   int64   `json:"p99_ns"`
	Reads float64 `json:"reads"` // a second
	Later bool    `json:"later"` // than the default, as far as was shown
}

type tuneTrial struct {
	tuneComparison
	Beside  string   `json:"beside"` // what differs from the defaults there; empty: nothing
	Taken   bool     `json:"taken,omitempty"`
	LeftOut string   `json:"left_out,omitempty"`
	Costs   []string `json:"costs,omitempty"`
}

type tuneComparison struct {
	Change  string     `json:"change"`
	Slices  int        `json:"slices"`
	Metric  string     `json:"metric"`
	Ratio   *tuneRatio `json:"ratio,omitempty"`
	CPU     *tuneRatio `json:"cpu,omitempty"`
	Verdict string     `json:"verdict"`
	By      string     `json:"by"`
	Figure  *float64   `json:"figure_seconds,omitempty"` // of the metric, with an aim
}

type tuneRatio struct {
	Center float64  `json:"center"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
}

func (t *tuning) printJSON() error {
	o := t.outcome
	environment := bench.CurrentEnvironment()
	environment.Redis = t.about
	d := tuneDocument{
		Complete: o.Complete, Aim: o.Aim.String(), Kept: t.kept(), Staleness: t.staleness(), Guarantee: t.promise(o.Best), Costs: o.Dials.Costs(o.Best),
		Changes: []tuneChange{}, Config: t.config(), Go: t.goOptions(),
		Rate: o.Rate, DefaultsRate: o.DefaultsRate, Weaker: t.trials(o.Weaker), Trials: t.trials(o.Trials),
		Seconds: o.Took.Seconds(), Seed: t.flags.seed, Command: t.command(), Environment: environment,
	}
	for _, c := range t.changes() {
		d.Changes = append(d.Changes, tuneChange{c.name, c.value, c.usual})
	}
	if t.tail != nil {
		l := t.tail.latency
		d.Checks = &tuneTail{l.TotalCount(), l.ValueAtPercentile(50), l.ValueAtPercentile(99.9), l.Max(), int64(t.tail.enough)}
	}
	if p := o.Proof; p != nil && !equal(p.Rival, o.Defaults) {
		compared := t.comparison(o.Dials.Changes(o.Defaults, p.Rival), p.Comparison)
		d.Proof, d.FellBack = &compared, p.FellBack
	}
	if o.Next != nil {
		compared := t.comparison(o.Next.Name, o.Next.Comparison)
		d.NextBest = &compared
	}
	for _, i := range o.Untried {
		d.Untried = append(d.Untried, o.Dials[i].Name)
	}
	return t.c.printJSON(d)
}

func (t *tuning) staleness() *tuneStaleness {
	w := t.wakes
	if w == nil {
		return nil
	}
	s := &tuneStaleness{Revocations: t.flags.revocations, Judged: w.judged(), Wakes: w.value(), PerRead: int64(w.read), Tried: []tuneWakes{}}
	for i, h := range w.heard {
		s.Tried = append(s.Tried, tuneWakes{w.values[i], h.Count, int64(h.P50), int64(h.P99), h.Reads, i > 0 && h.Later()})
	}
	return s
}

func (t *tuning) trials(of []tune.Trial) []tuneTrial {
	all := []tuneTrial{}
	for _, trial := range of {
		all = append(all, tuneTrial{
			tuneComparison: t.comparison(trial.Name, trial.Comparison), Beside: t.outcome.Dials.Changes(t.outcome.Defaults, trial.Against),
			Taken: trial.Taken, LeftOut: trial.LeftOut, Costs: trial.Costs,
		})
	}
	return all
}

func (t *tuning) comparison(change string, c tune.Comparison) tuneComparison {
	compared := tuneComparison{
		Change: change, Slices: c.Pairs, Metric: t.mainName(c), Ratio: knownRatio(c.Main), CPU: knownRatio(c.CPU),
		Verdict: string(c.Verdict), By: string(c.By),
	}
	if c.Stands.Metric != "" {
		compared.Figure = known(c.Stands.Figure)
	}
	return compared
}

// known is a figure as JSON can have it; nil: not known.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func knownRatio(i bench.Interval) *tuneRatio {
	if known(i.Center) == nil {
		return nil
	}
	return &tuneRatio{i.Center, known(i.Low), known(i.High)}
}
