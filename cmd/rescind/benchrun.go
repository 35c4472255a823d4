package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	benchreport "github.com/rescindhq/rescind/bench/report"
	"github.com/rescindhq/rescind/bench/scenario"
)

// benchRun measures, and answers with a table or, with --json, with the lines
// of a result file.
func benchRun(fs *pflag.FlagSet) action {
	f := declareBench(fs)
	return func(ctx context.Context, c *call) error {
		if err := f.settle(c.args); err != nil {
			return err
		}
		if err := c.settleServers(f); err != nil {
			return err
		}
		m := &measurement{c: c, flags: f, watch: c.newWatch()}
		if err := m.openSink(); err != nil {
			return err
		}
		ctx, stop := untilHangUp(ctx)
		defer stop()
		return m.answer(errors.Join(m.run(ctx), m.sink.file.close()))
	}
}

// untilHangUp lets a run clean up behind itself when its terminal goes away, or
// whoever reads its output: by default both signals end a process at once.
func untilHangUp(ctx context.Context) (context.Context, func()) {
	signal.Ignore(syscall.SIGPIPE) // writes fail instead
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() { signal.Reset(syscall.SIGPIPE) } // nohup
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx, func() { stop(); signal.Reset(syscall.SIGPIPE) }
}

// measurement is one run, from its flags to its answer.
type measurement struct {
	c      *call
	flags  *benchFlags
	watch  *watch
	sink   sink
	writer *bench.Writer // to sink
	fleet  bench.Results // of a fleet alone
}

// run sets the scenarios up, measures them and removes what was set up. What
// was measured is in the sink whatever happens.
func (m *measurement) run(ctx context.Context) (err error) {
	knobs, err := m.c.knobs(ctx, m.flags)
	if err != nil {
		return err
	}
	defer m.watch.clear()
	stand, err := scenario.Open(ctx, m.c.args, knobs, m.watch.setUp)
	if err != nil {
		return benchTrouble(err)
	}
	defer func() {
		m.watch.clear()
		prefix := stand.Redis()["prefix"]
		if ctx.Err() != nil && prefix != "" && !m.c.json {
			m.c.say("removing the keys under %s:* (another Ctrl-C would leave them there)", prefix)
		}
		err = cleaned(err, stand.Close(), prefix)
	}()
	header, err := m.header(ctx, stand)
	if err != nil {
		return benchTrouble(err)
	}
	m.announce()
	writer, err := bench.NewWriter(&m.sink, header)
	if err := errors.Join(err, m.sink.broken); err != nil {
		return err
	}
	m.writer, m.fleet.Header = writer, header
	plan := m.flags.plan(stand.Contenders())
	plan.Progress, plan.Background = m.watch.progress, stand.Background()
	notes, err := bench.Run(ctx, plan, m.keep)
	if err == nil && slices.Contains(m.c.args, "verify") {
		err = m.stages(ctx, stand)
	}
	notes = worstFirst(append(stand.Notes(), m.fleetNotes()...), notes)
	return m.end(bench.End{Notes: notes, Events: stand.Events()}, err)
}

// cleaned adds to an error of the run that its keys could not be removed.
func cleaned(err, leftover error, prefix string) error {
	if leftover == nil {
		return err
	}
	both := cannotTell("%w", errors.Join(err, leftover))
	var f *failure
	if errors.As(err, &f) {
		both.hints = f.hints
	}
	return both.hint("when Redis is back: redis-cli --scan --pattern %s | xargs -r redis-cli unlink", shellWord(prefix+":*"))
}

// announce says what begins, for a person who waits for it.
func (m *measurement) announce() {
	if m.c.json {
		return
	}
	m.watch.clear()
	m.c.say("measuring %s: %s each, after %s to warm up; seed %d", strings.Join(m.c.args, ", "),
		formatDuration(m.flags.duration), formatDuration(m.flags.warmup), m.flags.seed)
}

func (m *measurement) keep(s bench.Slice) error {
	m.keepFleet(s)
	return errors.Join(m.writer.Slice(s), m.sink.broken)
}

// stages measures where the time of a verification goes.
func (m *measurement) stages(ctx context.Context, stand *scenario.Stand) error {
	m.watch.setUp("measuring the stages of a verification", 0)
	stages, err := stand.Stages(ctx)
	if err != nil {
		return err
	}
	for _, s := range stages {
		if err := m.writer.Stages(s); err != nil {
			return err
		}
	}
	return nil
}

// end writes how the run ended, and words an interruption.
func (m *measurement) end(end bench.End, err error) error {
	end.Complete = err == nil
	switch {
	case errors.Is(err, bench.ErrInterrupted), errors.Is(err, context.Canceled):
		err = cannotTell("interrupted after %s of %s", // of which nothing was told yet in the first moments
			formatDuration(m.watch.last.Done.Round(100*time.Millisecond)), formatDuration(m.flags.length(m.c.args)))
	case err != nil:
		err = benchTrouble(err)
	}
	if err != nil {
		end.Reason = oneLine(err.Error())
	}
	err = errors.Join(err, m.writer.End(end))
	if m.sink.broken != nil && !errors.Is(err, m.sink.broken) { // at the very end
		err = errors.Join(err, m.sink.broken)
	}
	return err
}

// answer prints the table of what was measured, and judges it. A wrong answer
// is worse than whatever else went wrong.
func (m *measurement) answer(err error) error {
	if m.writer == nil { // nothing was measured
		return err
	}
	done, e := bench.Read(&m.sink.memory)
	if e != nil || len(done.Slices) == 0 {
		return errors.Join(err, e)
	}
	if !m.c.json {
		err = errors.Join(err, benchreport.Table(m.c.stdout, done))
	}
	if m.sink.file != nil && !m.c.json {
		m.c.say("as a page: rescind bench report %s --html %s", shellWord(m.flags.out), shellWord(m.flags.out+".html"))
	}
	if wrong := wrongAnswers(done); wrong != nil {
		return wrong
	}
	if err != nil {
		return err
	}
	return silence(done)
}

// wrongAnswers finds what no store may do: it spoils the run. Of those in the
// warm-up only a note knows.
func wrongAnswers(r *bench.Results) error {
	var all []string
	for _, s := range r.Summarize() {
		if n := s.Errors[bench.WrongAnswer]; n > 0 {
			all = append(all, fmt.Sprintf("%s@%d gave %s", s.Contender, s.Concurrency, grouped(n)))
		}
	}
	warned := slices.ContainsFunc(r.End.Notes, func(note string) bool { return strings.HasPrefix(note, "WRONG ANSWERS") })
	switch {
	case all == nil && !warned:
		return nil
	case all == nil:
		all = []string{"some while it warmed up"}
	}
	return refused("WRONG ANSWERS: %s: a token that is revoked was accepted, or a good one was refused", strings.Join(all, ", ")).
		hint("do not trust this Redis, this server or this build before that is understood")
}

// silence finds contenders that never succeeded: their row says nothing.
func silence(r *bench.Results) error {
	for _, s := range r.Summarize() {
		if s.Operations > 0 {
			continue
		}
		var classes []string
		for _, class := range slices.Sorted(maps.Keys(s.Errors)) {
			classes = append(classes, fmt.Sprintf("%s %s", grouped(s.Errors[class]), class))
		}
		return cannotTell("no operation of %s succeeded (%s)", s.Contender, orDash(strings.Join(classes, ", "))).
			hint("the classes of errors are explained in docs/bench.md")
	}
	return nil
}
