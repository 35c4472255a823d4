package denylist

import (
	"context"
	"time"
)

// clockLife is how long a reading of Redis's clock serves.
const clockLife = 10 * time.Second

// readClock reads Redis's clock. The mirror's is late by the skew margin: no
// master's is behind it, and what has expired by it has for everybody.
func (m *Mirror) readClock(ctx context.Context) error {
	now, err := m.Now(ctx)
	if err != nil {
		return err
	}
	m.heard.Store(millis(now.Add(-m.Redis.opts.SkewMargin)))
	m.sink.clockRead = m.opts.Now()
	return nil
}

// heardAt is what that clock read when something was read.
func (m *Mirror) heardAt(read time.Time) time.Time {
	return m.heardClock().Add(read.Sub(m.sink.clockRead))
}

// heardClock is the clock by which entries expire here.
func (m *Mirror) heardClock() time.Time { return atMillis(m.heard.Load()) }

// room is how many bytes the next table may have.
func (m *Mirror) room() int64 {
	used := m.former.bytes()
	if m.kept != nil {
		used += m.kept.table.bytes()
	}
	return max(m.opts.MaxBytes-used, 1)
}

// mirrorEntries is where Run enters what it reads. It is Run's alone.
type mirrorEntries struct {
	mirror    *Mirror
	table     *mirrorTable
	clockRead time.Time
}

var _ mirrorSink = mirrorEntries{}

func (s mirrorEntries) put(k mirrorKey, r mirrorRecord) error {
	return s.make(func() error { return s.table.put(k, r) })
}

func (s mirrorEntries) resolve(k mirrorKey, r mirrorRecord) error {
	return s.make(func() error { return s.table.resolve(k, r) })
}

// make makes room by forgetting what has expired, if there is none.
func (s mirrorEntries) make(enter func() error) error {
	err := enter()
	if err == nil || s.table.purge(s.mirror.heardClock(), int(^uint(0)>>1)) == 0 {
		return err
	}
	return enter()
}

// remove takes back what was reinstated, here and in what Redis once forgot.
func (s mirrorEntries) remove(k mirrorKey) {
	notes := &s.mirror.notes
	notes.mu.Lock()
	defer notes.mu.Unlock()
	notes.removed++
	s.table.remove(k)
	s.mirror.removeFormer(k)
}
