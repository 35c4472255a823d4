package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
)

// lab measures points on the stand's Redis.
type lab struct {
	*tuning
	stand *scenario.Stand
	// open are those of the last round, of which the next has the best again.
	open map[scenario.Settings]*scenario.Candidate
}

// measure is a tune.Measure.
func (l *lab) measure(ctx context.Context, r tune.Round) (*bench.Results, error) {
	what := "trying " + r.What
	if r.Proof {
		what = r.What
	}
	l.show(what)
	contenders, err := l.contenders(ctx, r)
	if err != nil {
		return nil, err
	}
	plan := l.flags.plan(contenders)
	plan.Rate, plan.Warmup, plan.Slice, plan.Duration = r.Rate, r.Warmup, r.Slice, time.Duration(r.Slices)*r.Slice
	plan.MaxShare, plan.Background = l.flags.share, l.stand.Background()
	plan.Progress = func(bench.Progress) { l.show(what) }
	results := &bench.Results{Header: bench.Header{Baseline: r.Names[0], Open: r.Rate > 0, Seed: l.flags.seed}}
	shares := shares{limit: plan.MaxShare, background: plan.Background, rate: plan.Rate, used: map[string]*shareUsed{}}
	notes, err := bench.Run(ctx, plan, func(s bench.Slice) error {
		results.Slices = append(results.Slices, s)
		return shares.add(s)
	})
	for _, name := range r.Names { // the baseline first: where it takes too much, all do
		err = cmp.Or(err, shares.over(name))
	}
	results.End = bench.End{Complete: err == nil, Notes: notes}
	var over *bench.ShareError
	if errors.As(err, &over) {
		return nil, &tune.TooMuch{Name: over.Contender, Err: err}
	}
	if wrongs(notes) { // while it warmed up, too
		return nil, tune.ErrWrong
	}
	return results, err
}

func wrongs(notes []string) bool {
	for _, note := range notes {
		if strings.HasPrefix(note, "WRONG ANSWERS") {
			return true
		}
	}
	return false
}

// contenders opens what a round needs, and closes what it does not.
func (l *lab) contenders(ctx context.Context, r tune.Round) ([]bench.Contender, error) {
	wanted := map[scenario.Settings]*scenario.Candidate{}
	var contenders []bench.Contender
	for i, p := range r.Points {
		c, err := l.candidate(ctx, r.Names[i], l.settingsAt(p))
		if err != nil {
			return nil, err
		}
		wanted[l.settingsAt(p)] = c
		contender := c.Verify()
		contender.Name = r.Names[i]
		contenders = append(contenders, contender)
	}
	for of, c := range l.open {
		if wanted[of] == nil {
			if err := c.Close(); err != nil {
				return nil, fmt.Errorf("closing what was measured: %w", err)
			}
			delete(l.open, of)
		}
	}
	return contenders, nil
}

// settingsAt are those of a point. A mirror has the wakes that were found before.
func (l *lab) settingsAt(at tune.Point) scenario.Settings {
	of := l.stand.SettingsAt(at)
	if of.Mirror && !of.Confirmed && l.wakes != nil { // one that is confirmed is never late
		of.MirrorWakes = l.wakes.value()
	}
	return of
}

func (l *lab) candidate(ctx context.Context, name string, of scenario.Settings) (*scenario.Candidate, error) {
	if c := l.open[of]; c != nil {
		return c, nil
	}
	c, err := l.stand.Candidate(ctx, name, of)
	if err == nil {
		l.open[of] = c
	}
	return c, err
}

// show says what is being done, and how much of the budget is left.
func (l *lab) show(what string) {
	share := min(float64(time.Since(l.began))/float64(l.flags.budget), 1)
	left := max(l.flags.budget-time.Since(l.began), 0)
	l.watch.show(share, fmt.Sprintf("%.0f %%  %s left  %s", 100*share, left.Round(time.Second), what))
}

// tail is how long healthy checks took: from their own beginning, as a deadline
// counts, and not so many at once that they wait for each other.
type tail struct {
	latency *hdrhistogram.Histogram
	callers int
	enough  time.Duration // would do for all of them; 0: there were none
	raise   time.Duration // what a check needs where the default is too short; 0: it is not
}

func newTail(latency *hdrhistogram.Histogram, callers int) *tail {
	return &tail{latency, callers, tune.Deadline(latency), tune.Raise(latency, defaultCheckTimeout)}
}

// healthyCallers is the part of the callers that a Redis can well bear.
const healthyCallers = 8

// measureTail measures checks alone with the answer's settings, for what is left
// of the budget.
func (l *lab) measureTail(ctx context.Context) (*tail, error) {
	lasts := max(l.flags.budget-time.Since(l.began), time.Duration(tailShare*float64(l.flags.budget))).Truncate(time.Millisecond)
	l.show("measuring how long a check takes")
	c, err := l.candidate(ctx, "check", l.settings)
	if err != nil {
		return nil, err
	}
	checks := c.Checks()
	checks.Name = "check"
	plan := l.flags.plan([]bench.Contender{checks})
	plan.Rate, plan.Duration, plan.Concurrency = 0, lasts, []int{max(1, l.flags.callers/healthyCallers)}
	plan.MaxShare, plan.Background = l.flags.share, l.stand.Background()
	plan.Progress = func(bench.Progress) { l.show("measuring how long a check takes") }
	results := &bench.Results{}
	_, err = bench.Run(ctx, plan, func(s bench.Slice) error { results.Slices = append(results.Slices, s); return nil })
	if err != nil {
		return nil, err
	}
	for _, s := range results.Summarize() {
		return newTail(s.Latency, s.Concurrency), nil
	}
	return nil, nil
}

// keep writes the proof to the file of --out, as of any run.
func (t *tuning) keep() error {
	if t.file == nil {
		return nil
	}
	proof := t.outcome.Proof
	header := proof.Results.Header
	header.Time, header.Command, header.Overhead = time.Now().UTC().Truncate(time.Millisecond), t.command(), t.overhead
	header.Environment = bench.CurrentEnvironment()
	header.Environment.Redis = t.about
	header.Settings = t.c.shaping(&t.flags.benchFlags, true)
	defaults := t.outcome.Defaults
	header.Scenarios = []bench.Description{{Name: "defaults", Means: "A token is verified with default settings.", Guarantee: t.promise(defaults)}}
	if changes := t.outcome.Dials.Changes(defaults, proof.Rival); changes != "" {
		header.Scenarios = append(header.Scenarios,
			bench.Description{Name: proof.Name, Means: "A token is verified with " + changes + ".", Guarantee: t.promise(proof.Rival)})
	}
	writer, err := bench.NewWriter(t.file, header)
	if err != nil {
		return cannotTell("--out: %w", err)
	}
	for _, s := range proof.Results.Slices {
		if err := writer.Slice(s); err != nil {
			return cannotTell("--out: %w", err)
		}
	}
	if err := writer.End(proof.Results.End); err != nil {
		return cannotTell("--out: %w", err)
	}
	return nil
}
