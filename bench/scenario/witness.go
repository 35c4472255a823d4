package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// witness keeps what callers saw of each fault, to the millisecond: slices are
// far longer. It costs each operation a lock, which at the rates of an outage is
// nothing.
type witness struct {
	mu       sync.Mutex
	seen     []*sight
	answered time.Duration // the latest instant
}

// sight is what callers saw from a fault's beginning until the next one's.
// Instants are since the ledger began.
type sight struct {
	what        string
	from, until time.Duration // until: 0 while it goes on

	answered    int // checks that began in it
	failed      map[string]int
	firstFailed time.Duration // after from; 0: none did
	silence     time.Duration // the longest in which nobody was answered
	again       time.Duration // the first answer after its end; 0: none yet
	slowest     time.Duration
}

// begin begins a fault.
func (w *witness) begin(what string, from time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, &sight{what: what, from: from, failed: map[string]int{}})
}

// end ends it.
func (w *witness) end(until time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[len(w.seen)-1].until = until
}

// saw notes an operation, and what it ended in: nothing is an answer that was
// right.
func (w *witness) saw(began, ended time.Duration, class string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		w.answered = max(w.answered, ended)
		return
	}
	s := w.seen[len(w.seen)-1]
	if class == "" {
		s.silence = max(s.silence, ended-max(w.answered, s.from))
		w.answered = max(w.answered, ended)
		if s.again == 0 && s.until != 0 && ended >= s.until {
			s.again = ended
		}
	}
	if began < s.from { // it is of what was before
		return
	}
	s.slowest = max(s.slowest, ended-began)
	if class == "" {
		s.answered++
		return
	}
	s.failed[class]++
	if s.firstFailed == 0 {
		s.firstFailed = ended - s.from
	}
}

// close ends the turn: whoever waits for an answer still has waited so long.
func (w *witness) close(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) > 0 {
		s := w.seen[len(w.seen)-1]
		s.silence = max(s.silence, at-max(w.answered, s.from))
	}
}

// notes say what callers saw, a line for each fault.
func (w *witness) notes(of string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var notes []string
	for _, s := range w.seen {
		notes = append(notes, of+", "+s.String())
	}
	return notes
}

// String is one sight in words, the worst first.
func (s *sight) String() string {
	lasted := "which had not ended when the turn did"
	if s.until != 0 {
		lasted = briefly(s.until - s.from)
	}
	said := []string{fmt.Sprintf("%s (%s): nobody was answered for %s", s.what, lasted, briefly(s.silence))}
	switch failed := total(s.failed); {
	case failed == 0:
		said = append(said, fmt.Sprintf("none of %d checks failed", s.answered))
	default:
		said = append(said, fmt.Sprintf("%d of %d checks failed (%s), the first %s after it began",
			failed, failed+s.answered, classes(s.failed), briefly(s.firstFailed)))
	}
	switch {
	case s.until == 0:
	case s.again == 0:
		said = append(said, "no answer after its end")
	default:
		said = append(said, fmt.Sprintf("an answer %s after its end", briefly(s.again-s.until)))
	}
	return strings.Join(append(said, "slowest check "+briefly(s.slowest)), "; ")
}

func total(counts map[string]int) int {
	all := 0
	for _, n := range counts {
		all += n
	}
	return all
}

// classes lists errors by their names.
func classes(counts map[string]int) string {
	var all []string
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d %s", counts[class], class))
	}
	return strings.Join(all, ", ")
}

// briefly is a duration with three digits, for people.
func briefly(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
