package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

//go:embed report.html
var pageText string

// page is what the template is given: texts, which it escapes, and no markup.
type page struct {
	Title    string
	Hatches  []hatch // where a section has need of them
	Sections []section
}

// section is one run.
type section struct {
	ID, Title, Subtitle string
	Alarms, Warnings    []string
	Facts               []fact // in short: the machine, Redis, the loop
	Highlights          []highlight
	Summary             table
	Chapters            []chapter
	Scenarios           []meaning
	Notes, Failures     []string
	Environment         []fact
	Command             string
}

// chapter is charts that share a heading and a legend.
type chapter struct {
	ID, Heading, Text string
	Keys              []key
	Charts            []chart
	Stacked           bool // one below the other: they share an axis
	Tabular           bool // the table says something without charts, too
	Table             table
	Below             string   // the table
	Said              []string // and below that
}

// Layout is the class of the charts: one that is alone takes the whole width.
func (c chapter) Layout() string {
	switch {
	case c.Stacked:
		return "stacked"
	case len(c.Charts) == 1:
		return "alone"
	default:
		return "several"
	}
}

// hatch is a pattern that tells areas apart without their colours. D is drawn
// in a field of 8 by 8.
type hatch struct{ ID, Class, D string }

// hatches are those of the classes fate1 to fate8.
func hatches() []hatch {
	return []hatch{
		{"hatch1", "c1", "M-2 2L2 -2M0 8L8 0M6 10L10 6"},
		{"hatch2", "c3", "M-2 6L2 10M0 0L8 8M6 -2L10 2"},
		{"hatch3", "c4", "M0 2L8 2M0 6L8 6"},
		{"hatch4", "c5", "M2 0L2 8M6 0L6 8"},
		{"hatch5", "c7", "M4 0L4 8M0 4L8 4"},
		{"hatch6", "c6", "M3 4L5 4M-1 0L1 0M7 0L9 0M-1 8L1 8M7 8L9 8"},
		{"hatch7", "plain", "M3.5 4L4.5 4"},
		{"hatch8", "wrong", "M0 0L8 8M0 8L8 0M4 0L4 8M0 4L8 4"},
	}
}

// meaning is what a contender stands for.
type meaning struct{ Name, Text, Guarantee string }

type fact struct{ Name, Value string }

// highlight is one ratio in large letters.
type highlight struct{ Name, Value, Text string }

// HTML writes one page that needs nothing else: no script, no network. It
// follows the reader's choice of a light or a dark screen.
func HTML(w io.Writer, runs ...*bench.Results) error {
	t, err := template.New("report").Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: reading the page's template: %w", err)
	}
	p := page{Title: "rescind bench"}
	for i, results := range runs {
		r := newRun(results)
		p.Sections = append(p.Sections, r.section("run"+strconv.Itoa(i+1)))
		if len(r.outcomes) > 0 {
			p.Hatches = hatches()
		}
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: writing the page: %w", err)
	}
	return nil
}

func (r run) section(id string) section {
	s := section{
		ID: id, Title: joined(r.contenders()), Subtitle: r.when(),
		Alarms: r.wrong(), Facts: r.facts(), Highlights: r.highlights(),
		Summary: r.summaryRows(), Chapters: r.chapters(id), Scenarios: r.meanings(),
		Notes: r.notes(), Failures: r.failures(),
		Environment: r.environment(), Command: r.Header.Command,
	}
	if ending := r.ending(); ending != "" {
		s.Warnings = append(s.Warnings, ending)
	}
	return s
}

// notes are those of the run, but for what stands in the fleet's chapter.
func (r run) notes() []string {
	f, _ := r.Fleet()
	said := f.Notes()
	return slices.DeleteFunc(slices.Clone(r.End.Notes), func(note string) bool { return slices.Contains(said, note) })
}

func (r run) meanings() []meaning {
	var all []meaning
	for _, d := range r.Header.Scenarios {
		all = append(all, meaning{d.Name, d.Means, guaranteeText(d)})
	}
	return all
}

func joined(names []string) string {
	if len(names) == 0 {
		return "Nothing was measured"
	}
	if len(names) > 4 {
		names = append(slices.Clone(names[:3]), fmt.Sprintf("and %d more", len(names)-3))
	}
	return join(", ", names...)
}

func (r run) facts() []fact {
	return present(
		fact{"Machine", r.machine()},
		fact{"Redis", r.redis()},
		fact{"Loop", r.loop()},
		fact{"Generator's overhead", r.overhead()},
	)
}

// environment is everything that the file says of the machine and the workload.
func (r run) environment() []fact {
	e := r.Header.Environment
	facts := present(
		fact{"CPU", e.CPU}, fact{"cores", strconv.Itoa(e.Cores)}, fact{"GOMAXPROCS", strconv.Itoa(e.GOMAXPROCS)},
		fact{"system", join("/", e.OS, e.Arch)}, fact{"Go", e.Go}, fact{"rescind", e.Rescind},
		fact{"seed", strconv.FormatUint(r.Header.Seed, 10)},
	)
	for _, name := range sortedKeys(e.Redis) {
		facts = append(facts, fact{"Redis: " + name, orQuotes(e.Redis[name])})
	}
	for _, name := range sortedKeys(r.Header.Settings) {
		facts = append(facts, fact{"--" + name, orQuotes(r.Header.Settings[name])})
	}
	return facts
}

// orQuotes shows that a setting is empty, as Redis' save may be.
func orQuotes(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

func present(facts ...fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

// highlights are the ratios at the highest concurrency.
func (r run) highlights() []highlight {
	var all []highlight
	levels, measures := r.levels(), r.measures()
	main := measures[len(measures)-1]
	for _, ratio := range r.ratios {
		i := main.of(ratio)
		if ratio.Concurrency != levels[len(levels)-1] || !finite(i.Center) {
			continue
		}
		text := fmt.Sprintf("of %s's %s", ratio.Baseline, main.name)
		if main.name == "time" {
			text += " per operation"
		}
		if bounded(i) {
			text += fmt.Sprintf(" (%s–%s)", significant(i.Low), significant(i.High))
		}
		if bounded(i) && i.Low <= 1 && i.High >= 1 {
			text += ", which shows no difference"
		}
		if cpu, ok := ratio.CPU[bench.AllProcesses]; ok && finite(cpu.Center) {
			text += "; " + significant(cpu.Center) + " × its CPU"
		}
		if r.otherGuarantee(ratio.Contender) {
			text += "; " + r.otherHeading(ratio.Contender)
		}
		all = append(all, highlight{ratio.Contender + ", " + workers(ratio.Concurrency), significant(i.Center) + " ×", text})
	}
	return all
}
