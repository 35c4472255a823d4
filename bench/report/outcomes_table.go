package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// mostRows is how many rows a table has whose length a file decides.
const mostRows = 60

// shownOutcomes are those that tables show: where there are too many, those in
// which nobody was answered for the longest time.
func (r run) shownOutcomes() []bench.Outcome {
	if len(r.outcomes) <= mostRows {
		return r.outcomes
	}
	places := make([]int, len(r.outcomes))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int {
		one, other := r.outcomes[a], r.outcomes[b]
		return cmp.Or(
			cmp.Compare(other.Unanswered, one.Unanswered),
			cmp.Compare(total(other.Errors)+other.Unbegun, total(one.Errors)+one.Unbegun),
			cmp.Compare(other.Worst, one.Worst))
	})
	var shown []bench.Outcome
	for _, i := range slices.Sorted(slices.Values(places[:mostRows])) {
		shown = append(shown, r.outcomes[i])
	}
	return shown
}

// leftOut says so where a table does not show all; empty where it does.
func leftOut(shown, all int, which string) string {
	if shown == all {
		return ""
	}
	return fmt.Sprintf("These are %d of %d: %s. --format json has all.", shown, all, which)
}

func (r run) outcomesLeftOut() string {
	return leftOut(len(r.shownOutcomes()), len(r.outcomes), "the events in which nobody was answered for the longest time")
}

// outcomeMeaning says what the columns of these tables mean.
func (r run) outcomeMeaning() string {
	text := "began: since the contender's turn did. unanswered: the longest time in which nobody was answered. " +
		"again: how long after the end somebody was. worst: latency of those that were answered. " +
		"An event has what follows it until the next one begins. Times are to within two slices"
	if slice := r.Header.Settings["slice"]; slice != "" {
		text += " of " + slice
	}
	return text + "."
}

// nameLength is the most letters of a name that a table shows which the file
// decides.
const nameLength = 40

// eventText and the following are cells.
func eventText(o bench.Outcome) string { return shorten(o.Name, nameLength) }

func unansweredText(o bench.Outcome) string {
	if o.Slices == 0 {
		return unknown
	}
	return duration(o.Unanswered)
}

func againText(o bench.Outcome) string {
	switch {
	case o.Slices == 0 || o.Again == bench.Never && o.After == 0:
		return unknown
	case o.Again == bench.Never:
		return "never"
	case o.Unanswered == 0:
		return "always"
	default:
		return duration(o.Again)
	}
}

func worstText(o bench.Outcome) string {
	if o.Worst == 0 {
		return unknown
	}
	return duration(o.Worst)
}

// failedText counts what failed in an event, by class, the most frequent first.
func failedText(o bench.Outcome) string {
	counts := maps.Clone(o.Errors)
	maps.DeleteFunc(counts, func(_ string, n int64) bool { return n == 0 })
	names := mostFrequent(counts)
	for _, name := range names[min(len(names), mostClasses):] {
		delete(counts, name)
	}
	text := tally(counts)
	if more := len(names) - len(counts); more > 0 {
		text += fmt.Sprintf(", %d more classes", more)
	}
	if o.Unbegun > 0 {
		text = join(", ", text, neverBegun+" "+count(o.Unbegun))
	}
	return text
}

// outcomeText is one outcome in a sentence.
func outcomeText(o bench.Outcome) string {
	switch {
	case o.Slices == 0:
		return "nothing was measured then"
	case o.Again == bench.Never && o.After == 0:
		return join(", ", "nobody was answered for "+duration(o.Unanswered), failedText(o))
	case o.Again == bench.Never:
		return join(", ", "nobody was answered again", failedText(o))
	case o.Unanswered == 0:
		return join(", ", "somebody was always answered", failedText(o))
	}
	return join(", ", fmt.Sprintf("nobody was answered for %s, again %s after the end",
		duration(o.Unanswered), duration(max(o.Again, 0))), failedText(o))
}

func lasted(o bench.Outcome) string { return duration(o.Until - o.From) }

func began(o bench.Outcome) string { return duration(o.From - o.Turn) }

// outcomeRows is the page's table.
func (r run) outcomeRows() table {
	t := table{Heading: []cell{
		{Text: "contender"}, number("workers"), {Text: "event"}, number("began"), number("lasted"),
		number("unanswered"), number("again"), number("worst"), {Text: "errors"},
	}}
	for _, o := range r.shownOutcomes() {
		t.Rows = append(t.Rows, []cell{
			{Text: o.Contender}, number(strconv.Itoa(o.Concurrency)), {Text: eventText(o)}, number(began(o)), number(lasted(o)),
			number(unansweredText(o)), number(againText(o)), number(worstText(o)), {Text: cmp.Or(failedText(o), "none"), Wrap: true},
		})
	}
	return t
}

// outcomeTable is the terminal's. Errors by class have lines of their own.
func (r run) outcomeTable(b *strings.Builder) {
	if len(r.outcomes) == 0 {
		return
	}
	b.WriteString("\nWhat callers saw\n")
	g := grid{names: 2}
	g.row("contender", "event", "at", "began", "lasted", "unanswered", "again", "worst", "failed")
	shown := r.shownOutcomes()
	for i, o := range shown {
		name := o.Contender
		if i > 0 && shown[i-1].Contender == name {
			name = ""
		}
		g.row(name, eventText(o), strconv.Itoa(o.Concurrency), began(o), lasted(o),
			unansweredText(o), againText(o), worstText(o), count(total(o.Errors)+o.Unbegun))
	}
	g.write(b)
	for _, o := range shown {
		if text := failedText(o); text != "" {
			wrap(b, fmt.Sprintf("%s at %d, %s: %s", o.Contender, o.Concurrency, eventText(o), text), "- ", "  ", tableWidth)
		}
	}
	for _, text := range []string{r.outcomesLeftOut(), r.outcomeMeaning()} {
		if text != "" {
			wrap(b, text, "", "", tableWidth)
		}
	}
}

// outcomeMarkdown is a document's.
func (r run) outcomeMarkdown(b *strings.Builder) {
	if len(r.outcomes) == 0 {
		return
	}
	b.WriteString("\n**What callers saw**\n\n")
	markdownRow(b, []string{"contender", "event", "at", "began", "lasted", "unanswered", "again", "worst", "errors"})
	b.WriteString("|---|---|--:|--:|--:|--:|--:|--:|---|\n")
	for _, o := range r.shownOutcomes() {
		markdownRow(b, []string{o.Contender, eventText(o), strconv.Itoa(o.Concurrency), began(o), lasted(o),
			unansweredText(o), againText(o), worstText(o), cmp.Or(failedText(o), "none")})
	}
	b.WriteByte('\n')
	for _, text := range []string{r.outcomesLeftOut(), r.outcomeMeaning()} {
		if text != "" {
			wrap(b, prose(text), "", "", documentWidth)
		}
	}
}
