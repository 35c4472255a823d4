package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
)

// print answers: what was found, what to paste, what that is worth, and last of
// all what it rests on.
func (t *tuning) print() error {
	var b strings.Builder
	for _, part := range []string{folded(t.found()), t.paste(), folded(t.worth()), t.lateness(), t.evidence()} {
		if part != "" {
			b.WriteString(part + "\n")
		}
	}
	fmt.Fprintf(&b, "Again: %s\n", t.command())
	_, err := t.c.stdout.Write([]byte(b.String()))
	return err
}

// found is the answer in a few lines.
func (t *tuning) found() string {
	o := t.outcome
	changes := t.describe(o.Best)
	var b strings.Builder
	switch {
	case !o.Complete && len(o.Trials) == 0:
		b.WriteString("UNFINISHED: nothing was compared with the defaults so far.\n")
	case !o.Complete && changes == "":
		b.WriteString("UNFINISHED: nothing better than the defaults was found so far.\n")
	case !o.Complete:
		fmt.Fprintf(&b, "UNFINISHED: the best so far is %s; there was no proof.\n", changes)
	case changes == "" && !t.kept():
		b.WriteString("Nothing that was tried is clearly better than the defaults.\n")
	case changes == "":
		b.WriteString("The defaults are right here: nothing that was tried is clearly better.\n")
	default:
		fmt.Fprintf(&b, "Found: %s, %s.\n", changes, t.gain())
	}
	if t.needs() {
		fmt.Fprintf(&b, "Checks need more time here than by default: check-timeout %s.\n", formatDuration(t.tail.raise))
	}
	if o.Complete && o.Proof.FellBack {
		fmt.Fprintf(&b, "(%s looked better, but the proof could not show it, so the defaults stay.)\n",
			t.describe(o.Proof.Rival))
	}
	b.WriteString(t.aimed() + t.lateAim())
	if t.busy() {
		fmt.Fprintf(&b, "This machine was busy with other things (a worker woke up to %s late): a quiet one finds more.\n", rounded(t.overhead.WakeP99))
	}
	if costs := o.Dials.Costs(o.Best); costs != nil {
		fmt.Fprintf(&b, "THIS COSTS A GUARANTEE: %s.\n", t.costs(costs))
	} else {
		b.WriteString("Guarantee: strict, as with the defaults; no setting here weakens it.\n")
	}
	return b.String()
}

// gain is what the proof says of the answer.
func (t *tuning) gain() string {
	p := t.outcome.Proof
	switch p.By {
	case tune.ByCPU:
		return "with " + ratioText(p.CPU) + " times the CPU time by operation"
	case tune.ByKeeping:
		return fmt.Sprintf("with %s times the %s of the defaults", ratioText(p.Main), p.Stands.Metric)
	}
	return fmt.Sprintf("with %s times the throughput of the defaults", ratioText(
		bench.Interval{Center: 1 / p.Main.Center, Low: 1 / p.Main.High, High: 1 / p.Main.Low}))
}

// aimed says whether an aim is kept.
func (t *tuning) aimed() string {
	o := t.outcome
	if len(o.Aim.Limits) == 0 || o.Proof == nil {
		return ""
	}
	rates := ""
	if o.Aim.Rate == 0 && o.Rate > 0 {
		rates = fmt.Sprintf(": %s/s", grouped(int64(o.Rate)))
		if !equal(o.Best, o.Defaults) {
			rates += fmt.Sprintf("; with the defaults %s/s", grouped(int64(o.DefaultsRate)))
		}
	}
	if o.Kept() {
		return fmt.Sprintf("Kept: %s%s; %s.\n", o.Aim, rates, t.nearest())
	}
	return fmt.Sprintf("NOT KEPT: %s.\n", t.missed())
}

// missed says which aim is not kept, and how near the best came.
func (t *tuning) missed() string {
	o := t.outcome
	switch {
	case o.Aim.Rate > 0:
		return fmt.Sprintf("nothing keeps %s: the best came to %s", o.Aim, t.nearest())
	case o.Rate == 0:
		return fmt.Sprintf("%s: no rate that was tried keeps it: the best came to %s", o.Aim, t.nearest())
	}
	return fmt.Sprintf("%s: %s/s kept it in the search, but not in the proof: %s", o.Aim, grouped(int64(o.Rate)), t.nearest())
}

// nearest is how near the answer comes to the aim.
func (t *tuning) nearest() string {
	return stands(t.outcome.Standing())
}

// stands is where a series stands to the aim: what fails has no latency, and is
// told apart.
func stands(s tune.Standing) string {
	text := fmt.Sprintf("%s %s", s.Metric, seconds(s.Figure))
	if s.Failures > 0.0005 {
		text += fmt.Sprintf(", with %.2g %% of the operations failed or never begun", 100*s.Failures)
	}
	return text
}

// paste is what to paste.
func (t *tuning) paste() string {
	var b strings.Builder
	switch {
	case len(t.changes()) == 0 && !t.outcome.Complete: // what was not tried may be better
		return ""
	case len(t.changes()) == 0:
		return "Nothing to change.\n" + sentence(t.deadline())
	}
	b.WriteString("For the file that rescind serve --config names:\n\n" + indent(t.config()))
	if lines := t.goOptions(); lines != nil {
		b.WriteString("\nor in Go:\n\n" + indent(strings.Join(lines, "\n")+"\n"))
	}
	return b.String() + "\n" + sentence(t.deadline())
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return folded(text) + "\n"
}

