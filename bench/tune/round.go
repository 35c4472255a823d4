package tune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rescindhq/rescind/bench"
)

// The names of contenders that are no single change.
const (
	defaults = "defaults"
	soFar    = "so-far"
	tuned    = "tuned"
	nextBest = "next-best"
)

// ErrWrong: something gave an answer that must never be given. No figure counts.
var ErrWrong = errors.New("tune: a wrong answer was given")

// candidate is a point that may take the place of the best.
type candidate struct {
	name string
	at   Point
}

// starts are those of the task that may be taken.
func (s *search) starts() []candidate {
	var all []candidate
	for _, p := range s.Starts {
		if !p.equal(s.best) && (s.AllowWeaker || s.Dials.Costs(p) == nil) {
			all = append(all, candidate{s.Dials.Changes(s.best, p), p})
		}
	}
	return all
}

// values are those of a dial that may be taken beside the best as it is.
func (s *search) values(dial int) []candidate {
	d := s.Dials[dial]
	if d.Idle != nil && d.Idle(s.best) {
		return nil
	}
	var all []candidate
	for v, value := range d.Values {
		if v != s.best[dial] && (s.AllowWeaker || d.Weakens[v] == "") {
			all = append(all, candidate{d.Name + "=" + value, s.best.with(dial, v)})
		}
	}
	return all
}

// duel has candidates take turns with the best. Those that look better do so
// once more, and the best of those that are takes its place: what is best of
// many in one run is so by luck, too.
func (s *search) duel(ctx context.Context, candidates []candidate) error {
	if len(candidates) == 0 {
		return nil
	}
	screened, err := s.against(ctx, candidates, screenSlices)
	if err != nil {
		return err
	}
	slices.SortFunc(screened, byRatio)
	var finalists []candidate
	for _, t := range screened {
		if t.hopeful() && len(finalists) < 2 {
			finalists = append(finalists, candidate{t.Name, t.At})
		}
	}
	if len(finalists) == 0 || s.left(pruneEnds) < s.takes(len(finalists)+1, confirmSlices) {
		s.record(screened...)
		return nil
	}
	confirmed, err := s.against(ctx, finalists, confirmSlices)
	if err != nil {
		s.record(screened...)
		return err
	}
	slices.SortFunc(confirmed, byRatio)
	if confirmed[0].Verdict == Better && confirmed[0].LeftOut == "" {
		confirmed[0].Taken = true
	}
	s.record(without(screened, confirmed)...)
	s.record(confirmed...)
	if confirmed[0].Taken {
		s.move(confirmed[0].At)
	}
	return nil
}

// move makes a point the best.
func (s *search) move(to Point) {
	s.best = to
	s.moves++
}

// byRatio sorts the most promising first, those that cannot be taken last.
func byRatio(a, b Trial) int {
	rank := func(t Trial) int {
		switch {
		case t.LeftOut != "":
			return 3
		case t.Verdict == Better:
			return 0
		case t.Verdict == Same:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.decider().Center, b.decider().Center))
}

// hopeful reports whether a second run is worth it.
func (t *Trial) hopeful() bool {
	return t.LeftOut == "" && t.Verdict != Worse && t.decider().Center < promising
}

// without are the trials of which no later one is.
func without(trials, later []Trial) []Trial {
	return slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool {
		return slices.ContainsFunc(later, func(l Trial) bool { return l.At.equal(t.At) })
	})
}

// against has candidates take turns with the best. One that asks too much is
// left out, and the others begin anew.
func (s *search) against(ctx context.Context, candidates []candidate, turns int) ([]Trial, error) {
	base := s.called(s.best)
	r := Round{Names: []string{base}, Points: []Point{s.best}, Rate: s.rate, Slices: turns}
	var names []string
	for _, c := range candidates {
		r.Names, r.Points, names = append(r.Names, c.name), append(r.Points, c.at), append(names, c.name)
	}
	r.What = strings.Join(names, ", ")
	results, err := s.run(ctx, r)
	var over *TooMuch
	switch {
	case !errors.As(err, &over):
	case over.Name != base:
		return s.leaveOut(ctx, candidates, turns, over)
	case s.seeking() && s.rate > 1: // which is what is looked for, and nobody has asked for it
		s.rate *= slower
		return s.against(ctx, candidates, turns)
	}
	if err != nil {
		return nil, err
	}
	var trials []Trial
	for _, c := range candidates {
		judged := s.Aim.compare(results, seriesOf(results, c.name), seriesOf(results, base))
		trials = append(trials, Trial{Name: c.name, At: c.at, Against: s.best, Comparison: judged})
	}
	return trials, nil
}

