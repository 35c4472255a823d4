package scenario

import (
	"fmt"
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
	spoken      time.Duration // when that was over
	unbroken    bool          // it was not: something else began, or the turn ended
	slowest     time.Duration
}

// begin begins a fault.
func (w *witness) begin(what string, from time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breakOff(from)
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
		s.hush(w.answered, ended)
		w.answered = max(w.answered, ended)
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

// hush notes that nobody was answered between two instants.
func (s *sight) hush(answered, again time.Duration) {
	if silence := again - max(answered, s.from); silence > s.silence {
		s.silence, s.spoken, s.unbroken = silence, again, false
	}
}

// breakOff ends the last sight: whoever waits for an answer still has waited so
// long.
func (w *witness) breakOff(at time.Duration) {
	if len(w.seen) == 0 {
		return
	}
	s := w.seen[len(w.seen)-1]
	before := s.spoken
	if s.hush(w.answered, at); s.spoken != before {
		s.unbroken = at-max(w.answered, s.from) >= noticed
	}
}

// close ends the turn.
func (w *witness) close(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breakOff(at)
}

// count is how many operations of all faults were of a class.
func (w *witness) count(class string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.seen {
		n += s.failed[class]
	}
	return n
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

// noticed is how long nobody has to be answered for that to be worth a word
// where no check failed.
const noticed = 250 * time.Millisecond

// String is one sight in words.
func (s *sight) String() string {
	said := []string{"no check failed"}
	if len(s.failed) > 0 {
		said[0] = fmt.Sprintf("the first check failed after %s", briefly(s.firstFailed))
	}
	if len(s.failed) > 0 || s.silence >= noticed {
		said = append(said, fmt.Sprintf("nobody was answered for %s%s", briefly(s.silence), s.relative()))
	}
	return s.what + ": " + strings.Join(append(said, "the slowest took "+briefly(s.slowest)), "; ")
}

// relative says when the silence was over.
func (s *sight) relative() string {
	switch late := s.spoken - s.until; {
	case s.until == 0:
		return ", and the turn ended before it did"
	case s.unbroken:
		return ", and that was not over when the next fault, or the end of the turn, came"
	case late < 0:
		return fmt.Sprintf(", until %s before it ended", briefly(-late))
	default:
		return fmt.Sprintf(", until %s after it had ended", briefly(late))
	}
}

// briefly is a duration with three digits, for people.
func briefly(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
