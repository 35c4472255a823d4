package bench

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rescindhq/rescind/bench/quota"
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
	Contenders  []Contender // of different names
	Concurrency []int       // workers, up to 4096, of up to 500 KB each where they do thousands of operations a slice; one level after the other
	Rate        float64     // operations due each second, up to ten million, of each contender in its turn; 0: a closed loop
	Arrivals    Arrivals    // of an open loop; default Constant

	// Each contender is measured for Duration at each level of concurrency,
	// after Warmup of the same that is thrown away. With one contender that is
	// one turn, with several they take turns of one Slice each; if one of them
	// is Staged, each has one turn of Duration, in their order. A Slice is also
	// what a turn is recorded by, so that of Duration only whole slices count.
	// Warmup may be 0 and not longer than Duration. Slice is at least 10 ms;
	// default 1 s, of a Duration below 10 s a tenth of it. There are at most
	// 4000 in a run; by default they are longer rather than more.
	// The shorter they are, the more of each is the beginning of a turn, with
	// caches that another contender has filled: of 50 ms of verify after revoke
	// that was 1.4 % of the CPU time.
	Duration, Warmup, Slice time.Duration

	// A closed loop times one operation in so many, at random, and counts them
	// all; default 1.
	Sample int
	// Limit is the deadline of each operation; default 5 s. It may come late by
	// a quarter of itself, at least 100 ms: a context for each operation would
	// cost more than many an operation, so a worker renews its own now and
	// then.
	Limit time.Duration
	Seed  uint64 // of the arrivals, and of which operations are timed
	// MaxShare is the most of one core that the Redis of a contender may use
	// for it in any second, from 0.01 to 1; 0: no bound. Each contender has to
	// have a Meter of Redis, which is then read twenty times a second, while
	// operations are under way. In a closed loop workers wait between
	// operations, which is in no latency, but in the rate; an open loop that does
	// not fit ends the run with ErrShare. What happens beside the operations
	// cannot be held back, only made room for.
	MaxShare float64
	// Background is the share that this Redis used before there was a run: that
	// of others, for which nobody is held back. See [quota.Background].
	Background float64

	Progress func(Progress) // called some five times a second from Run's own goroutine; may be nil
}

// Progress is how far a run is. What happened lately is what the contender's
// last slice at this concurrency says, which may be one of the warm-up; zero
// before it has one.
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

// ErrShare: the rate of an open loop, or the number of mirrors of a fleet, takes
// more of Redis than MaxShare allows. It comes as a [ShareError]. What was
// recorded before is whole.
var ErrShare = errors.New("bench: it does not fit into the share of Redis")

// ShareError is the ErrShare of one contender.
type ShareError struct {
	Contender   string
	Rate        float64 // that was asked for, operations a second; 0: it is not the rate that does not fit
	Mirrors     int     // that there were, without a rate
	Took, Limit float64 // of one core
}

// Fits is a rate that would fit, or without one a number of mirrors. It leaves
// some room, since both cost now more and now less.
func (e *ShareError) Fits() float64 {
	if e.Rate == 0 {
		return math.Floor(float64(e.Mirrors) * min(0.9*e.Limit/e.Took, 1))
	}
	return 0.9 * e.Rate * e.Limit / e.Took
}

func (e *ShareError) Error() string {
	took := fmt.Sprintf("took %.3g %% of a core, of at most %.3g %%", 100*e.Took, 100*e.Limit)
	if e.Rate == 0 {
		return fmt.Sprintf("%v: %s with %d mirror%s %s: %.0f would fit, where little is revoked",
			ErrShare, e.Contender, e.Mirrors, plural(int64(e.Mirrors)), took, e.Fits())
	}
	return fmt.Sprintf("%v: %s at %s operations a second %s: a rate of %s would fit",
		ErrShare, e.Contender, perSecond(e.Rate), took, perSecond(e.Fits()))
}

func (e *ShareError) Unwrap() error { return ErrShare }

// ErrInterrupted: the context ended before the plan did. What was recorded is
// whole as far as it goes.
var ErrInterrupted = errors.New("bench: interrupted")

const (
	minSlice       = 10 * time.Millisecond
	maxConcurrency = 4096
	maxRate        = 10e6
	// maxKept is how many slices a run may have: as many as a result file of a
	// gigabyte holds.
	maxKept = 4000
	// maxBackground is more cores than any Redis, or Cluster, has.
	maxBackground = 10_000
	// maxDuration keeps all sums of durations far from overflowing.
	maxDuration = 100 * time.Hour
)

// refuse is an ErrPlan that says what to change.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrPlan, fmt.Errorf(format, args...))
}