// slower is what a rate becomes that was found, and asks too much after all.
const slower = 0.8

// leaveOut goes on without the candidate that asks too much.
func (s *search) leaveOut(ctx context.Context, candidates []candidate, turns int, over *TooMuch) ([]Trial, error) {
	i := slices.IndexFunc(candidates, func(c candidate) bool { return c.name == over.Name })
	if i < 0 {
		return nil, over
	}
	left := Trial{Name: over.Name, At: candidates[i].at, Against: s.best, LeftOut: over.Error()}
	rest := slices.Delete(slices.Clone(candidates), i, i+1)
	if len(rest) == 0 {
		return []Trial{left}, nil
	}
	trials, err := s.against(ctx, rest, turns)
	return append(trials, left), err
}

func (s *search) called(p Point) string {
	if p.equal(s.out.Defaults) {
		return defaults
	}
	return soFar
}

// alone measures one point by itself.
func (s *search) alone(ctx context.Context, p Point, rate float64) (*bench.Results, error) {
	r := Round{Names: []string{s.called(p)}, Points: []Point{p}, Rate: rate, Slices: aloneSlices, What: s.called(p)}
	if rate > 0 {
		r.What += fmt.Sprintf(" at %.0f/s", rate)
	}
	return s.run(ctx, r)
}

// run measures a round, and learns how long rounds take.
func (s *search) run(ctx context.Context, r Round) (*bench.Results, error) {
	r.Warmup, r.Slice = s.slice, s.slice
	if r.Rate > 0 {
		r.Rate = math.Round(r.Rate)
	}
	began := s.Now()
	results, err := s.Measure(ctx, r)
	if err != nil {
		return nil, err
	}
	nominal := float64(len(r.Points)*(r.Slices+1)) * float64(r.Slice)
	s.dear = max(1, (s.dear+float64(s.Now().Sub(began))/nominal)/2)
	for _, slice := range results.Slices {
		if n := slice.Errors[bench.WrongAnswer]; n > 0 {
			return nil, fmt.Errorf("%w: %d of %s", ErrWrong, n, slice.Contender)
		}
	}
	return results, nil
}

// seriesOf is a contender's series: a round has one concurrency.
func seriesOf(r *bench.Results, name string) bench.Series {
	for _, slice := range r.Slices {
		if slice.Contender == name {
			return bench.Series{Contender: name, Concurrency: slice.Concurrency}
		}
	}
	return bench.Series{Contender: name}
}

// climb finds the highest rate at which a point keeps the aim, from a first one
// on; 0: none that was tried.
func (s *search) climb(ctx context.Context, p Point, rate, ends float64) (float64, error) {
	const steps, near = 9, 1.06
	kept, broken := 0.0, math.Inf(1)
	for range steps {
		if rate < 1 || broken/kept < near || s.left(ends) < s.takes(1, aloneSlices) {
			break
		}
		alone, err := s.alone(ctx, p, rate)
		switch tooMuch := errors.As(err, new(*TooMuch)); {
		case err != nil && !tooMuch:
			return kept, err
		case !tooMuch && s.Aim.standing(alone, seriesOf(alone, s.called(p))).Kept:
			kept = rate
		default:
			broken = rate
		}
		switch {
		case kept == 0:
			rate = broken / 3
		case math.IsInf(broken, 1):
			rate = kept * 1.25
		default:
			rate = math.Sqrt(kept * broken)
		}
	}
	return math.Floor(kept), nil
}
