package denylist

import (
	"fmt"
	"hash/maphash"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
)

// The model explores what may happen to a mirror, in every order: an abstract
// Redis that is written to, trims its log, is cut off, comes back, and forgets;
// a clock that ticks, and one that stands still while the machine sleeps; the
// steps of a load, of reads, and of a check. What decides is the mirror's own
// code: indexCursor, mirrorProtocol (with look.records) and notOlder.
//
// Two things must hold when a check says "nothing denies this": the entry that
// it is about was not acknowledged before the instant that the answer claims
// to be complete as of; and not longer ago than MaxStaleness.

const (
	modelEntries  = 3 // sessions, the first of which is checked
	modelWrites   = 2 // beside those that were there before the model begins
	modelTicks    = 3
	modelMost     = 1 // ticks: MaxStaleness
	modelSleep    = 2 // ticks
	modelRestarts = 1
	modelCuts     = 1
	modelPage     = 2
	modelRecords  = modelEntries + modelWrites + 1
)

// What a mirror that is asked does, and what a read is for.
const (
	toMark = iota + 1
	toPage
	toRead
)

// modelRecord is a record of the log: an entry and what became of it.
type modelRecord struct {
	entry      int8
	reinstated bool
}

// world is a state. It is comparable, and copied by assignment.
type world struct {
	real, slept int8 // ticks; of which the machine slept so many
	sleptAt     int8

	// Redis.
	epoch, seq, first int8                      // first: of the log
	start             int8                      // ids are numbers behind it: they never go back
	log               [modelRecords]modelRecord // by sequence number
	entries           uint8
	up                bool
	writes            int8
	restarts, cuts    int8

	acked   bool // the first entry is revoked, and that was acknowledged
	ackedAt int8

	// The mirror.
	begins    int8 // what a load reads first
	phase     int8 // what it reads next
	at        modelMark
	table     uint8
	from      int16 // of the cursor
	width     int8
	last      int8 // -1: none
	ties      int8
	hasView   bool
	viewAt    int8
	viewCover bool // whether that was so when its proof was sent

	// What is under way to Redis and back.
	stage     int8 // 0 none, 1 sent, 2 Redis read meta, 3 Redis read the rest
	sentAt    int8
	sentCover bool
	seen      modelSeen

	// A check.
	step       int8 // 0 none
	checkAt    int8 // the stamp it read
	checkCover bool
	checkClock int8 // where it reads the clock first
	retired    bool // its table is no longer the mirror's
	frozen     uint8
	passes     bool
}

type modelMark struct{ epoch, seq, id int8 }

// modelSeen is what Redis answered.
type modelSeen struct {
	epoch, seq int8
	page       uint8 // of the index
	first, end int8  // records with numbers from first up to end
	start      int8
	log        [modelRecords]modelRecord
}

// protocol is how the mirror goes about it; the zero one as it should.
type protocol struct {
	stampsReplies bool // a proof is as of when the reply came
	clockFirst    bool // a check reads the clock before the stamp
	tableFirst    bool // a check reads the table before the stamp
	sleepsThrough bool // age is what the clock counts that sleeps with the machine
	hasty         bool // what the index said is believed before the log was read
	marksLate     bool // where the log stands is read after the index
	scores        bool // no fault: the index is not read by seconds
}

var modelMembers = [modelEntries]string{"s:AAAAAAAAAAAAAAAAAAAAAA", "s:AQEBAQEBAQEBAQEBAQEBAQ", "s:AgICAgICAgICAgICAgICAg"}

// modelScores are their expiries: those of two are a tie.
var modelScores = [modelEntries]float64{5, 9, 9}

// modelTable is the mirror's table: one bit an entry.
type modelTable struct{ bits uint8 }

func bit(k mirrorKey) uint8 { return 1 << k.digest[0] }

func (t *modelTable) put(k mirrorKey, r mirrorRecord) error {
	if r.revoked {
		t.bits |= bit(k)
	}
	return nil
}
func (t *modelTable) resolve(k mirrorKey, r mirrorRecord) error { return t.put(k, r) }
func (t *modelTable) remove(k mirrorKey)                        { t.bits &^= bit(k) }

func modelEpoch(n int8) string { return "epoch " + strconv.Itoa(int(n)) }

func modelID(n int8) string { return strconv.Itoa(1+int(n)) + "-0" }

// message is a record as Redis shows it.
func (s *modelSeen) message(seq int8) redis.XMessage {
	r, revoked := s.log[seq], "+"
	if r.reinstated {
		revoked = "!"
	}
	return redis.XMessage{ID: modelID(s.start + seq), Values: map[string]any{
		"n": strconv.Itoa(int(seq)), "m": modelMembers[r.entry], "r": revoked, "e": absent, "x": "9999999"}}
}

// look is what the mirror's read saw: records behind its mark.
func (s *modelSeen) look(at modelMark) look {
	l := look{}
	if s.epoch > 0 {
		l.meta = meta{schema: schema, epoch: modelEpoch(s.epoch), seq: uint64(s.seq)}
	}
	for seq := s.first; seq < s.end; seq++ {
		if s.start+seq > at.id {
			l.next = append(l.next, s.message(seq))
		} else {
			l.last = []redis.XMessage{s.message(seq)}
		}
	}
	return l
}