// Complete fills the defaults in and refuses what makes no sense (ErrPlan), but
// for the contenders: so that a plan is refused before it costs anything to set
// those up. Run does the same.
func (p Plan) Complete() (Plan, error) {
	if p.Slice == 0 {
		p.Slice = max(min(time.Second, p.Duration/10), minSlice, p.Duration*time.Duration(p.series())/maxKept)
	}
	if p.Sample == 0 {
		p.Sample = 1
	}
	if p.Limit == 0 {
		p.Limit = 5 * time.Second
	}
	if p.Arrivals == "" && p.Rate != 0 {
		p.Arrivals = Constant
	}
	for _, check := range []func() error{p.checkConcurrency, p.checkPace, p.checkTimes, p.checkShare} {
		if err := check(); err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}

func (p Plan) checkContenders() error {
	if len(p.Contenders) == 0 {
		return refuse("no scenario to measure")
	}
	names := make(map[string]bool, len(p.Contenders))
	for _, c := range p.Contenders {
		switch {
		case c.Name == "":
			return refuse("a contender has no name")
		case names[c.Name]:
			return refuse("two contenders are called %q", c.Name)
		case c.Scenario == nil:
			return refuse("contender %q has no scenario", c.Name)
		case c.Limit < 0 || c.Limit > maxDuration:
			return refuse("contender %q has a limit of %v", c.Name, c.Limit)
		}
		names[c.Name] = true
		if err := c.checkMeters(); err != nil {
			return err
		}
		if _, ok := c.meter(Redis); p.MaxShare > 0 && !ok {
			return refuse("contender %q has no meter of Redis, so that a share of it cannot be kept", c.Name)
		}
	}
	return nil
}

// limit is the deadline of a contender's operations.
func (p Plan) limit(c Contender) time.Duration { return max(p.Limit, c.Limit) }

// checkMeters refuses meters of equal names, of which one would be lost.
func (c Contender) checkMeters() error {
	of := map[string]bool{"": true, Client: true}
	for _, m := range c.Meters {
		if of[m.Of] || m.Read == nil {
			return refuse("contender %q has a meter %q that is nameless, there already, or reads nothing", c.Name, m.Of)
		}
		of[m.Of] = true
	}
	return nil
}

func (p Plan) checkConcurrency() error {
	if len(p.Concurrency) == 0 {
		return refuse("no concurrency given")
	}
	seen := make(map[int]bool, len(p.Concurrency))
	for _, n := range p.Concurrency {
		switch {
		case n < 1 || n > maxConcurrency:
			return refuse("a concurrency of %d: from 1 to %d workers are possible", n, maxConcurrency)
		case seen[n]:
			return refuse("a concurrency of %d is there twice", n)
		}
		seen[n] = true
	}
	return nil
}

// checkPace refuses rates and samples. A rate of zero that a user has asked for
// is a closed loop here; to refuse it is for those who know what was asked.
func (p Plan) checkPace() error {
	switch {
	case math.IsNaN(p.Rate) || p.Rate < 0 || p.Rate > maxRate:
		return refuse("a rate of %v: from above 0 to %.0f operations a second are possible", p.Rate, float64(maxRate))
	case p.Rate == 0 && p.Arrivals != "":
		return refuse("arrivals %q without a rate: a closed loop has none", p.Arrivals)
	case p.Rate != 0 && p.Arrivals != Constant && p.Arrivals != Poisson:
		return refuse("arrivals %q: there are %q and %q", p.Arrivals, Constant, Poisson)
	case p.Sample < 1:
		return refuse("a sample of one in %d", p.Sample)
	case p.Sample > 1 && p.Rate != 0:
		return refuse("a sample of one in %d with a rate: an open loop times every operation", p.Sample)
	case p.Rate != 0 && p.Rate*p.Duration.Seconds() < 1:
		return refuse("a rate of %v is less than one operation in %v", p.Rate, p.Duration)
	}
	return nil
}

func (p Plan) checkTimes() error {
	switch {
	case p.Duration <= 0 || p.Duration > maxDuration:
		return refuse("a duration of %v: up to %v are possible", p.Duration, maxDuration)
	case p.Warmup < 0:
		return refuse("a warm-up of %v", p.Warmup)
	case p.Duration < p.Warmup:
		return refuse("a duration of %v is shorter than the warm-up of %v", p.Duration, p.Warmup)
	case p.Slice < minSlice:
		return refuse("slices of %v are shorter than %v", p.Slice, minSlice)
	case p.Duration < p.Slice:
		return refuse("a duration of %v is shorter than a slice of %v", p.Duration, p.Slice)
	case p.rounds() > maxKept/p.series():
		return refuse("slices of %v are more than %d in all: take longer ones", p.Slice, maxKept)
	case p.Limit < 0 || p.Limit > maxDuration:
		return refuse("a limit of %v for each operation", p.Limit)
	}
	return nil
}

func (p Plan) checkShare() error {
	switch {
	case p.MaxShare != 0 && !(p.MaxShare >= quota.Least && p.MaxShare <= 1):
		return refuse("a share of %v of one core: from %v to 1 can be kept", p.MaxShare, quota.Least)
	case !(p.Background >= 0 && p.Background <= maxBackground):
		return refuse("a background of %v of one core", p.Background)
	}
	return nil
}

// rounds is how many slices each contender gets at each level of concurrency.
func (p Plan) rounds() int { return int(p.Duration / p.Slice) }

// whole says that a contender has all of its slices in one turn.
func (p Plan) whole() bool {
	return len(p.Contenders) == 1 || slices.ContainsFunc(p.Contenders, isStaged)
}

// stages reports whether something happens to a contender while it is measured.
func (p Plan) stages(name string) bool {
	return slices.ContainsFunc(p.Contenders, func(c Contender) bool { return c.Name == name && isStaged(c) })
}

func isStaged(c Contender) bool {
	_, ok := c.Scenario.(Staged)
	return ok
}

// series is how many there are, at least one.
func (p Plan) series() int { return max(len(p.Contenders)*len(p.Concurrency), 1) }

// longest is the longest latency that can be: an operation ends when its Limit
// has come, and in an open loop it may have been due when the turn began, while
// the last one begins a slice after the turn's end.
func (p Plan) longest() time.Duration {
	longest := 2 * p.Limit
	for _, c := range p.Contenders {
		longest = max(longest, 2*p.limit(c))
	}
	if p.Rate > 0 {
		turn := max(p.Slice, p.Warmup)
		if p.whole() {
			turn = p.Duration
		}
		longest += 2 * turn
	}
	return min(max(minTop, longest), maxTime)
}

// length is how long the run takes, but for what lies between the turns.
func (p Plan) length() time.Duration {
	return time.Duration(p.series()) * (p.Warmup + time.Duration(p.rounds())*p.Slice)
}
