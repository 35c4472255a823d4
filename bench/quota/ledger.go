package quota

import (
	"fmt"
	"time"
)

// ledger is what is known of the CPU time that was used.
type ledger struct {
	limit, background float64

	at      time.Time // of the last look
	total   time.Duration
	recent  []entry // looks, for a window back
	balance float64 // nanoseconds that may be used beside what is planned; negative: overspent
	most    float64 // share of a window

	cost   float64 // of a piece of work, in nanoseconds; 0: not known
	ended  int64   // work
	unpaid float64 // used since work has ended last
}

// entry is what was used until a look, beside the background.
type entry struct {
	at   time.Time
	used float64 // nanoseconds
}

// minCost is the least that a piece of work costs: of what asks no Redis any
// number may begin.
const minCost = 1

// enter enters a look. What was used since the one before is the price of the
// work that has ended meanwhile, if there was time for any.
func (l *ledger) enter(at time.Time, total time.Duration, ended int64, working bool) {
	passed, used := float64(at.Sub(l.at)), float64(total-l.total)
	first := l.at.IsZero() || used < 0 // or another process
	l.at, l.total = at, total
	if first {
		l.recent, l.ended = append(l.recent[:0], entry{at: at}), ended
		return
	}
	used -= l.background * passed
	l.balance = min(l.balance+spent*l.limit*passed-used, (1-spent)*l.limit*float64(window))
	if working {
		l.price(used, ended)
	} else {
		l.ended, l.unpaid = ended, 0
	}
	l.remember(entry{at: at, used: l.recent[len(l.recent)-1].used + used})
}

// price finds out what a piece of work costs. What turns out to be dearer than
// it was is so at once, what is cheaper gradually.
func (l *ledger) price(used float64, ended int64) {
	l.unpaid += used
	pieces := float64(ended - l.ended)
	if pieces == 0 {
		return
	}
	cost := max(l.unpaid/pieces, minCost)
	if l.cost > cost {
		cost = (l.cost + cost) / 2
	}
	l.cost, l.ended, l.unpaid = cost, ended, 0
}

// remember keeps the looks of a window.
func (l *ledger) remember(last entry) {
	l.recent = append(l.recent, last)
	old := 0
	for last.at.Sub(l.recent[old].at) > window {
		old++
	}
	l.recent = append(l.recent[:0], l.recent[old:]...)
	l.most = max(l.most, l.used()/float64(window))
}

// used is what was used in the last window.
func (l *ledger) used() float64 { return l.recent[len(l.recent)-1].used - l.recent[0].used }

// left is the share that may be used now.
func (l *ledger) left() float64 { return max(spent*l.limit+l.balance/float64(payBack), 0) }

// Exceeded says that more was used than the limit allows, or that nothing of it
// is left.
type Exceeded struct {
	Took, Limit float64 // shares of one core
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("quota: %.3g %% of a core was used, of at most %.3g %%", 100*e.Took, 100*e.Limit)
}

// exceeded reports that more was used in the last window, or in less, than the
// limit allows for all of it.
func (l *ledger) exceeded() *Exceeded {
	if l.used() <= l.limit*float64(window) {
		return nil
	}
	return l.took()
}

// took is what was used in the last window.
func (l *ledger) took() *Exceeded {
	passed := max(l.at.Sub(l.recent[0].at), lookEvery)
	return &Exceeded{Took: l.used() / float64(passed), Limit: l.limit}
}
