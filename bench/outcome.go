package bench

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Never is how soon somebody was answered where nobody was.
const Never time.Duration = -1

// Outcome is what the callers of a contender saw of one event, as far as slices
// can tell: to within two of them. An operation belongs to the slice in which it
// began, or was due. What is counted is from the event's beginning until it is
// over and the next one begins, or the turn ends: what an event leaves behind is
// its own.
type Outcome struct {
	Event
	Turn   time.Duration // since the run began, when the contender's turn did
	Slices int           // that Outcome is of; 0: nothing is known

	Answered int64            // operations
	Errors   map[string]int64 // by class
	Unbegun  int64            // due in an open loop, and given up before they began
	// Unanswered is the longest time in which nobody was answered, whenever the
	// operations had begun.
	Unanswered time.Duration
	// Again is how long after the event's end somebody was: 0 where somebody
	// always was, Never where nobody was until the turn ended.
	Again time.Duration
	After time.Duration // how long was measured after the event's end
	Worst time.Duration // latency of those that were answered; 0: none was
}

// Outcomes are those of all events, in the order of [Results.Summarize], those
// of one series by time.
func (r *Results) Outcomes() []Outcome {
	order, turns := r.series()
	events := slices.Clone(r.End.Events)
	place := func(e Event) int {
		if i := slices.Index(order, e.series()); i >= 0 {
			return i
		}
		return len(order) // what was not measured comes last
	}
	slices.SortStableFunc(events, func(a, b Event) int {
		return cmp.Or(
			cmp.Compare(place(a), place(b)),
			cmp.Compare(a.Contender, b.Contender),
			cmp.Compare(a.Concurrency, b.Concurrency),
			cmp.Compare(a.From, b.From),
			cmp.Compare(a.Until, b.Until))
	})
	all := make([]Outcome, 0, len(events))
	seen := make(map[Series][]sight)
	for i, e := range events {
		s, known := seen[e.series()]
		if !known {
			s = look(turns[e.series()])
			seen[e.series()] = s
		}
		all = append(all, outcome(e, nextBeginning(events[i:]), s))
	}
	return all
}

func (e Event) series() Series { return Series{e.Contender, e.Concurrency} }

// nextBeginning is when the event begins that follows the first of sorted ones,
// or an instant beyond any run.
func nextBeginning(events []Event) time.Duration {
	for _, e := range events[1:] {
		if e.series() != events[0].series() {
			break
		}
		if e.From > events[0].From {
			return e.From
		}
	}
	return 2 * maxTime
}

// sight is a slice with what is looked at once for each event.
type sight struct {
	Slice
	ends  time.Duration // since the run began
	worst time.Duration
	heard bool // somebody was answered while it lasted
}

// byTime sorts slices by when they began.
func byTime(turns []Slice) []Slice {
	return slices.SortedStableFunc(slices.Values(turns), func(a, b Slice) int { return cmp.Compare(a.At, b.At) })
}

// look looks at the slices of a series, by time.
func look(turns []Slice) []sight {
	all := make([]sight, len(turns))
	for i, t := range byTime(turns) {
		all[i] = sight{Slice: t, ends: t.At + t.Wall}
		if t.Latency != nil && t.Latency.TotalCount() > 0 {
			all[i].worst = time.Duration(t.Latency.Max())
		}
	}
	for i := range all {
		hear(all, i)
	}
	return all
}

// hear marks the slices in which operations of one were answered: those that
// waited until a fault was over were not, meanwhile. An operation is taken to
// have begun in the middle of its slice.
func hear(turn []sight, i int) {
	s := &turn[i]
	switch {
	case s.Operations == 0:
		return
	case s.worst <= s.Wall/2: // or not timed
		s.heard = true
		return
	}
	for _, bar := range s.Latency.Distribution() {
		if bar.Count == 0 {
			continue
		}
		at := s.At + s.Wall/2 + time.Duration(bar.From)
		later := turn[i:]
		if n := sort.Search(len(later), func(n int) bool { return later[n].ends > at }); n < len(later) {
			later[n].heard = true
		}
	}
}

// outcome looks at the slices of a turn.
func outcome(e Event, next time.Duration, turn []sight) Outcome {
	o := Outcome{Event: e, Errors: make(map[string]int64), Again: Never}
	if len(turn) == 0 {
		return o
	}
	o.Turn = turn[0].At
	var silence time.Duration
	for _, s := range turn {
		if s.At >= max(e.Until, next) {
			break
		}
		// What is under way when it begins may have begun in a slice before.
		underWay := s.At < e.From && s.ends+s.worst > e.From
		if underWay || s.within(e, next) {
			o.Worst = max(o.Worst, s.worst)
		}
		if !s.within(e, next) {
			continue
		}
		o.Slices++
		o.Answered += s.Operations
		o.Unbegun += s.Unbegun
		for class, n := range s.Errors {
			o.Errors[class] += n
		}
		silence += s.Wall
		if s.heard {
			silence = 0
		}
		o.Unanswered = max(o.Unanswered, silence)
	}
	o.After = max(turn[len(turn)-1].ends-e.Until, 0)
	o.Again = again(o, turn)
	return o
}

// within reports whether a slice tells of an event: not the one in which the
// next begins. A worker of a closed loop looks up every tick, so that what is
// counted in a slice may have begun so much after its end.
func (s sight) within(e Event, next time.Duration) bool {
	return s.ends+tick > e.From && (s.At < e.Until || s.ends <= next)
}

// again is when the first slice begins, of those after the event, that somebody
// was answered in.
func again(o Outcome, turn []sight) time.Duration {
	if o.Slices > 0 && o.Unanswered == 0 {
		return 0
	}
	for _, s := range turn {
		if s.At >= o.Until && s.heard {
			return s.At - o.Until
		}
	}
	return Never
}
