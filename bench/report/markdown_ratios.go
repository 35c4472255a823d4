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
	markdownRow(b, []string{"what", "tokens", "workers", "over", "time", "CPU time"})
	b.WriteString("|---|---|--:|---|--:|--:|\n")
	for _, r := range runs {
		for _, ratio := range r.ratios {
			markdownRow(b, r.ratioCells(ratio))
		}
	}
	meaning := "Each figure is a ratio to what is under \"over\": the median over pairs of turns, with its 95 % interval; " +
		"0.8 is a fifth less time. CPU time is that of client, server and Redis together"
	if slices.ContainsFunc(runs, func(r run) bool { return r.Header.Open }) {
		meaning += "; where the rate is given, p50 and p99 stand in place of the time"
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
