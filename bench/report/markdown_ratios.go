package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// documentWidth is how long the lines of a document may be that includes this.
const documentWidth = 120

// markdownRatios writes the ratios of several runs as one table, for a document
// that has no room for more. Figures that are no ratios are of one machine on
// one day, and stay in the report, as do the commands.
func markdownRatios(b *strings.Builder, runs []run) {
	for _, r := range runs {
		for _, line := range append(r.wrong(), r.ending()) {
			if line != "" {
				b.WriteString("**" + prose(line) + "**\n\n")
			}
		}
	}
	heading, below := []string{"what", "tokens", "workers", "over", "time", "CPU time"}, "|---|---|--:|---|--:|--:|\n"
	guarantees := slices.ContainsFunc(runs, run.guarantees)
	if guarantees {
		heading, below = slices.Insert(heading, 1, "guarantee"), "|---"+below
	}
	markdownRow(b, heading)
	b.WriteString(below)
	for _, r := range runs {
		for _, ratio := range r.ratios {
			cells := r.ratioCells(ratio)
			if guarantees {
				cells = slices.Insert(cells, 1, r.guaranteeMark(ratio.Contender))
			}
			markdownRow(b, cells)
		}
	}
	meaning := "Each figure is a ratio to what is under \"over\": the median over pairs of turns, with its 95 % interval; " +
		"0.8 is a fifth less time. CPU time is that of client, server and Redis together"
	if slices.ContainsFunc(runs, func(r run) bool { return r.Header.Open }) {
		meaning += "; where the rate is given, p50 and p99 stand in place of the time"
	}
	if guarantees {
		meaning += `. "Other guarantee" is one that what is under "over" does not have`
	}
	b.WriteString("\n")
	wrap(b, meaning+".", "", "", documentWidth)
	for _, machine := range machines(runs) {
		wrap(b, "Measured on "+prose(machine)+".", "", "", documentWidth)
	}
}

func (r run) ratioCells(ratio bench.Ratio) []string {
	var times []string
	for _, m := range r.measures() {
		times = append(times, interval(m.of(ratio)))
	}
	return []string{
		ratio.Contender, r.Header.Settings["algorithms"], strconv.Itoa(ratio.Concurrency), ratio.Baseline,
		strings.Join(times, ", "), ratioText(ratio, bench.AllProcesses),
	}
}

// machines are what the runs were measured on, each once, with the version of
// its Redis.
func machines(runs []run) []string {
	var all []string
	for _, r := range runs {
		machine := r.machine()
		if version := r.Header.Environment.Redis["version"]; version != "" {
			machine = join(", ", machine, "Redis "+version)
		}
		// A run without Redis on the same machine says nothing new.
		if !slices.ContainsFunc(all, func(known string) bool { return strings.HasPrefix(known, machine) }) {
			all = append(all, machine)
		}
	}
	return all
}
