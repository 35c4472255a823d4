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
}

func number(text string) cell { return cell{Text: text, Number: true} }

func (r run) summaryRows() table {
	t := table{Heading: []cell{{Text: "contender"}, number("workers")}}
	for _, p := range percentiles() {
		t.Heading = append(t.Heading, number(percentileName(p)))
	}
	t.Heading = append(t.Heading, number("rate"))
	for _, process := range r.measured() {
		t.Heading = append(t.Heading, cell{Text: "CPU " + process, Below: "by operation", Number: true})
	}
	t.Heading = append(t.Heading, number("errors"))
	for _, s := range r.summaries {
		row := []cell{{Text: s.Contender}, number(strconv.Itoa(s.Concurrency))}
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
	t := table{Heading: []cell{{Text: "contender"}, number("workers"), number("pairs")}}
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
		row := []cell{{Text: ratio.Contender}, number(strconv.Itoa(ratio.Concurrency)), number(strconv.Itoa(ratio.Pairs))}
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

// ratioCell has the interval below the estimate.
func ratioCell(i bench.Interval) cell {
	c := number(significant(i.Center))
	if bounded(i) {
		c.Below = significant(i.Low) + "–" + significant(i.High)
	}
	return c
}
