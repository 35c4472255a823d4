package bench

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// account is what a run remembers of a series, for what it has to say in words.
type account struct {
	Series
	lately Slice // the last one, of the warm-up too

	operations, unbegun int64
	errors              map[string]int64
	wrongBefore         int64 // wrong answers while it warmed up
	wall                time.Duration
	medians             []time.Duration // of the slices

	client         time.Duration // CPU
	clientKnown    bool          // in every slice so far
	overdue        int64
	waited, slices int64
	lateness       time.Duration
	held           time.Duration // of all workers together
}

// add adds a slice.
func (a *account) add(s Slice, all *tally) {
	client, known := s.CPU[Client]
	a.clientKnown = known && (a.clientKnown || a.slices == 0)
	a.client += client
	a.slices++
	a.operations += s.Operations
	a.unbegun += s.Unbegun
	for class, n := range s.Errors {
		a.errors[class] += n
	}
	a.wall += s.Wall
	if s.Latency.TotalCount() > 0 {
		a.medians = append(a.medians, time.Duration(s.Latency.ValueAtQuantile(50)))
	}
	a.overdue += all.overdue
	a.waited += all.waited
	a.lateness += all.lateness
	a.held += all.held
}

// median is that of the slices' medians; zero: nothing succeeded.
func (a *account) median() time.Duration {
	if len(a.medians) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(a.medians))
	return sorted[len(sorted)/2]
}

// busy is the share of the processor that this process used meanwhile.
func (a *account) busy() float64 {
	if !a.clientKnown || a.wall <= 0 {
		return 0
	}
	return float64(a.client) / (float64(a.wall) * float64(runtime.GOMAXPROCS(0)))
}

func (a *account) String() string {
	return fmt.Sprintf("%s with %d worker%s", a.Contender, a.Concurrency, plural(int64(a.Concurrency)))
}

func plural(n int64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// What is worth a word, in shares of one.
const (
	rateKept     = 0.99 // of the rate
	cpuUsedUp    = 0.90 // of GOMAXPROCS
	muchOverhead = 0.05 // of the median
	muchLate     = 0.20 // of the median, the wake-up
	manyOverdue  = 0.01 // of the operations
)

// notes are what the result should say in words: the worst first.
func (r *run) notes() []string {
	var notes []string
	for _, say := range []func(*account) string{wrongAnswers, r.heldNote, r.shareNote, r.rateNote, r.errorsNote, overdueNote, latenessNote} {
		for _, a := range r.accounts {
			if note := say(a); note != "" && !slices.Contains(notes, note) { // some are of all its concurrencies
				notes = append(notes, note)
			}
		}
	}
	return append(notes, r.overheadNotes()...)
}

func wrongAnswers(a *account) string {
	n := a.errors[WrongAnswer] + a.wrongBefore
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("WRONG ANSWERS: %s gave %d answer%s that must never be given; no figure of this run counts", a, n, plural(n))
}

// errorsNote is not of a contender that something happens to: its events say
// what failed, and when.
func (r *run) errorsNote(a *account) string {
	failed := sum(a.errors)
	if failed == 0 || r.plan.stages(a.Contender) {
		return ""
	}
	var classes []string
	for _, class := range slices.Sorted(maps.Keys(a.errors)) {
		classes = append(classes, fmt.Sprintf("%d %s", a.errors[class], class))
	}
	return fmt.Sprintf("%s: %d of %d operations failed (%s); they are in no latency",
		a, failed, failed+a.operations, strings.Join(classes, ", "))
}

// rateNote says when an open loop was not what was asked for, and who was slow.
func (r *run) rateNote(a *account) string {
	if r.schedule == nil || a.slices == 0 {
		return ""
	}
	ended := a.operations + sum(a.errors)
	got := float64(ended) / a.wall.Seconds()
	if a.unbegun == 0 && got >= rateKept*r.due(a, ended) {
		return ""
	}
	note := fmt.Sprintf("%s could not keep the rate: asked for %s operations a second, got %s", a, perSecond(r.plan.Rate), perSecond(got))
	if a.unbegun > 0 {
		note += fmt.Sprintf("; %d that were due never began", a.unbegun)
	}
	switch {
	case a.busy() >= cpuUsedUp:
		return note + fmt.Sprintf(": this process used all of its CPU (%.0f %% of %d), so the generator may be what was slow",
			100*a.busy(), runtime.GOMAXPROCS(0))
	case a.overdue >= a.waited:
		return note + ": all workers were busy; the target is too slow for this rate, or has too few workers"
	default:
		return note + ": workers were free but woke late; the generator is what was slow"
	}
}

// perSecond writes a rate without an exponent.
func perSecond(rate float64) string {
	if rate >= 100 {
		return strconv.FormatFloat(rate, 'f', 0, 64)
	}
	return strconv.FormatFloat(rate, 'g', 3, 64)
}

// due is the rate at which operations were really due: chance decides how many
// Poisson arrivals fall into the slices.
func (r *run) due(a *account, ended int64) float64 {
	asked := time.Duration(a.slices) * r.plan.Slice
	return float64(ended+a.unbegun) / asked.Seconds()
}

// overdueNote says that latencies contain the wait for a worker, where the rate
// was kept nevertheless.
func overdueNote(a *account) string {
	all := a.overdue + a.waited
	share := float64(a.overdue) / float64(max(all, 1))
	if a.unbegun > 0 || share < manyOverdue {
		return ""
	}
	return fmt.Sprintf("%s: %.3g %% of the operations were due before a worker was free; their latencies contain that wait", a, 100*share)
}

// latenessNote says that latencies are much the generator's own.
func latenessNote(a *account) string {
	if a.waited == 0 {
		return ""
	}
	late, median := a.lateness/time.Duration(a.waited), a.median()
	if median == 0 || float64(late) < muchLate*float64(median) {
		return ""
	}
	return fmt.Sprintf("%s: workers woke %v late in the mean, which is in the latencies (median %v); a closed loop has no such share",
		a, rounded(late), rounded(median))
}

// overheadNotes says where timing is a large share of a closed loop's
// operations. It is measured only where it could be.
func (r *run) overheadNotes() []string {
	var notes []string
	var timing time.Duration
	for _, a := range r.accounts {
		median := a.median()
		if r.schedule != nil || median == 0 || median > 20*time.Microsecond {
			continue
		}
		if timing == 0 {
			var err error
			if timing, err = measureOperation(context.Background(), 3*minSlice); err != nil {
				return notes
			}
		}
		if share := float64(timing) / float64(median) / float64(r.plan.Sample); share > muchOverhead {
			notes = append(notes, fmt.Sprintf("%s: timing takes %v of each timed operation (median %v); --sample %d makes that less than 1 %% of the whole",
				a, timing, rounded(median), enough(timing, median)))
		}
	}
	return notes
}

// enough is the power of ten of which timing one operation in so many costs at
// most a hundredth of them.
func enough(timing, median time.Duration) int {
	sample := 10
	for float64(timing)/float64(sample) > 0.01*float64(median) {
		sample *= 10
	}
	return sample
}

// rounded is a duration with three digits, for people.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
