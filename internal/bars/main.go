// Command bars writes the table of bars for a document: what is promised, what
// was measured, and whether that is enough. It reads what .ci/bench leaves.
//
//	bars DIRECTORY
package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("want the directory of the results")
	}
	m, err := read(args[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, table(m, bars()))
	return err
}

// table is the whole.
func table(m *measured, all []bar) string {
	var b strings.Builder
	b.WriteString("| bar | what is measured | target | time | CPU time | result |\n|---|---|--:|--:|--:|---|\n")
	for _, bar := range all {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(bar.cells(m), " | "))
	}
	fmt.Fprintf(&b, "\nMeasured on %s, Redis %s.\n", strings.Join(m.machines(), "; "), strings.Join(m.redis(), ", "))
	return b.String()
}

// cells are those of one line.
func (b bar) cells(m *measured) []string {
	var found []bench.Interval
	show := func(s source) string {
		if s == nil {
			return ""
		}
		in, ok := s.find(m)
		if !ok {
			found = append(found, bench.Interval{Center: math.NaN()})
			return "?"
		}
		found = append(found, in)
		return interval(in, b.target.unit)
	}
	time, cpu := show(b.time), show(b.cpu)
	return []string{b.name, b.what, b.target.String(), time, cpu, b.verdict(found)}
}

// verdict says whether what was found is enough: all of it has to be. That a
// bar is within the noise of a figure is said too.
func (b bar) verdict(found []bench.Interval) string {
	if b.target.bound == "" {
		return ""
	}
	missing, noise := 0.0, ""
	for _, in := range found {
		if math.IsNaN(in.Center) {
			return "not measured"
		}
		missing = max(missing, b.target.missing(in.Center))
		if in.Low < b.target.value && b.target.value < in.High {
			noise = ", within the noise"
		}
	}
	if missing == 0 {
		return "met" + noise
	}
	return fmt.Sprintf("missed by %s%s: %s", b.target.by(missing), noise, b.why)
}

// missing is by how much a figure misses the target, as a share of it; 0: it
// does not. Of a target of nothing there are no shares: it is the figure.
func (t target) missing(got float64) float64 {
	switch {
	case t.value == 0:
		return got
	case t.bound == "≥":
		return max(1-got/t.value, 0)
	}
	return max(got/t.value-1, 0)
}

// by words what is missing.
func (t target) by(missing float64) string {
	switch {
	case t.value == 0:
		return figure(missing) + " " + t.unit
	case missing >= 10:
		return figure(missing+1) + " ×"
	}
	return figure(missing*100) + " %"
}

func (t target) String() string {
	if t.bound == "" {
		return ""
	}
	return t.bound + " " + figure(t.value) + " " + t.unit
}

// interval is a figure and what it may be off by, where that is known.
func interval(in bench.Interval, unit string) string {
	text := figure(in.Center) + " " + unit
	if math.IsNaN(in.Low) || math.IsNaN(in.High) || in.Low == in.High {
		return text
	}
	return text + " (" + figure(in.Low) + "–" + figure(in.High) + ")"
}

// figure has three digits that count.
func figure(v float64) string {
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		digits = 0
	}
	text := fmt.Sprintf("%.*f", max(digits, 0), v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
