package denylist

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// mirror: a read is sent, reaches Redis, and is answered.
func (e *explorer) mirror(w world) {
	if !w.up {
		return
	}
	switch w.stage {
	case 0:
		w.stage, w.sentAt, w.sentCover = 1, w.real, w.acked
		e.visit(w)
		if w.hasView {
			e.hint(w)
		}
	case 1:
		w.stage, w.seen = 2, modelSeen{epoch: w.epoch, seq: w.seq}
		switch w.phase {
		case toPage:
			w.stage, w.seen = 3, modelSeen{page: e.page(w)}
		case toMark:
			w.stage = 3
			w.seen.read(w)
		}
		e.visit(w)
	case 2:
		w.stage = 3
		w.seen.read(w)
		e.visit(w)
	case 3:
		e.visit(e.answered(w))
	}
}

// read is when Redis reads its log.
func (s *modelSeen) read(w world) {
	s.first, s.end, s.start, s.log = w.first, w.seq+1, w.start, w.log
}

// hint: records come by themselves, whatever has become of Redis since.
func (e *explorer) hint(w world) {
	w.stage, w.sentAt, w.sentCover = 0, 0, false
	seen := modelSeen{first: w.first, end: w.seq + 1, start: w.start, log: w.log}
	table := modelTable{w.table}
	proto := newMirrorProtocol(marks{w.at.mark()})
	if err := proto.hint(0, seen.look(w.at), &table); err != nil {
		e.broken = err
	}
	w.table = table.bits
	e.visit(w)
}

// page is what Redis shows of the index, where the cursor is.
func (e *explorer) page(w world) (page uint8) {
	var index fakeIndex
	for i := range modelEntries {
		if w.entries>>i&1 == 1 {
			index = append(index, modelIndexed(i))
		}
	}
	for _, query := range e.cursor(w).query("") {
		for _, z := range index.selected(query) {
			page |= 1 << slices.Index(modelMembers[:], z.Member.(string))
		}
	}
	return page
}

func modelIndexed(entry int) redis.Z {
	return redis.Z{Score: modelScores[entry], Member: modelMembers[entry]}
}

func (e *explorer) cursor(w world) *indexCursor {
	c := &indexCursor{page: modelPage, from: int64(w.from), width: int(w.width), ties: int(w.ties)}
	if e.scores {
		c.until = maxMillis
	}
	if w.last >= 0 {
		c.last = modelIndexed(int(w.last))
	}
	return c
}

// answered: the mirror hears what Redis saw.
func (e *explorer) answered(w world) world {
	seen := w.seen
	switch w.phase {
	case toMark:
		w = w.marked(seen)
		if e.marksLate {
			w.phase = toRead
		}
	case toPage:
		w = e.paged(w, seen)
	default:
		w = e.heard(w, seen)
	}
	w.stage, w.seen, w.sentAt, w.sentCover = 0, modelSeen{}, 0, false
	return w
}

// marked notes where the log stands, as newestOf does.
func (w world) marked(seen modelSeen) world {
	w.phase, w.at = toPage, modelMark{seen.epoch, seen.seq, -1}
	if seen.epoch == 0 {
		w.at = modelMark{id: -1}
	} else if seen.end > seen.first {
		w.at.seq, w.at.id = seen.end-1, seen.start+seen.end-1
	}
	return w
}

func (e *explorer) paged(w world, seen modelSeen) world {
	var page []redis.Z
	var members []string
	for i := range modelEntries {
		if seen.page>>i&1 == 1 {
			page = append(page, modelIndexed(i))
			members = append(members, modelMembers[i])
		}
	}
	c, end := e.cursor(w), false
	enter := func(member string) {
		key, _ := mirrorKeyOf(member)
		w.table |= bit(key)
	}
	if c.width > 0 { // of which there is but one here
		for _, s := range c.takeSeconds([][]string{members}) {
			for _, member := range s.members {
				enter(member)
			}
		}
	} else {
		var news []redis.Z
		news, end = c.take(page)
		for _, z := range news {
			enter(z.Member.(string))
		}
	}
	w.from, w.width, w.ties, w.last = int16(c.from), int8(c.width), int8(c.ties), -1
	for i, member := range modelMembers {
		if c.last.Member == member {
			w.last = int8(i)
		}
	}
	if !end {
		return w
	}
	w = w.rewound()
	w.phase = toRead
	if e.marksLate {
		w.phase = toMark
	}
	if e.hasty {
		w.hasView, w.viewAt, w.viewCover = true, w.sentAt, w.sentCover
	}
	return w
}

