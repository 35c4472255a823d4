package denylist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// straight is how many checks at once go to Redis each on its own: to wait for
// one another would cost them more than it saves.
const straight = 2

// gatherings is how often those who come are waited for before a take-off.
const gatherings = 4

// flights are the shared round trips to one partition. Checks that begin while
// one is under way travel together in the next: Redis and the kernel are paid
// by the command, not by the key. A check boards only what has not taken off
// yet, so that what it is answered was asked after it began (R16).
//
// A goroutine flies as long as somebody waits, and ends. The one that took off
// last leads: it takes those who wait. One that was stuck ends when it lands.
type flights struct {
	ask func(*flight) // fills in what Redis answered
	now func() int64  // nanoseconds on the monotonic clock

	most   int           // goroutines under way: a Redis that hangs is not asked by ever more
	batch  int           // keys of a flight: what else Redis has to do waits for it
	window time.Duration // how long those who wait rely on the flight under way

	mu       sync.Mutex
	waiting  []*flight // in order; only the last may have room
	aloft    int       // goroutines under way
	lead     int       // the number of the one that leads; 0: none
	flown    int       // the highest number given
	since    int64     // when the leading one last took off
	timer    *time.Timer
	watching bool // the timer runs
}

// newFlights are those of each partition of a store.
func newFlights(r *Redis) []*flights {
	all := make([]*flights, r.keys.partitions())
	for p := range all {
		all[p] = &flights{
			ask: func(f *flight) { r.fly(p, f) }, now: r.authority.now,
			most: r.opts.CheckFlights, batch: r.opts.CheckBatch, window: r.opts.CheckWindow,
		}
	}
	return all
}

// errPanic: the client, or a hook of it, panicked where checks share a round
// trip. A check that goes alone panics like any other call of the client.
var errPanic = errors.New("redis client panicked")

// flight is one command with the questions of many. Whoever leaves early
// leaves its question behind: nothing of a flight is ever used again.
type flight struct {
	asked  [][]place
	keys   int    // in asked
	issuer string // the key of the issuer that was asked for last
	at     int    // where that is; most ask for the same
	aboard int    // who has not left, until it takes off

	landed chan struct{} // closed when there are values and err
	values []any         // of all keys, in their order; or nil
	err    error         // everybody's; there may be values too
	told   confirmation  // instead of values: see Mirror.confirm
}

// seat is a question aboard a flight.
type seat struct {
	*flight
	of     *flights
	places []place
	first  int // of its keys: all of them but the issuer's follow
	wide   int // where the issuer's is; -1: not asked for
}

// board asks for the values in places of the partition; or, of none, for what
// all who are aboard ask for.
func (s *flights) board(places []place, now int64) seat {
	s.mu.Lock()
	f := s.boarding(max(len(places), 1))
	to := f.take(places)
	number := s.takeOff(now)
	s.watch()
	s.mu.Unlock()
	if number != 0 {
		go s.fly(number)
	}
	to.of = s
	return to
}

// take adds a question. The issuer's place, which is the last, is asked for
// once for all tokens of the issuer.
func (f *flight) take(places []place) seat {
	to := seat{flight: f, places: places, first: f.keys, wide: -1}
	f.aboard++
	if len(places) == 0 {
		f.keys++ // as gather counts
		return to
	}
	last := len(places) - 1
	if places[last].scope == ScopeIssuer && places[last].key == f.issuer {
		places, to.wide = places[:last], f.at
	} else if places[last].scope == ScopeIssuer {
		to.wide = f.keys + last
		f.issuer, f.at = places[last].key, to.wide
	}
	f.asked = append(f.asked, places)
	f.keys += len(places)
	return to
}

// boarding is the flight that has room for so many keys.
func (s *flights) boarding(keys int) *flight {
	if n := len(s.waiting); n > 0 && s.waiting[n-1].keys+keys <= s.batch {
		return s.waiting[n-1]
	}
	f := &flight{landed: make(chan struct{})}
	s.waiting = append(s.waiting, f)
	return f
}

