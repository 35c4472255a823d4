package tune

import (
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Verdict is what a comparison of two points says.
type Verdict string

// The verdicts.
const (
	Better Verdict = "better"
	Worse  Verdict = "worse"
	Same   Verdict = "no difference" // that these slices could show
)

const (
	// clear is how far an interval has to be from 1: a difference that nobody
	// would notice is none.
	clear = 0.01
	// promising is a ratio that is worth a second run.
	promising = 0.985
	// astray is a difference in time that CPU time may not make up for, though no
	// interval shows it: what waits for a distant Redis uses little.
	astray = 0.03
)

// Comparison is how one point did beside another, in turns.
type Comparison struct {
	Pairs   int
	Main    bench.Interval // the ratio that the aim is about, as By says
	By      By
	CPU     bench.Interval // CPU time by operation, of all processes
	Stands  Standing       // of an aim with limits
	Rate    float64        // operations a second
	Verdict Verdict
}

// By is what a comparison was decided by.
type By string

// What decides.
const (
	ByTime    By = "time" // by operation, wall
	ByCPU     By = "cpu"  // by operation: where time could not tell, or both keep the aim
	ByKeeping By = "aim"  // one keeps the aim
)

// compare judges a contender by the baseline that it took turns with.
func (a Aim) compare(r *bench.Results, of, base bench.Series) Comparison {
	c := Comparison{
		CPU:  r.Paired(bench.MetricCPU, of, base),
		Rate: r.Figure(bench.MetricRate, of),
	}
	for _, slice := range r.Slices {
		if slice.Contender == of.Contender {
			c.Pairs++
		}
	}
	if len(a.Limits) == 0 {
		c.byThroughput(r.Paired(bench.MetricRate, of, base))
		return c
	}
	c.Stands = a.standing(r, of)
	c.byAim(r, a.standing(r, base), of, base, a.Rate == 0)
	return c
}

// byThroughput judges by the time of an operation. On a machine with other work
// that may say nothing where CPU time does.
func (c *Comparison) byThroughput(rates bench.Interval) {
	c.Main, c.By = inverse(rates), ByTime
	c.Verdict = verdict(c.Main)
	if c.Verdict != Same {
		return
	}
	cpu := verdict(c.CPU)
	if cpu == Better && c.Main.Center <= 1+astray || cpu == Worse && c.Main.Center >= 1-astray {
		c.Verdict, c.By = cpu, ByCPU
	}
}

// byAim judges by who keeps the aim; where both do, by CPU time, and where none
// does, or a rate is looked for, by the latency that is furthest beyond.
func (c *Comparison) byAim(r *bench.Results, base Standing, of, baseline bench.Series, seeking bool) {
	metric := base.Metric
	if base.Kept && !c.Stands.Kept {
		metric = c.Stands.Metric
	}
	c.Main, c.By = r.Paired(metric, of, baseline), ByKeeping
	c.Verdict = verdict(c.Main)
	switch {
	case c.Stands.Failures > base.Failures+mostFailures: // what fails has no latency
		c.Verdict = Worse
	case seeking:
	case c.Stands.Kept && base.Kept:
		c.By, c.Verdict = ByCPU, verdict(c.CPU)
	case base.Kept:
		c.Verdict = Worse
	}
}

// decider is the ratio that the verdict is about.
func (c *Comparison) decider() bench.Interval {
	if c.By == ByCPU {
		return c.CPU
	}
	return c.Main
}

func verdict(ratio bench.Interval) Verdict {
	switch {
	case ratio.High < 1-clear:
		return Better
	case ratio.Low > 1+clear:
		return Worse
	}
	return Same
}

// inverse makes a ratio of times of one of rates.
func inverse(i bench.Interval) bench.Interval {
	return bench.Interval{Center: 1 / i.Center, Low: 1 / i.High, High: 1 / i.Low}
}

// shortTime writes seconds as a duration with three digits.
func shortTime(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
