package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/rescindhq/rescind/bench"
)

// What may become of an operation, beside the classes of errors.
const (
	answered    = "answered"
	otherErrors = "other errors"
	neverBegun  = "never begun"
)

// mostClasses is how many classes of errors are drawn apart, beside wrong
// answers, which always are.
const mostClasses = 5

// fate is what may become of an operation, and the class of its pattern: colour
// is not all that tells them apart.
type fate struct {
	name, class string
	count       func(bench.Slice) int64
}

// fates are those of a run, in the order in which they are stacked.
func (r run) fates() []fate {
	all := []fate{{answered, "fate0", func(s bench.Slice) int64 { return s.Operations }}}
	class := func(name string) func(bench.Slice) int64 {
		return func(s bench.Slice) int64 { return s.Errors[name] }
	}
	counts, unbegun := r.failed()
	if counts[bench.WrongAnswer] > 0 {
		all = append(all, fate{bench.WrongAnswer, "fate8", class(bench.WrongAnswer)})
		delete(counts, bench.WrongAnswer)
	}
	names := mostFrequent(counts)
	shown := names[:min(len(names), mostClasses)]
	for i, name := range shown {
		all = append(all, fate{name, "fate" + strconv.Itoa(i+1), class(name)})
	}
	if rest := names[len(shown):]; len(rest) > 0 {
		all = append(all, fate{otherErrors, "fate6", func(s bench.Slice) (n int64) {
			for _, name := range rest {
				n += s.Errors[name]
			}
			return n
		}})
	}
	if unbegun > 0 {
		all = append(all, fate{neverBegun, "fate7", func(s bench.Slice) int64 { return s.Unbegun }})
	}
	return all
}

// failed counts the errors of the run by class, and what was never begun.
func (r run) failed() (counts map[string]int64, unbegun int64) {
	counts = map[string]int64{}
	for _, s := range r.summaries {
		unbegun += s.Unbegun
		for class, n := range s.Errors {
			if n > 0 {
				counts[class] += n
			}
		}
	}
	return counts, unbegun
}

// beat is one slice in a chart of outcomes, or several that stand together.
type beat struct {
	from, until float64   // seconds since the contender's turn began
	wall        float64   // seconds of slices
	counts      []float64 // by fate
	p50, p99    float64   // nanoseconds; NaN where nobody was answered
}

// rate is how often something became of an operation, a second.
func (b beat) rate(fate int) float64 { return b.counts[fate] / b.wall }

// all is how often anything did.
func (b beat) all() float64 {
	sum := 0.0
	for i := range b.counts {
		sum += b.rate(i)
	}
	return sum
}

// story is what became of a contender's operations, one slice after the other.
type story struct {
	series bench.Series
	number int // of the contender
	beats  []beat
	events []bench.Outcome
}

// stories are those of all series; nil where nothing happened to any.
func (r run) stories(fates []fate) []story {
	if len(r.outcomes) == 0 {
		return nil
	}
	var all []story
	for _, s := range r.summaries {
		one := story{series: s.Series, number: r.series(s.Contender), beats: r.beats(s.Series, fates)}
		for _, o := range r.outcomes {
			if o.Contender == s.Contender && o.Concurrency == s.Concurrency {
				one.events = append(one.events, o)
			}
		}
		all = append(all, one)
	}
	return all
}

// beats are a series' slices by time.
func (r run) beats(of bench.Series, fates []fate) []beat {
	var turn []bench.Slice
	for _, s := range r.Slices {
		if s.Contender == of.Contender && s.Concurrency == of.Concurrency && s.Wall > 0 {
			turn = append(turn, s)
		}
	}
	slices.SortStableFunc(turn, func(a, b bench.Slice) int { return cmp.Compare(a.At, b.At) })
	var all []beat
	for _, s := range turn {
		b := beat{
			from: (s.At - turn[0].At).Seconds(), wall: s.Wall.Seconds(),
			counts: make([]float64, len(fates)), p50: math.NaN(), p99: math.NaN(),
		}
		b.until = b.from + b.wall
		for i, f := range fates {
			b.counts[i] = float64(f.count(s))
		}
		if s.Latency != nil && s.Latency.TotalCount() > 0 {
			values := s.Latency.ValueAtPercentilesSlice([]float64{50, 99})
			b.p50, b.p99 = float64(max(1, values[0])), float64(max(1, values[1]))
		}
		all = append(all, b)
	}
	return all
}

// thinned are at most so many beats: of several the median p50 and the worst
// p99, so that no stall is smoothed away.
func thinned(beats []beat, most int) []beat {
	if len(beats) <= most {
		return beats
	}
	var thin []beat
	for chunk := range slices.Chunk(beats, (len(beats)+most-1)/most) {
		thin = append(thin, oneBeat(chunk))
	}
	return thin
}

func oneBeat(chunk []beat) beat {
	sum := beat{
		from: chunk[0].from, until: chunk[len(chunk)-1].until,
		counts: make([]float64, len(chunk[0].counts)), p50: math.NaN(), p99: math.NaN(),
	}
	var middle, worst []float64
	for _, b := range chunk {
		sum.wall += b.wall
		for i, n := range b.counts {
			sum.counts[i] += n
		}
		if finite(b.p50) {
			middle, worst = append(middle, b.p50), append(worst, b.p99)
		}
	}
	if len(middle) > 0 {
		slices.Sort(middle)
		sum.p50, sum.p99 = middle[len(middle)/2], slices.Max(worst)
	}
	return sum
}

// unbroken are beats that follow each other at once: between slices that take
// turns with another's, nothing was measured.
func unbroken(beats []beat) [][]beat {
	var parts [][]beat
	for i, b := range beats {
		if i == 0 || b.from-beats[i-1].until > b.wall/10 {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], b)
	}
	return parts
}