// deadline says what a check needs, and what less would do.
func (t *tuning) deadline() string {
	usual := formatDuration(defaultCheckTimeout)
	if t.tail == nil || t.tail.enough == 0 {
		return fmt.Sprintf("check-timeout: not judged: how long a check takes was not measured; the default is %s.", usual)
	}
	l := t.tail.latency
	measured := fmt.Sprintf("of %s checks, %d at once, half took up to %s, p99.9 was %s, the slowest took %s", grouped(l.TotalCount()), t.tail.callers,
		rounded(time.Duration(l.ValueAtPercentile(50))), rounded(time.Duration(l.ValueAtPercentile(99.9))), rounded(time.Duration(l.Max())))
	raise, enough := formatDuration(t.tail.raise), formatDuration(t.tail.enough)
	switch {
	case t.tail.raise > 0 && t.busy():
		return fmt.Sprintf("check-timeout: not judged: %s, but this machine was busy, and a worker of ours woke up to %s late.", measured, rounded(t.overhead.WakeP99))
	case t.tail.raise > longestCheck:
		return fmt.Sprintf("check-timeout: not judged: %s. What takes as long as that is not healthy: look at this Redis, and the way there.", measured)
	case t.tail.raise > 0:
		return fmt.Sprintf("check-timeout: %s, since %s: the default of %s could answer 503 to healthy requests.", raise, measured, usual)
	case t.tail.enough > defaultCheckTimeout:
		return fmt.Sprintf("check-timeout: %s, the default, stays: %s. Half of them are far below it. What was late was held up, by Redis or by this machine, and would be answered 503.", usual, measured)
	case t.tail.enough < defaultCheckTimeout:
		return fmt.Sprintf("check-timeout: %s, the default, is enough: %s. %s would do as well: 503 sooner where Redis hangs, and more of them where it is slow.",
			usual, measured, enough)
	}
	return fmt.Sprintf("check-timeout: %s, the default, is right: %s.", usual, measured)
}

// needs reports whether a check has to have more time than by default. A machine
// that is busy with other things cannot tell: its own lateness is in all it sees.
func (t *tuning) needs() bool {
	return t.tail != nil && t.tail.raise > 0 && t.tail.raise <= longestCheck && !t.busy()
}

// longestCheck is how long a check may be told to wait: what needs more wants a
// remedy.
const longestCheck = time.Second

// lateWake is how late a worker may wake on a machine that can tell.
const lateWake = 5 * time.Millisecond

func (t *tuning) busy() bool { return t.overhead.WakeP99 > lateWake }

// worth is the proof, and what else there was to choose.
func (t *tuning) worth() string {
	o := t.outcome
	var b strings.Builder
	if p := o.Proof; p != nil && !equal(p.Rival, o.Defaults) {
		name := map[bool]string{true: "the answer", false: "what came nearest"}[equal(p.Rival, o.Best)]
		fmt.Fprintf(&b, "Proof: %s (%s) against the defaults, %s in turns:\n       %s\n", name, t.describe(p.Rival),
			counted(int64(p.Pairs), "slice"), t.figures(p.Comparison))
	}
	if n := o.Next; n != nil && o.Complete && !equal(n.At, o.Proof.Rival) {
		fmt.Fprintf(&b, "Next best: %s instead: %s\n", n.Name, t.figures(n.Comparison))
	}
	for _, w := range o.Weaker {
		fmt.Fprintf(&b, "Not taken: %s: %s\n       WOULD COST THE GUARANTEE: %s.\n       --guarantee bounded takes it where it is better.\n",
			w.Name, t.figures(w.Comparison), t.costs(w.Costs))
	}
	return b.String()
}

func equal(a, b tune.Point) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// figures are a comparison in one line.
func (t *tuning) figures(c tune.Comparison) string {
	parts := []string{t.mainName(c) + " × " + ratioText(c.Main)}
	if !math.IsNaN(c.CPU.Center) {
		parts = append(parts, "CPU × "+ratioText(c.CPU))
	}
	if len(t.outcome.Aim.Limits) > 0 {
		kept := map[bool]string{true: "keeps the aim", false: "does not keep the aim"}[c.Stands.Kept]
		parts = append(parts, kept+" ("+stands(c.Stands)+")")
	}
	return strings.Join(append(parts, string(c.Verdict)), ", ")
}

func (t *tuning) mainName(c tune.Comparison) string {
	if len(t.outcome.Aim.Limits) == 0 {
		return "time"
	}
	return string(c.Stands.Metric)
}

// ratioText is a ratio with its interval.
func ratioText(i bench.Interval) string {
	switch {
	case math.IsNaN(i.Center) || math.IsInf(i.Center, 0):
		return "-"
	case math.IsNaN(i.Low):
		return fmt.Sprintf("%.2f (?)", i.Center)
	case i.Center < 0.1:
		return fmt.Sprintf("%.3f (%.3f–%.3f)", i.Center, i.Low, i.High)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", i.Center, i.Low, i.High)
}

// seconds writes a latency.
func seconds(s float64) string {
	if math.IsNaN(s) {
		return "-"
	}
	return rounded(time.Duration(s * float64(time.Second)))
}
