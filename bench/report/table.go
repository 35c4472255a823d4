package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// tableWidth is what a terminal should have; names longer than usual go beyond.
const tableWidth = 100

// Table writes what people read first: percentiles, rate, CPU by operation and
// the ratio to the baseline, then the notes. Several runs follow each other.
func Table(w io.Writer, runs ...*bench.Results) error {
	var b strings.Builder
	for i, results := range runs {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat("─", tableWidth) + "\n\n")
		}
		newRun(results).table(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r run) table(b *strings.Builder) {
	r.heading(b)
	r.summaryTable(b)
	r.ratioTable(b)
	r.outcomeTable(b)
	r.gaugeTable(b)
	r.fleetTable(b)
	r.stageTable(b)
	r.meaningList(b)
	r.noteList(b)
}

func (r run) heading(b *strings.Builder) {
	fact := func(name, value string) {
		if value != "" {
			wrap(b, value, fmt.Sprintf("%-10s", name), strings.Repeat(" ", 10), tableWidth)
		}
	}
	fact("run", join(", ", r.when(), fmt.Sprintf("seed %d", r.Header.Seed)))
	fact("machine", r.machine())
	fact("redis", r.redis())
	fact("loop", r.loop())
	fact("overhead", r.overhead())
	for _, line := range r.wrong() {
		fact("WRONG", line)
	}
	fact("ended", r.ending())
}

func (r run) summaryTable(b *strings.Builder) {
	b.WriteByte('\n')
	if len(r.summaries) == 0 {
		b.WriteString("Nothing was measured.\n")
		return
	}
	cells := r.nameCells("contender", "guarantee")
	g := grid{names: len(cells)}
	cells = append(cells, "at")
	for _, p := range percentiles() {
		cells = append(cells, percentileName(p))
	}
	cells = append(cells, "rate")
	for _, process := range r.measured() {
		cells = append(cells, "cpu:"+process)
	}
	g.row(append(cells, "errors")...)
	for _, s := range r.summaries {
		cells := append(r.nameCells(s.Contender, r.guarantee(s.Contender)), strconv.Itoa(s.Concurrency))
		for _, p := range percentiles() {
			cells = append(cells, percentileText(s, p))
		}
		cells = append(cells, perSecond(s.Rate))
		for _, process := range r.measured() {
			cells = append(cells, cpuText(s, process))
		}
		g.row(append(cells, count(total(s.Errors)))...)
	}
	g.write(b)
	b.WriteString("at: concurrent workers. ")
	if len(r.measured()) > 0 {
		b.WriteString("cpu: CPU time by operation. ")
	}
	b.WriteString("Errors are not in the percentiles.\n")
}

func (r run) ratioTable(b *strings.Builder) {
	if len(r.ratios) == 0 {
		return
	}
	fmt.Fprintf(b, "\nRatio to %s: median of %s (95 %% interval); below 1 is less than %[1]s\n", r.over(), r.pairs())
	g := grid{names: 1}
	cells := []string{"contender", "at"}
	for _, m := range r.measures() {
		cells = append(cells, m.name)
	}
	for _, process := range r.compared() {
		cells = append(cells, "cpu:"+process)
	}
	g.row(cells...)
	for i, ratio := range r.ratios {
		if r.beginsOther(i) {
			g.row(r.otherHeading(ratio.Contender))
		}
		cells := []string{ratio.Contender, strconv.Itoa(ratio.Concurrency)}
		for _, m := range r.measures() {
			cells = append(cells, interval(m.of(ratio)))
		}
		for _, process := range r.compared() {
			cells = append(cells, ratioText(ratio, process))
		}
		g.row(cells...)
	}
	g.write(b)
	if r.unbounded() {
		b.WriteString("(?): too few pairs for an interval, which takes six.\n")
	}
}

// pairs says how many there were; interrupted runs have fewer of some.
func (r run) pairs() string {
	least, most := r.ratios[0].Pairs, r.ratios[0].Pairs
	for _, ratio := range r.ratios {
		least, most = min(least, ratio.Pairs), max(most, ratio.Pairs)
	}
	switch {
	case most == 1:
		return "1 pair"
	case least == most:
		return fmt.Sprintf("%d pairs", most)
	default:
		return fmt.Sprintf("%d to %d pairs", least, most)
	}
}

func (r run) stageTable(b *strings.Builder) {
	lost := false
	for i, s := range r.Stages {
		if i == 0 {
			b.WriteString("\nWhere a verification's time goes (medians)\n")
		}
		parts := make([]string, len(s.Stages))
		for j, stage := range s.Stages {
			parts[j] = stage.Name + " " + stageTime(stage.Time)
			lost = lost || stage.Time <= 0
		}
		name := s.Algorithm
		wrap(b, strings.Join(parts, " · "), fmt.Sprintf("%-10s", name+" "), strings.Repeat(" ", 10), tableWidth)
	}
	if lost {
		b.WriteString(unknown + ": too short to be told from noise.\n")
	}
}

func (r run) meaningList(b *strings.Builder) {
	if len(r.Header.Scenarios) > 0 {
		b.WriteString("\nWhat they stand for\n")
	}
	width := 0
	for _, d := range r.Header.Scenarios {
		width = max(width, len([]rune(d.Name)))
	}
	for _, d := range r.Header.Scenarios {
		if width > tableWidth/3 { // URLs: what they stand for would have no room beside them
			b.WriteString(d.Name + "\n")
			wrap(b, d.Means, "  ", "  ", tableWidth)
			guaranteeLine(b, d, "  ")
			continue
		}
		indent := strings.Repeat(" ", width+2)
		wrap(b, d.Means, fmt.Sprintf("%-*s  ", width, d.Name), indent, tableWidth)
		guaranteeLine(b, d, indent)
	}
}

func guaranteeLine(b *strings.Builder, d bench.Description, indent string) {
	if d.Guarantee != "" {
		wrap(b, "Guarantee: "+guaranteeText(d), indent, indent, tableWidth)
	}
}

func (r run) noteList(b *strings.Builder) {
	list := func(heading string, lines []string) {
		for i, line := range lines {
			if i == 0 {
				b.WriteString("\n" + heading + "\n")
			}
			wrap(b, line, "- ", "  ", tableWidth)
		}
	}
	list("Errors", r.failures())
	list("Notes", r.End.Notes)
	if r.Header.Command != "" {
		// One line, however long: it is there to be copied.
		b.WriteString("\nAgain: " + r.Header.Command + "\n")
	}
}
