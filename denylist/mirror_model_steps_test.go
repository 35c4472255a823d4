package denylist

import (
	"errors"
	"fmt"
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
			w.stage, w.seen = 3, modelSeen{page: w.page()}
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
func (w world) page() (page uint8) {
	query := w.cursor().query("", modelPage)
	shown := 0
	for i := range modelEntries {
		if w.entries>>i&1 == 0 || w.last >= 0 && modelScores[i] < modelScores[w.last] {
			continue
		}
		if shown++; shown > int(query.Offset) && shown <= int(query.Offset+query.Count) {
			page |= 1 << i
		}
	}
	return page
}

func (w world) cursor() *indexCursor {
	c := &indexCursor{from: "0", ties: int(w.ties)}
	if w.last >= 0 {
		c.last = redis.Z{Score: modelScores[w.last], Member: modelMembers[w.last]}
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
	for i := range modelEntries {
		if seen.page>>i&1 == 1 {
			page = append(page, redis.Z{Score: modelScores[i], Member: modelMembers[i]})
		}
	}
	c := w.cursor()
	news, end := c.take(page, modelPage)
	for _, z := range news {
		key, _ := mirrorKeyOf(z.Member.(string))
		w.table |= bit(key)
	}
	w.ties, w.last = int8(c.ties), -1
	for i, member := range modelMembers {
		if c.last.Member == member {
			w.last = int8(i)
		}
	}
	if !end {
		return w
	}
	w.phase, w.last, w.ties = toRead, -1, 0
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