func (m modelMark) mark() mark {
	if m.epoch == 0 {
		return mark{seq: uint64(m.seq), id: noRecord}
	}
	id := noRecord
	if m.id >= 0 {
		id = modelID(m.id)
	}
	return mark{epochMark(modelEpoch(m.epoch)), uint64(m.seq), id}
}

// explorer visits every state once.
type explorer struct {
	protocol
	seed    maphash.Seed
	visited map[uint64]struct{}
	stack   []world
	broken  error
}

func (e *explorer) visit(w world) {
	h := maphash.Comparable(e.seed, w)
	if _, known := e.visited[h]; !known {
		e.visited[h] = struct{}{}
		e.stack = append(e.stack, w)
	}
}

// explore returns how many states there are, and the first that must not be.
func explore(how protocol) (states int, broken error) {
	e := &explorer{protocol: how, seed: maphash.MakeSeed(), visited: map[uint64]struct{}{}}
	begins := int8(toMark)
	if how.marksLate {
		begins = toPage
	}
	empty := world{begins: begins, phase: begins, last: -1, up: true, first: 1, sleptAt: -1}
	e.visit(empty)
	// Three entries are there, of which the log has long forgotten.
	old := empty
	old.epoch, old.seq, old.first = 1, modelEntries, modelEntries+1
	old.entries, old.acked = 1<<modelEntries-1, true
	e.visit(old)
	for len(e.stack) > 0 && e.broken == nil {
		w := e.stack[len(e.stack)-1]
		e.stack = e.stack[:len(e.stack)-1]
		e.time(w)
		e.redis(w)
		e.mirror(w)
		e.check(w)
	}
	return len(e.visited), e.broken
}

// time: it ticks, or the machine sleeps.
func (e *explorer) time(w world) {
	if w.real < modelTicks {
		ticked := w
		ticked.real++
		e.visit(ticked)
	}
	if w.slept == 0 && w.real+modelSleep <= modelTicks {
		w.slept = modelSleep
		if e.sleepsThrough {
			w.sleptAt = w.real
		}
		w.real += modelSleep
		e.visit(w)
	}
}

// redis: what others do to it.
func (e *explorer) redis(w world) {
	for i := range int8(modelEntries) {
		if w.writes < modelWrites && w.up {
			e.visit(w.written(modelRecord{entry: i, reinstated: w.entries>>i&1 == 1}))
		}
	}
	if w.first <= w.seq {
		trimmed := w
		trimmed.log[w.first] = modelRecord{}
		trimmed.first++
		e.visit(trimmed)
	}
	if w.up && w.cuts < modelCuts { // every connection is lost
		cut := w
		cut.up = false
		cut.cuts++
		e.visit(cut.failed())
	}
	if !w.up {
		w.up = true
		e.visit(w)
		if w.restarts < modelRestarts {
			e.visit(w.restarted())
		}
	}
}

// written is one write and its acknowledgement.
func (w world) written(r modelRecord) world {
	w.writes++
	if w.epoch == 0 || w.entries == 0 && w.seq == 0 {
		w.epoch = 1 + w.restarts
	}
	w.seq++
	w.log[w.seq] = r
	if r.reinstated {
		w.entries &^= 1 << r.entry
		if r.entry == 0 {
			w = w.excuse()
		}
		return w
	}
	w.entries |= 1 << r.entry
	if r.entry == 0 {
		w.acked, w.ackedAt = true, w.real
	}
	return w
}

// restarted has forgotten everything, for which no mirror answers.
func (w world) restarted() world {
	w.restarts++
	w.start += w.seq
	w.epoch, w.seq, w.first, w.entries = 0, 0, 1, 0
	w.log = [modelRecords]modelRecord{}
	return w.excuse()
}

// excuse: the first entry need not be denied any more.
func (w world) excuse() world {
	w.acked, w.ackedAt = false, 0
	w.viewCover, w.sentCover, w.checkCover = false, false, false
	return w
}

// TestR15_MirrorModel explores the protocol as it is, with an index that is read
// by seconds, and by scores.
func TestR15_MirrorModel(t *testing.T) {
	t.Parallel()
	for _, how := range []protocol{{}, {scores: true}} {
		t.Run(fmt.Sprintf("%+v", how), func(t *testing.T) {
			t.Parallel()
			states, broken := explore(how)
			assert.NoError(t, broken)
			assert.Greater(t, states, 1_000_000)
			t.Logf("%d states", states)
		})
	}
}

// TestR15_MirrorModelFindsFaults: a protocol with any of these faults is found
// out, so the model would have found them here.
func TestR15_MirrorModelFindsFaults(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]protocol{
		"stamps replies":             {stampsReplies: true},
		"reads the clock first":      {clockFirst: true},
		"reads the table first":      {tableFirst: true},
		"sleeps with the machine":    {sleepsThrough: true},
		"answers before it has read": {hasty: true},
		"notes the log too late":     {marksLate: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, broken := explore(how)
			assert.Error(t, broken, "%d states", states)
			t.Logf("after %d states: %v", states, broken)
		})
	}
}