// heard is a read of the log.
func (e *explorer) heard(w world, seen modelSeen) world {
	if e.stampsReplies {
		w.sentAt, w.sentCover = w.real, w.acked
	}
	table := modelTable{w.table}
	proto := newMirrorProtocol(marks{w.at.mark()})
	err := proto.heard(0, seen.look(w.at), time.Unix(int64(w.sentAt), 0), &table)
	switch {
	case errors.Is(err, ErrGap):
		return w.reload()
	case err != nil:
		e.broken = err
		return w
	}
	w.table = table.bits
	if at := proto.marks[0]; at.id != w.at.mark().id {
		w.at = modelMark{seen.epoch, int8(at.seq), seen.start + int8(at.seq)}
	}
	if _, complete := proto.since(); complete {
		w.hasView, w.viewAt, w.viewCover = true, w.sentAt, w.sentCover
	}
	return w
}

// failed: what was under way is lost. A load begins again, what follows asks
// again.
func (w world) failed() world {
	w.stage, w.seen, w.sentAt, w.sentCover = 0, modelSeen{}, 0, false
	if !w.hasView {
		return w.reload()
	}
	return w
}

// reload gives up the table. A check that has it goes on with it as it is.
func (w world) reload() world {
	if w.step > 0 && !w.retired {
		w.retired, w.frozen = true, w.table
	}
	w = w.rewound()
	w.phase, w.at, w.table = w.begins, modelMark{}, 0
	w.hasView, w.viewAt, w.viewCover = false, 0, false
	return w
}

// rewound has a cursor that begins.
func (w world) rewound() world {
	w.from, w.width, w.last, w.ties = 0, 0, -1, 0
	return w
}

// check: somebody asks about the first entry.
func (e *explorer) check(w world) {
	switch {
	case w.step == 0 && !w.hasView:
		return // Redis is asked
	case w.step == 0:
		w.step = 1
		if e.clockFirst {
			w.checkClock = w.real
		}
		if e.tableFirst {
			w.passes = w.table&1 == 0
			break
		}
		w.checkAt, w.checkCover = w.viewAt, w.viewCover
	case w.step == 1:
		w.step = 2
		if !e.tableFirst {
			table := w.table
			if w.retired {
				table = w.frozen
			}
			w.passes = table&1 == 0
		} else if w.hasView {
			w.checkAt, w.checkCover = w.viewAt, w.viewCover
		} else {
			w.passes = false
		}
	case w.step == 2:
		w = e.decide(w)
	}
	e.visit(w)
}

// decide reads the clock.
func (e *explorer) decide(w world) world {
	clock := w.real
	if e.clockFirst {
		clock = w.checkClock
	}
	age := clock - w.checkAt
	if e.sleepsThrough && w.slept > 0 && w.checkAt <= w.sleptAt && clock > w.sleptAt {
		age -= w.slept
	}
	if w.passes && notOlder(time.Duration(age), modelMost) {
		switch {
		case w.checkCover:
			e.broken = fmt.Errorf("allowed, though it was acknowledged before the stamp: %+v", w)
		case w.acked && w.real-w.ackedAt > modelMost:
			e.broken = fmt.Errorf("allowed %d ticks after it was acknowledged: %+v", w.real-w.ackedAt, w)
		}
	}
	w.step, w.checkAt, w.checkCover, w.checkClock, w.retired, w.frozen, w.passes = 0, 0, false, 0, false, 0, false
	return w
}
