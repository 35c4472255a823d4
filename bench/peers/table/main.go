// Command table writes what bench-peers has measured as tables for a document:
// one for each set of contenders that were measured together, with a column for
// each run and number of workers, then what the contenders are.
//
//	table FILE...
package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rescindhq/rescind/bench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

func run(paths []string, out io.Writer) error {
	if len(paths) == 0 {
		return errors.New("want the files of some results")
	}
	var runs []*bench.Results
	for _, path := range paths {
		r, err := read(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		runs = append(runs, r)
	}
	_, err := io.WriteString(out, document(runs))
	return err
}

// read reads a result that is worth a table.
func read(path string) (*bench.Results, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := bench.Read(file)
	if err != nil {
		return nil, err
	}
	if !r.End.Complete {
		return nil, errors.New("the run did not come to its end")
	}
	for _, s := range r.Summarize() {
		if s.Errors[bench.WrongAnswer] > 0 {
			return nil, fmt.Errorf("%s gave wrong answers", s.Contender)
		}
	}
	return r, nil
}

// column is one run at one number of workers.
type column struct {
	heading string
	of      *bench.Results
	at      int
	ratios  []bench.Ratio
}

func document(runs []*bench.Results) string {
	var b strings.Builder
	var all []bench.Description
	last := runs[len(runs)-1]
	for len(runs) > 0 {
		together := slices.IndexFunc(runs, func(r *bench.Results) bool { return title(r) != title(runs[0]) })
		if together < 0 {
			together = len(runs)
		}
		all = append(all, group(&b, runs[:together])...)
		runs = runs[together:]
	}
	b.WriteString("| contender | what it is, and when a revocation is denied |\n|---|---|\n")
	seen := map[string]bool{}
	for _, d := range all {
		if !seen[d.Name] {
			fmt.Fprintf(&b, "| %s | %s%s |\n", d.Name, linked(d.Means), emphasized(d.Guarantee))
		}
		seen[d.Name] = true
	}
	b.WriteString("\n" + wrapped(measured(last)) + "\n")
	return b.String()
}

// title is what the tables of runs with the same own scenarios have in common:
// a rival may be missing in one of them.
func title(r *bench.Results) string {
	var own []string
	for _, d := range r.Header.Scenarios {
		if !strings.Contains(d.Means, "https://") {
			own = append(own, d.Name)
		}
	}
	return strings.Join(own, ", ")
}

// group writes one table, and returns its contenders.
func group(b *strings.Builder, runs []*bench.Results) []bench.Description {
	var contenders []bench.Description
	var columns []column
	var below []string
	for _, r := range runs {
		for _, d := range r.Header.Scenarios {
			if !slices.ContainsFunc(contenders, func(other bench.Description) bool { return other.Name == d.Name }) {
				contenders = append(contenders, d)
			}
		}
		for _, note := range r.End.Notes {
			line := heading(r) + ": " + note + "."
			if who, ok := strings.CutPrefix(note, "left out: "); ok {
				line = "Left out: " + who + "." // of each run
			} else if !strings.Contains(note, "operations failed") {
				continue
			}
			if !slices.Contains(below, line) {
				below = append(below, line)
			}
		}
		columns = append(columns, columnsOf(r)...)
	}
	b.WriteString("| contender | guarantee |")
	for _, c := range columns {
		b.WriteString(" " + c.heading + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("--:|", len(columns)) + "\n")
	for _, d := range contenders {
		word, _, _ := strings.Cut(d.Guarantee, ":")
		fmt.Fprintf(b, "| %s | %s |", d.Name, word)
		for _, c := range columns {
			b.WriteString(" " + c.cell(d.Name) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, line := range below {
		b.WriteString(wrapped(plain(line)) + "\n\n")
	}
	return contenders
}

func columnsOf(r *bench.Results) []column {
	var columns []column
	for _, s := range r.Summarize() {
		if s.Contender != r.Header.Baseline {
			continue
		}
		workers := fmt.Sprintf("%d workers", s.Concurrency)
		if s.Concurrency == 1 {
			workers = "a lone caller"
		}
		columns = append(columns, column{heading(r) + ", " + workers, r, s.Concurrency, r.Ratios()})
	}
	return columns
}

// cell is how many times the baseline's throughput a contender has, and how many
// times less CPU time it takes.
func (c column) cell(contender string) string {
	for _, ratio := range c.ratios {
		if ratio.Contender == contender && ratio.Concurrency == c.at {
			return fmt.Sprintf("%s; CPU %s", times(ratio.Wall), times(ratio.CPU[bench.AllProcesses]))
		}
	}
	if contender == c.of.Header.Baseline {
		return "1 ×"
	}
	return "–"
}

// times is one over a ratio.
func times(in bench.Interval) string {
	if !(in.Center > 0) || math.IsInf(in.Center, 0) {
		return "?"
	}
	if !(in.Low > 0) || math.IsInf(in.High, 0) || math.IsNaN(in.High) {
		return fmt.Sprintf("%.3g ×", 1/in.Center)
	}
	return fmt.Sprintf("%.3g × (%.3g–%.3g)", 1/in.Center, 1/in.High, 1/in.Low)
}

// heading is a run, in a few words.
func heading(r *bench.Results) string {
	return fmt.Sprintf("%s, %s tokens", r.Header.Settings["algorithms"], grouped(r.Header.Settings["tokens"]))
}

// grouped sets the thousands of a number apart.
func grouped(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	return grouped(digits[:len(digits)-3]) + "," + digits[len(digits)-3:]
}

// measured says where and when.
func measured(r *bench.Results) string {
	e := r.Header.Environment
	return fmt.Sprintf("Measured on %s, %d cores (GOMAXPROCS %d), %s/%s, %s, Redis %s, on %s.",
		plain(e.CPU), e.Cores, e.GOMAXPROCS, e.OS, e.Arch, e.Go, e.Redis["version"], r.Header.Time.UTC().Format(time.DateOnly))
}

var address = regexp.MustCompile(`https://pkg\.go\.dev/([^ ,]+[^ ,.])`)

// linked makes links of addresses, which are called by their module's version.
func linked(means string) string {
	return address.ReplaceAllStringFunc(means, func(at string) string {
		name := strings.TrimPrefix(at, "https://pkg.go.dev/github.com/")
		name, _, _ = strings.Cut(name, "#")
		return "[" + name + "](" + at + ")"
	})
}

// emphasized is a guarantee as a sentence; empty where there is none.
func emphasized(guarantee string) string {
	if guarantee == "" {
		return ""
	}
	return " *" + strings.ToUpper(guarantee[:1]) + guarantee[1:] + ".*"
}

// width is how long the lines of a document may be.
const width = 120

// wrapped is text in such lines.
func wrapped(text string) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		long := utf8.RuneCountInString(word)
		switch {
		case at > 0 && at+1+long > width:
			b.WriteString("\n")
			at = 0
		case at > 0:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += long
	}
	return b.String()
}

// plain is text that is no markup.
func plain(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'", "*", `\*`, "_", `\_`, "[", `\[`).Replace(text)
}
