package tune

import (
	"context"
	"errors"
	"math"
	"slices"
)

// prune takes changes back that make no difference beside the others: each by
// itself, the one that is missed least first.
func (s *search) prune(ctx context.Context) error {
	for {
		var back []candidate
		for i, d := range s.Dials {
			if s.best[i] != d.Default {
				back = append(back, candidate{d.Name + "=" + d.Values[d.Default], s.best.with(i, d.Default)})
			}
		}
		// Of one change alone the proof is the test.
		if len(back) < 2 || s.left(pruneEnds) < s.takes(len(back)+1, confirmSlices) {
			return nil
		}
		trials, err := s.against(ctx, back, confirmSlices)
		if err != nil {
			return err
		}
		slices.SortFunc(trials, byRatio)
		if least := &trials[0]; least.dispensable() {
			least.Taken = true
			s.record(trials...)
			s.move(least.At)
			continue
		}
		s.record(trials...)
		return nil
	}
}

// missed is a ratio that shows that a change is worth something.
const missed = 1.04

// dispensable reports whether a default does as well as what was taken in its
// place. Where an interval is wide, its middle has a say.
func (t *Trial) dispensable() bool {
	return t.LeftOut == "" && t.Verdict != Worse && t.decider().Center < missed
}

// weaker measures what would cost a guarantee, beside the best, where it may not
// be taken.
func (s *search) weaker(ctx context.Context) error {
	if s.AllowWeaker {
		return nil
	}
	var all []candidate
	for i, d := range s.Dials {
		for v, value := range d.Values {
			if d.Weakens[v] != "" && v != s.best[i] {
				all = append(all, candidate{d.Name + "=" + value, s.best.with(i, v)})
			}
		}
	}
	if len(all) == 0 || s.left(proofEnds) < s.takes(len(all)+1, screenSlices)+s.takes(2, proofSlices) {
		return nil
	}
	trials, err := s.against(ctx, all, screenSlices)
	for _, t := range trials {
		t.Costs = s.Dials.Costs(t.At)
		s.out.Weaker = append(s.out.Weaker, t)
	}
	return err
}

// prove has the best take turns with the defaults, anew and for longer. Where
// that does not show that it is better, the defaults are the answer. Where they
// are it already, what came nearest takes part, so that it is seen.
func (s *search) prove(ctx context.Context) error {
	base := s.out.Defaults
	p := &Proof{Rival: s.best, Name: tuned}
	if s.best.equal(base) {
		if p.Name = nextBest; s.next() != nil {
			p.Rival = s.next().At
		}
	}
	r := Round{Names: []string{defaults}, Points: []Point{base}, Rate: s.rate, Proof: true}
	if !p.Rival.equal(base) {
		r.Names, r.Points = append(r.Names, p.Name), append(r.Points, p.Rival)
	}
	room := float64(s.left(proofEnds)) / s.dear / float64(s.slice) / float64(len(r.Points))
	r.Slices = min(max(int(room)-1, proofSlices), mostProof)
	r.What = "the proof: " + p.Name + " against the defaults"
	results, err := s.run(ctx, r)
	var over *TooMuch
	if errors.As(err, &over) && s.recover(over, p) {
		return s.prove(ctx)
	}
	if err != nil {
		return err
	}
	of := seriesOf(results, defaults)
	p.Results, p.Defaults = results, s.Aim.standing(results, of)
	p.Comparison = s.Aim.compare(results, seriesOf(results, r.Names[len(r.Names)-1]), of)
	s.out.Proof = p
	s.conclude(p)
	return nil
}

// recover makes the best of a proof in which something asked too much, and
// reports whether there can be another one. For so long as the proof lasts that
// may be so of what was found, and of a rate that was.
func (s *search) recover(over *TooMuch, p *Proof) bool {
	switch {
	case over.Name != defaults:
		s.record(Trial{Name: s.Dials.Changes(s.out.Defaults, p.Rival), At: p.Rival, Against: s.out.Defaults, LeftOut: over.Error()})
		s.best, s.spoiled = s.out.Defaults, append(s.spoiled, p.Rival)
		if s.out.Rate = min(s.out.Rate, s.out.DefaultsRate); s.out.Rate > 0 {
			s.rate = s.out.Rate
		}
		return true
	case s.seeking() && s.rate > 1:
		s.rate *= slower
		s.out.Rate = math.Floor(s.rate)
		return true
	}
	return false
}

// conclude takes what the proof says. What came nearest had promised something
// before: if this run, of which it was the only candidate, shows clearly that it
// is better, noise had hidden that.
func (s *search) conclude(p *Proof) {
	base := s.out.Defaults
	switch {
	case !s.best.equal(base) && (p.Verdict != Better || p.By != ByKeeping && p.decider().Center > little):
		p.FellBack = true
		s.best = base
		s.out.Rate = min(s.out.Rate, s.out.DefaultsRate)
	case s.best.equal(base) && p.Name == nextBest && p.Verdict == Better && p.decider().High < late && s.next().hopeful():
		s.best = p.Rival
	}
}

// little is what no setting is worth: whoever reads a configuration asks why.
const little = 0.96

// late is how far the interval of a proof has to be from 1 for what was not
// found before.
const late = 0.97

// next is what came nearest to the best, and was not taken: with what is nearest
// of all that was held against it.
func (s *search) next() *Trial {
	var near *Trial
	for i := range s.out.Trials {
		t := &s.out.Trials[i]
		if t.LeftOut != "" || t.Taken || !t.Against.equal(s.best) || t.At.equal(s.best) || slices.ContainsFunc(s.spoiled, t.At.equal) {
			continue
		}
		if near == nil || byRatio(*t, *near) < 0 {
			near = t
		}
	}
	return near
}

func (s *search) finish(complete bool) *Outcome {
	s.out.Best, s.out.Complete, s.out.Took = s.best, complete, s.Now().Sub(s.began)
	if next := s.next(); next != nil {
		copied := *next
		s.out.Next = &copied
	}
	for i := range s.Dials { // but those of which there is nothing to try
		if s.tried[i] == 0 && len(s.Dials[i].Values) > 1 {
			s.out.Untried = append(s.out.Untried, i)
		}
	}
	return &s.out
}
