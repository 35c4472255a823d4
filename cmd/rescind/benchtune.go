package main

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
)

// tuneSettings are the settings that tuning takes: where the Redis is. How long
// a check may take is one of its answers.
const tuneSettings = "redis prefix partitions skew-margin insecure-skip-inspection"

// What tuning may take, and how long tokens live at least.
const (
	minBudget    = 3 * time.Second
	maxBudget    = 10 * time.Hour
	tuneLifetime = time.Hour
	// tuneTokens are fewer than a run has: all that is tried sees each first.
	tuneTokens = 1000
)

// The guarantees that may be asked for.
const (
	guaranteeStrict  = "strict"
	guaranteeBounded = "bounded"
)

// tuneFlags are the arguments of tuning. The workload is that of a run.
type tuneFlags struct {
	benchFlags
	aims      []string
	budget    time.Duration
	guarantee string
	callers   int
	share     float64 // of Redis

	aim   tune.Aim      // as read
	stale time.Duration // of a mirror, the 99th percentile; 0: none was asked for
}

func declareTune(fs *pflag.FlagSet) *tuneFlags {
	usual := scenario.Defaults()
	f := &tuneFlags{benchFlags: benchFlags{set: fs, algorithms: usual.Algorithms, revoked: usual.Revoked, lifetime: tuneLifetime}}
	fs.StringSliceVar(&f.aims, "aim", nil, "")
	fs.Var(rateValue{&f.rate}, "rate", "")
	span(fs, &f.budget, "budget", 3*time.Minute)
	choice(fs, &f.guarantee, "guarantee", guaranteeStrict, guaranteeStrict, guaranteeBounded)
	fs.Var(shareValue{&f.share}, "max-share", "")
	fs.Var(besideValue{revocationsValue{&f.revocations}}, "revocations", "")
	positive(fs, &f.callers, "concurrency", 64)
	fs.Uint64Var(&f.seed, "seed", 0, "")

	fs.Var(mixValue{&f.algorithms}, "algorithms", "")
	positive(fs, &f.tokens, "tokens", tuneTokens)
	fs.Float64Var(&f.zipf, "zipf", 0, "")
	fs.Var(shareValue{&f.revoked}, "revoked", "")
	fs.IntVar(&f.entries, "entries", usual.Entries, "")
	spanOrZero(fs, &f.delay, "delay", 0)
	fs.StringVar(&f.out, "out", "", "")
	return f
}

// settle refuses what cannot be meant, before anything is opened.
func (f *tuneFlags) settle() error {
	if f.out == "-" {
		return usageError("--out -: want the name of a file").hint("--json writes the answer to standard output")
	}
	if f.set.Changed("aim") && len(f.aims) == 0 {
		return usageError("--aim: no aim in it").hint(aimHint)
	}
	if err := f.readAims(); err != nil {
		return err
	}
	if f.budget < minBudget || f.budget > maxBudget {
		return usageError("--budget %s: want %s to %s", formatDuration(f.budget), formatDuration(minBudget), formatDuration(maxBudget))
	}
	if err := f.aim.Check(f.budget); err != nil {
		return usageError("%w", err).hint(aimHint)
	}
	if !f.set.Changed("seed") {
		f.seed = uint64(rand.Uint32())
	}
	f.concurrency = []int{f.callers}
	f.lifetime = max(tuneLifetime, (2 * f.budget).Truncate(time.Second))
	if f.set.Changed("max-share") && f.share == 0 {
		return usageError("--max-share 0: nothing could be measured").hint("such as --max-share 25%%, of one core; without it there is no bound")
	}
	if f.stale > 0 && f.revocations*f.listens().Seconds() < leastRevoked {
		needs := time.Duration(leastRevoked / f.revocations / wakesShare * 1.3 * float64(time.Second)).Round(time.Second)
		return usageError("--aim stale-p99: %s revocations a second are too few within %s", besideValue{revocationsValue{&f.revocations}}, formatDuration(f.budget)).
			hint("give it a --budget of %s or more, or more --revocations", formatDuration(needs))
	}
	plan := f.plan(nil)
	plan.Duration, plan.MaxShare = f.budget, f.share
	if _, err := plan.Complete(); err != nil {
		return benchTrouble(err)
	}
	return nil
}

