package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rescindhq/rescind/bench/tune"
)

const (
	// lineWidth is that of a terminal as they used to be, which the answer fits.
	lineWidth = 80
	// nameWidth leaves room for figures beside a name; longer ones are above.
	nameWidth = 20
)

// evidence is every trial.
func (t *tuning) evidence() string {
	o := t.outcome
	if len(o.Trials) == 0 {
		return ""
	}
	rows := [][]string{{"", "slices", "time", "cpu", "verdict"}}
	if len(o.Aim.Limits) > 0 {
		rows[0][2] = "latency"
	}
	for _, trial := range o.Trials {
		name := trial.Name
		if utf8.RuneCountInString(name) > nameWidth {
			name = ""
		}
		verdict, _ := trialVerdict(trial)
		row := []string{name, fmt.Sprint(trial.Pairs), ratioText(trial.Main), ratioText(trial.CPU), verdict}
		if trial.LeftOut != "" {
			row = []string{name, "-", "-", "-", verdict}
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	b.WriteString("What was tried beside the best so far: ratios by operation, less is better\n")
	if o.Aim.Rate > 0 {
		b.WriteString("(where both keep the aim, CPU time decides)\n")
	}
	b.WriteString(t.trialLines(strings.SplitAfter(columnsOf(rows), "\n")))
	if len(o.Untried) > 0 {
		var names []string
		for _, i := range o.Untried {
			names = append(names, o.Dials[i].Name)
		}
		why := map[bool]string{true: "not tried, for want of time: %s; a longer --budget has it\n", false: "not tried yet, or not to the end: %s\n"}[o.Complete]
		b.WriteString(folded(fmt.Sprintf(why, strings.Join(names, ", "))))
	}
	return b.String()
}

// trialLines are the rows, each with what it has no room for, under what they
// took turns with.
func (t *tuning) trialLines(rows []string) string {
	var b strings.Builder
	b.WriteString(rows[0])
	with := ""
	for i, trial := range t.outcome.Trials {
		beside := t.describe(trial.Against)
		if beside == "" {
			beside = "the defaults"
		}
		if beside != with {
			b.WriteString(folded("beside " + beside + ":\n"))
			with = beside
		}
		if utf8.RuneCountInString(trial.Name) > nameWidth {
			b.WriteString(trial.Name + "\n")
		}
		b.WriteString(rows[i+1])
		if _, why := trialVerdict(trial); why != "" {
			b.WriteString(folded("    " + why + "\n"))
		}
	}
	return b.String()
}

// trialVerdict is what became of a trial, in a word, and if there is more to say,
// why.
func trialVerdict(t tune.Trial) (verdict, why string) {
	switch {
	case t.LeftOut != "":
		return "left out", t.LeftOut
	case t.Taken && t.Verdict == tune.Better:
		return "better: taken", ""
	case t.Taken:
		return "taken back", ""
	case t.Verdict == tune.Worse && t.By == tune.ByKeeping && !t.Stands.Kept:
		return "misses", "misses the aim: " + stands(t.Stands)
	case t.Verdict == tune.Better && t.By == tune.ByCPU, t.Verdict == tune.Worse && t.By == tune.ByCPU:
		return string(t.Verdict) + " by cpu", ""
	}
	return string(t.Verdict), ""
}

// folded breaks lines that are longer than a terminal is wide between words, and
// begins what follows as far to the right as their first word.
func folded(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(foldedAt(line, lineWidth))
	}
	return b.String()
}

func foldedAt(line string, width int) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(line) {
		size := utf8.RuneCountInString(word)
		switch {
		case used == 0:
			b.WriteString(indent)
			used = len(indent)
		case used+1+size > width:
			b.WriteString("\n" + indent)
			used = len(indent)
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += size
	}
	if strings.HasSuffix(line, "\n") {
		b.WriteString("\n")
	}
	return b.String()
}

// columnsOf aligns cells; the last column is as wide as it is.
func columnsOf(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
