package scenario

import (
	"slices"
	"sync"

	"github.com/rescindhq/rescind/bench"
)

// told is what a scenario has to say beside its figures.
type told struct {
	mu     sync.Mutex
	notes  []string
	events []bench.Event
}

func (t *told) say(notes ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, notes...)
}

func (t *told) happened(e bench.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

// Notes are what the scenarios have to say in words, once they were measured.
func (s *Stand) Notes() []string {
	var all []string
	for _, t := range s.tellers {
		t.mu.Lock()
		all = append(all, t.notes...)
		t.mu.Unlock()
	}
	return all
}

// Events are what happened while scenarios were measured.
func (s *Stand) Events() []bench.Event {
	var all []bench.Event
	for _, t := range s.tellers {
		t.mu.Lock()
		all = append(all, slices.Clone(t.events)...)
		t.mu.Unlock()
	}
	return all
}