// readAims reads the aim, of which how stale a mirror may be is apart: it is
// about other operations.
func (f *tuneFlags) readAims() error {
	f.aim.Rate = f.rate
	for _, text := range f.aims {
		if value, ok := strings.CutPrefix(text, "stale-p99="); ok {
			d, err := time.ParseDuration(value)
			switch {
			case err != nil || d <= 0:
				return usageError("--aim: stale-p99: %q, want a time such as 5ms", value).hint(aimHint)
			case f.stale > 0:
				return usageError("--aim: two aims of stale-p99").hint(aimHint)
			case f.revocations == 0 || f.guarantee != guaranteeBounded:
				return usageError("--aim %s is about a mirror, and what is revoked meanwhile", text).
					hint("add --guarantee bounded --revocations N, the revocations a second that you expect")
			}
			f.stale = d
			continue
		}
		limit, err := tune.ParseLimit(text)
		if err != nil {
			return usageError("--aim: %w", err).hint(aimHint)
		}
		f.aim.Limits = append(f.aim.Limits, limit)
	}
	return nil
}

const aimHint = "such as --aim p99=2ms --rate 20000; --aim p99=2ms looks for the highest rate that keeps it; without an aim it is the most throughput"

// benchTune finds settings, and answers with what to paste and why.
func benchTune(fs *pflag.FlagSet) action {
	f := declareTune(fs)
	return func(ctx context.Context, c *call) error {
		if err := c.need("redis"); err != nil {
			return err
		}
		if err := f.settle(); err != nil {
			return err
		}
		file, err := createResult(f.out)
		if err != nil {
			return err
		}
		ctx, stop := untilHangUp(ctx)
		defer stop()
		t := &tuning{c: c, flags: f, watch: c.newWatch(), began: time.Now(), file: file}
		err = t.run(ctx)
		return errors.Join(t.answer(err), file.close())
	}
}

// tuning is one search, from its flags to its answer.
type tuning struct {
	c     *call
	flags *tuneFlags
	watch *watch
	file  *resultFile
	began time.Time

	about    map[string]string // the Redis
	overhead bench.Overhead
	outcome  *tune.Outcome     // nil: nothing was searched
	settings scenario.Settings // of the answer
	wakes    *wakes            // nil: not measured
	tail     *tail             // nil: not measured
}

// run sets the stand up, searches, and removes what was set up.
func (t *tuning) run(ctx context.Context) (err error) {
	knobs, err := t.c.knobs(ctx, &t.flags.benchFlags)
	if err != nil {
		return err
	}
	// What is healthy but slow must be seen, not cut off.
	knobs.Redis.CheckTimeout, knobs.Runs, knobs.MaxShare = patience, t.flags.budget, t.flags.share
	defer t.watch.clear()
	if !t.c.json {
		t.c.say("tuning for %s: %s callers, at most %s; seed %d", t.flags.aim, grouped(int64(t.flags.callers)), formatDuration(t.flags.budget), t.flags.seed)
	}
	settingUp, stop := context.WithTimeout(ctx, t.flags.budget)
	defer stop()
	stand, err := scenario.Open(settingUp, []string{"verify"}, knobs, t.watch.setUp)
	switch {
	case err != nil && settingUp.Err() != nil && ctx.Err() == nil && !errors.As(err, new(*scenario.LeftError)):
		return t.slowSetUp()
	case err != nil:
		return benchTrouble(err)
	}
	t.about = stand.Redis()
	defer func() {
		t.watch.clear()
		if ctx.Err() != nil && !t.c.json {
			t.c.say("removing the keys under %s:* (another Ctrl-C would leave them there)", t.about["prefix"])
		}
		err = cleaned(err, stand.Close(), t.about["prefix"])
	}()
	return t.trouble(t.search(ctx, stand))
}

// slowSetUp is of a budget that was gone before anything was measured.
func (t *tuning) slowSetUp() error {
	return usageError("setting up took %s of a budget of %s: too little is left to measure", time.Since(t.began).Round(100*time.Millisecond), formatDuration(t.flags.budget)).
		hint("give it a longer --budget, or fewer --tokens and --entries, or a larger --max-share if there is one")
}

