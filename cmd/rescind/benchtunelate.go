package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
)

// describe names what a point changes, with the wakes of its mirror.
func (t *tuning) describe(p tune.Point) string {
	o := t.outcome
	changes := o.Dials.Changes(o.Defaults, p)
	if o.Dials.Costs(p) != nil && t.wakes != nil && t.wakes.value() > 0 {
		changes += fmt.Sprintf(" %s=%d", scenario.WakesName, t.wakes.value())
	}
	return changes
}

// costs are what an answer costs of the guarantee, with how late the mirror was,
// where that was measured.
func (t *tuning) costs(of []string) string {
	text := strings.Join(of, "; ")
	if of == nil || t.wakes == nil || !t.wakes.judged() {
		return text
	}
	h := t.wakes.heard[t.wakes.best]
	return fmt.Sprintf("%s. Here, at %s revocations a second, half were refused within %s, 99 of 100 within %s",
		text, t.revoked(), rounded(h.P50), rounded(h.P99))
}

func (t *tuning) revoked() string { return strconv.FormatFloat(t.flags.revocations, 'g', -1, 64) }

// lateness is how late mirrors were, by their wakes, and what each costs Redis.
func (t *tuning) lateness() string {
	w := t.wakes
	switch {
	case w == nil:
		return ""
	case !w.judged():
		return fmt.Sprintf("%s: not judged: at %s a second too little was revoked; a longer --budget has more.\n", scenario.WakesName, t.revoked())
	}
	rows := [][]string{{scenario.WakesName, "half", "99 of 100", "reads/s", "of a core", ""}}
	for i, h := range w.heard {
		cost := "-"
		if w.read > 0 {
			cost = fmt.Sprintf("%.2f %%", 100*h.Reads*w.read.Seconds())
		}
		rows = append(rows, []string{h.Name, rounded(h.P50), rounded(h.P99), fmt.Sprintf("%.1f", h.Reads), cost, t.wakesVerdict(i)})
	}
	return folded(fmt.Sprintf("How late a mirror refused what was revoked, from when that was acknowledged, at %s a second (%s for each); "+
		"and how often each server reads the log, and what that takes of Redis:\n", t.revoked(), grouped(w.heard[0].Count))) + columnsOf(rows)
}

// readsLess is a share of the default's reads that is worth a word.
const readsLess = 0.9

// wakesVerdict is what a value is worth.
func (t *tuning) wakesVerdict(i int) string {
	w, aim := t.wakes, t.flags.stale
	h := w.heard[i]
	switch {
	case i == w.best && i > 0:
		return "taken"
	case aim > 0 && h.P99 > aim:
		return "misses stale-p99=" + formatDuration(aim)
	case i == w.best && len(w.heard) > 1:
		return "default: stays"
	case i == 0:
		return "default"
	case aim == 0 && h.Fewer < readsLess && h.Shown():
		return "WOULD REFUSE LATER"
	case aim == 0 && h.Fewer < readsLess && h.Later():
		return "MAY REFUSE LATER"
	case h.Fewer > 1/readsLess:
		return "reads more"
	}
	return "no difference"
}

// late reports whether the answer's mirror misses the aim for it. What is strict
// is never late.
func (t *tuning) late() bool {
	return t.flags.stale > 0 && t.stales() && t.wakes.heard[t.wakes.best].P99 > t.flags.stale
}

// stales reports whether the answer is a mirror's alone.
func (t *tuning) stales() bool { return t.settings.Mirror && !t.settings.Confirmed }

// kept reports whether all aims are.
func (t *tuning) kept() bool { return t.outcome.Kept() && !t.late() }

// lateAim says whether the aim for a mirror is kept.
func (t *tuning) lateAim() string {
	if t.flags.stale == 0 || t.wakes == nil {
		return ""
	}
	aim := "stale-p99=" + formatDuration(t.flags.stale)
	switch {
	case !t.stales():
		return fmt.Sprintf("Kept: %s: what is strict is never stale.\n", aim)
	case t.late():
		return fmt.Sprintf("NOT KEPT: %s.\n", t.lateBy())
	}
	return fmt.Sprintf("Kept: %s: %s.\n", aim, rounded(t.wakes.heard[t.wakes.best].P99))
}

// lateBy says how near the mirror came.
func (t *tuning) lateBy() string {
	return fmt.Sprintf("no mirror-wakes keeps stale-p99=%s: the best came to %s",
		formatDuration(t.flags.stale), rounded(t.wakes.heard[t.wakes.best].P99))
}
