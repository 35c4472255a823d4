package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// Markdown writes the table of ratios for a document, in GitHub's flavour, with
// the machine and the command that makes the figures. Several runs are one
// table, of ratios alone.
func Markdown(w io.Writer, runs ...*bench.Results) error {
	var b strings.Builder
	all := make([]run, len(runs))
	for i, results := range runs {
		all[i] = newRun(results)
	}
	if len(all) == 1 {
		all[0].markdown(&b)
	} else {
		markdownRatios(&b, all)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r run) markdown(b *strings.Builder) {
	for _, line := range append(r.wrong(), r.ending()) {
		if line != "" {
			b.WriteString("**" + prose(line) + "**\n\n")
		}
	}
	if len(r.summaries) == 0 {
		b.WriteString("Nothing was measured.\n\n")
	} else {
		r.markdownTable(b)
		r.outcomeMarkdown(b)
		r.gaugeMarkdown(b)
		r.fleetMarkdown(b)
		if r.guarantees() || len(r.outcomes) > 0 || len(r.gauges) > 0 {
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(b, "Measured on %s", prose(join("; ", r.machine(), r.redis(), r.when())))
	if r.Header.Command != "" {
		b.WriteString(" with " + codeSpan(r.Header.Command))
	}
	b.WriteString(".\n")
}

// markdownTable has one row a series; the baseline's own has no ratio.
func (r run) markdownTable(b *strings.Builder) {
	names := r.nameCells("contender", "guarantee")
	heading := append(names, "at", "p50", "p99", "rate")
	if len(r.ratios) > 0 {
		for _, m := range r.measures() {
			heading = append(heading, m.name+" ÷ "+r.over())
		}
		for _, process := range r.compared() {
			heading = append(heading, "CPU ("+process+") ÷ "+r.over())
		}
	}
	markdownRow(b, heading)
	b.WriteString(strings.Repeat("|---", len(names)) + strings.Repeat("|--:", len(heading)-len(names)) + "|\n")
	for _, s := range r.summaries {
		cells := append(r.nameCells(s.Contender, r.markdownGuarantee(s)), strconv.Itoa(s.Concurrency),
			percentileText(s, 50), percentileText(s, 99), perSecond(s.Rate))
		markdownRow(b, append(cells, r.markdownRatios(s)...))
	}
	b.WriteByte('\n')
	b.WriteString("at: concurrent workers.")
	if len(r.ratios) > 0 {
		b.WriteString(" Ratios are medians over pairs of turns (95 % interval); below 1 is less than the baseline.")
	}
	b.WriteByte('\n')
	for i, sentence := range r.guaranteeSentences() {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("- " + prose(sentence) + "\n")
	}
}

// markdownGuarantee marks the rows whose ratios compare what is not alike.
func (r run) markdownGuarantee(s bench.Summary) string {
	if len(r.ratios) == 0 {
		return r.guarantee(s.Contender)
	}
	return r.guaranteeMark(s.Contender)
}

func (r run) markdownRatios(s bench.Summary) []string {
	if len(r.ratios) == 0 {
		return nil
	}
	processes := r.compared()
	for _, ratio := range r.ratios {
		if ratio.Series != s.Series {
			continue
		}
		var cells []string
		for _, m := range r.measures() {
			cells = append(cells, interval(m.of(ratio)))
		}
		for _, process := range processes {
			cells = append(cells, ratioText(ratio, process))
		}
		return cells
	}
	cells := make([]string, len(r.measures())+len(processes))
	for i := range cells {
		cells[i] = unknown
		if r.isBaseline(s.Contender) {
			cells[i] = "1"
		}
	}
	return cells
}

func markdownRow(b *strings.Builder, cells []string) {
	for _, cell := range cells {
		b.WriteString("| " + prose(cell) + " ")
	}
	b.WriteString("|\n")
}

// prose escapes what Markdown or HTML would read as markup.
func prose(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|~#>!@", r):
			b.WriteString("\\" + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// codeSpan quotes text as code, with more backticks than stand in it.
func codeSpan(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}