// takeOff returns the number of a goroutine that is to fly now; 0: none, since
// one leads that will soon be back.
func (s *flights) takeOff(now int64) int {
	if s.lead != 0 && now-s.since < int64(s.window) || s.aloft == s.most {
		return 0
	}
	s.aloft++
	s.flown++
	s.lead, s.since = s.flown, now
	return s.lead
}

// fly takes those who wait, flight by flight, until there are none or another
// leads. Where a hook ends the goroutine, another goes on: its number would be
// under way for ever.
func (s *flights) fly(number int) {
	ended := false
	defer func() {
		if !ended {
			go s.fly(number)
		}
	}()
	for f := s.next(number); f != nil; f = s.next(number) {
		s.carry(f)
		s.gather()
	}
	ended = true
}

// gather lets those who got their answers ask again before the next flight
// takes off, so that they need not wait for the one after it: a round trip
// costs as much as some thirty checks aboard. It yields as long as that brings
// somebody, and a few times at most: behind other work a turn takes its time.
func (s *flights) gather() {
	for turn, before := 0, 0; turn < gatherings; turn++ {
		runtime.Gosched()
		now := s.asking()
		if now == before {
			return
		}
		before = now
	}
}

// asking is how many keys those who wait ask for.
func (s *flights) asking() (keys int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.waiting {
		keys += f.keys
	}
	return keys
}

// carry has a flight asked and lands it, whatever becomes of it. What a hook of
// the client's owner panics with is an error of all who are aboard: none of
// them could recover from it here, where it would end the process.
func (s *flights) carry(f *flight) {
	defer close(f.landed)
	defer func() {
		if cause := recover(); cause != nil {
			f.values, f.err = nil, fmt.Errorf("%w: %.200v", errPanic, cause)
		}
	}()
	s.ask(f)
}

// next is the flight that takes off; nil: none.
func (s *flights) next(number int) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lead == number && len(s.waiting) > 0 {
		f := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		s.since = s.now()
		return f
	}
	if s.lead == number {
		s.lead = 0
	}
	s.aloft--
	s.watch()
	return nil
}

// watch has rescue called while somebody waits who could take off.
func (s *flights) watch() {
	switch {
	case s.watching || len(s.waiting) == 0 || s.aloft == s.most:
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(s.window, s.rescue)
	default:
		s.timer.Reset(s.window)
	}
	s.watching = true
}

// rescue takes those who wait behind a flight that is stuck, where nobody else
// comes and does.
func (s *flights) rescue() {
	s.mu.Lock()
	s.watching = false
	number := 0
	if len(s.waiting) > 0 {
		number = s.takeOff(s.now())
	}
	s.watch()
	s.mu.Unlock()
	if number != 0 {
		s.fly(number)
	}
}

// entries waits for the flight to land, or for the end of the caller's time,
// and returns those in the seat's places.
func (s seat) entries(ctx context.Context, end *deadline) ([]Entry, error) {
	if !s.wait(ctx, end) {
		s.leave()
		return nil, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	if s.values == nil {
		return nil, cmp.Or(s.err, errReply)
	}
	own, err := s.places, s.err
	if s.wide >= 0 {
		own = s.places[:len(s.places)-1]
	}
	found, err := entriesIn(own, s.values[s.first:][:len(own)], err)
	if s.wide < 0 {
		return found, err
	}
	more, err := entriesIn(s.places[len(own):], s.values[s.wide:][:1], err)
	return append(found, more...), err
}

// wait reports whether the flight has landed.
func (s seat) wait(ctx context.Context, end *deadline) bool {
	select {
	case <-s.landed:
		return true
	case <-ctx.Done():
	case <-end.done:
	}
	select {
	case <-s.landed: // an answer that is there counts
		return true
	default:
		return false
	}
}

// leave gives a seat up. A flight that nobody waits for does not take off.
func (s seat) leave() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.aboard--; s.aboard > 0 {
		return
	}
	if i := slices.Index(s.of.waiting, s.flight); i >= 0 {
		s.of.waiting = slices.Delete(s.of.waiting, i, i+1)
	}
}