// tailShare is of the budget, for the tail of a check.
const tailShare = 0.05

// search has the settings searched in what set-up has left of the budget.
func (t *tuning) search(ctx context.Context, stand *scenario.Stand) error {
	left := t.flags.budget - time.Since(t.began)
	budget := left - time.Duration(tailShare*float64(t.flags.budget))
	if budget < tune.MinBudget {
		return t.slowSetUp()
	}
	var err error
	if t.overhead, err = bench.MeasureOverhead(ctx); err != nil {
		return err
	}
	lab := &lab{tuning: t, stand: stand, open: map[scenario.Settings]*scenario.Candidate{}}
	if t.flags.revocations > 0 {
		if t.wakes, err = lab.measureWakes(ctx); err != nil {
			return err
		}
		if budget -= t.wakes.took; budget < tune.MinBudget {
			return t.slowSetUp()
		}
	}
	t.outcome, err = tune.Search(ctx, tune.Task{
		Dials: stand.Dials(), Aim: t.flags.aim, Starts: stand.Starts(), Budget: budget,
		AllowWeaker: t.flags.guarantee == guaranteeBounded, Measure: lab.measure,
	})
	if t.outcome == nil {
		return err
	}
	t.settings = lab.settingsAt(t.outcome.Best)
	if err == nil {
		t.tail, err = lab.measureTail(ctx)
	}
	if late, e := bench.MeasureOverhead(context.WithoutCancel(ctx)); e == nil && late.WakeP99 > t.overhead.WakeP99 {
		t.overhead = late // it was not as quiet all the time
	}
	if t.outcome.Proof != nil {
		err = errors.Join(err, t.keep())
	}
	return err
}

// trouble words what ended a search.
func (t *tuning) trouble(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tune.ErrWrong):
		return refused("WRONG ANSWERS: %w: a token that is revoked was accepted, or a good one was refused", err).
			hint("do not trust this Redis or this build before that is understood")
	case errors.Is(err, bench.ErrInterrupted), errors.Is(err, context.Canceled):
		return cannotTell("interrupted after %s of %s: %s",
			formatDuration(time.Since(t.began).Round(100*time.Millisecond)), formatDuration(t.flags.budget), t.unfinished())
	case errors.Is(err, bench.ErrShare):
		return refused("%w", err).hint("with the defaults alone this rate does not fit into --max-share: lower --rate, or allow more")
	}
	return benchTrouble(err)
}

// unfinished is what an interrupted search lacks.
func (t *tuning) unfinished() string {
	switch {
	case t.outcome == nil || len(t.outcome.Trials) == 0:
		return "nothing was found yet"
	case t.outcome.Complete:
		return "all was found, but how long a check takes"
	}
	return "what was found so far is not proven"
}

// answer prints what was found, and judges it.
func (t *tuning) answer(err error) error {
	if t.outcome == nil || errors.Is(err, tune.ErrWrong) { // of which no figure counts
		return err
	}
	if !t.outcome.Complete && len(t.outcome.Trials) == 0 && t.wakes == nil { // there is nothing to show
		return err
	}
	printed := t.print
	if t.c.json {
		printed = t.printJSON
	}
	if e := printed(); e != nil || err != nil {
		return cmp.Or(err, e)
	}
	if t.file != nil && !t.c.json {
		t.c.say("the proof as a page: rescind bench report %s --html %s", shellWord(t.flags.out), shellWord(t.flags.out+".html"))
	}
	switch {
	case !t.outcome.Kept():
		return refused("%s", t.missed()).hint("%s", t.nearer())
	case t.late():
		return refused("%s", t.lateBy()).hint("a mirror reads sooner on a machine with less other work; --guarantee strict is never stale")
	}
	return nil
}

// nearer is what to try where an aim is not kept.
func (t *tuning) nearer() string {
	hint := "what was found comes nearest; a lower --rate or a larger --aim may be kept"
	if t.flags.guarantee == guaranteeBounded {
		return hint
	}
	return hint + ", or --guarantee bounded, with a mirror"
}

// command repeats it.
func (t *tuning) command() string {
	return strings.Replace(t.c.repeatable(&t.flags.benchFlags), "rescind bench run", "rescind bench tune", 1)
}
