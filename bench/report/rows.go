package report

import (
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

// table is a table of the page.
type table struct {
	Heading []cell
	Rows    [][]cell
}

type cell struct {
	Text, Below string
	Number      bool
	Wrap        bool // takes more lines rather than more room
}

func number(text string) cell { return cell{Text: text, Number: true} }

func (r run) summaryRows() table {
	t := table{Heading: append(r.named("contender", "guarantee"), number("workers"))}
	for _, p := range percentiles() {
		t.Heading = append(t.Heading, number(percentileName(p)))
	}
	t.Heading = append(t.Heading, number("rate"))
	for _, process := range r.measured() {
		t.Heading = append(t.Heading, cell{Text: "CPU " + process, Below: "by operation", Number: true})
	}
	t.Heading = append(t.Heading, number("errors"))
	for _, s := range r.summaries {
		row := append(r.named(s.Contender, r.guarantee(s.Contender)), number(strconv.Itoa(s.Concurrency)))
		for _, p := range percentiles() {
			row = append(row, number(percentileText(s, p)))
		}
		row = append(row, number(perSecond(s.Rate)))
		for _, process := range r.measured() {
			row = append(row, number(cpuText(s, process)))
		}
		t.Rows = append(t.Rows, append(row, number(count(total(s.Errors)))))
	}
	return t
}

func (r run) ratioRows() table {
	t := table{Heading: append(r.named("contender", "guarantee"), number("workers"), number("pairs"))}
	measures := r.latencyMeasures()
	if !r.Header.Open {
		measures = append(r.measures(), measures...)
	}
	for _, m := range measures {
		t.Heading = append(t.Heading, number(m.name))
	}
	for _, process := range r.compared() {
		t.Heading = append(t.Heading, number("CPU "+process))
	}
	for _, ratio := range r.ratios {
		row := append(r.named(ratio.Contender, r.guarantee(ratio.Contender)),
			number(strconv.Itoa(ratio.Concurrency)), number(strconv.Itoa(ratio.Pairs)))
		if r.otherGuarantee(ratio.Contender) {
			row[1].Below = "other guarantee"
		}
		for _, m := range measures {
			row = append(row, ratioCell(m.of(ratio)))
		}
		for _, process := range r.compared() {
			if i, ok := ratio.CPU[process]; ok {
				row = append(row, ratioCell(i))
			} else {
				row = append(row, number(unknown))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// named are the cells that nameCells has.
func (r run) named(contender, guarantee string) []cell {
	var row []cell
	for _, text := range r.nameCells(contender, guarantee) {
		row = append(row, cell{Text: text})
	}
	return row
}

// ratioCell has the interval below the estimate.
func ratioCell(i bench.Interval) cell {
	c := number(significant(i.Center))
	if bounded(i) {
		c.Below = significant(i.Low) + "–" + significant(i.High)
	}
	return c
}
