package tune

import (
	"time"

	"github.com/rescindhq/rescind/bench"
)

// Heard is how one value of a setting did that says how often something reads
// what is new: how late it was to hear of that, and how often it read. All values
// heard of the same changes at the same time, so that none is worse by accident.
type Heard struct {
	Name     string
	Count    int64 // changes
	P50, P99 time.Duration
	Reads    float64 // a second

	// Beside the first value, which is the default.
	Later50, Later99 bench.Interval // ratios of the latencies
	Fewer            float64        // of the reads
}

// Listen reads off a run what each of its contenders heard, in their order: a
// latency is how late a change was heard of, and bench.GaugeReads how often a
// second it read.
func Listen(r *bench.Results) []Heard {
	var all []Heard
	reads := map[string]float64{}
	for _, g := range r.Gauges() {
		if g.Name == bench.GaugeReads {
			reads[g.Contender] = g.Mean
		}
	}
	summaries := r.Summarize()
	for _, s := range summaries {
		first := summaries[0].Series
		all = append(all, Heard{
			Name: s.Contender, Count: s.Latency.TotalCount(), Reads: reads[s.Contender],
			P50: time.Duration(s.Latency.ValueAtPercentile(50)), P99: time.Duration(s.Latency.ValueAtPercentile(99)),
			Later50: r.Paired(bench.MetricP50, s.Series, first), Later99: r.Paired(bench.MetricP99, s.Series, first),
			Fewer: reads[s.Contender] / reads[first.Contender],
		})
	}
	return all
}

const (
	// fewer is a share of the reads that is worth a change.
	fewer = 0.9
	// noLater is how far the interval of a latency may reach where it is no worse:
	// that nothing was shown is not enough.
	noLater = 1.1
)

// Later reports whether a value may hear later than the default.
func (h *Heard) Later() bool { return !(h.Later50.High < noLater && h.Later99.High < noLater) }

// Shown reports whether it was shown that a value hears later than the default,
// which Later does not ask for.
func (h *Heard) Shown() bool { return h.Later50.Low > 1 || h.Later99.Low > 1 }

// Choose is which of them to take: the one that reads least of those that hear
// no later than the default, or with an aim, of those whose 99th percentile is
// within that. Where none is, it is the one that comes nearest. The default stays
// where it reads little more.
func Choose(all []Heard, aim time.Duration) int {
	within := func(h *Heard) bool { return aim == 0 && !h.Later() || aim > 0 && h.P99 <= aim }
	best, nearest := 0, 0
	found := aim == 0 || all[0].P99 <= aim // the default is good enough
	for i := range all[1:] {
		h := &all[i+1]
		switch {
		case within(h) && (!found || h.Reads < fewer*all[best].Reads):
			best, found = i+1, true
		case h.P99 < all[nearest].P99:
			nearest = i + 1
		}
	}
	if !found {
		return nearest
	}
	return best
}
