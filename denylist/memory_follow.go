package denylist

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	maxLogged = 1024 // changes that a Memory remembers
	maxTold   = 128  // of them, that are looked up at once
)

// changeLog is the last changes of a Memory, whose lock guards it. Change n is
// ring[(n-1)%maxLogged].
type changeLog struct {
	epoch string // no other Memory has the same
	seq   uint64 // of the newest change
	ring  []logged
	next  chan struct{} // closed by the next change; nil: nobody waits for it
}

// logged is one change: the entry after it, which nobody writes to.
type logged struct {
	at         time.Time
	entry      *Entry // without halves: it is gone
	reinstated bool
}

func newChangeLog() changeLog { return changeLog{epoch: rand.Text()} }

// add notes a change. Where nobody follows, that is all.
func (l *changeLog) add(c logged) {
	if len(l.ring) < maxLogged {
		l.ring = append(l.ring, c)
	} else {
		l.ring[l.seq%maxLogged] = c
	}
	l.seq++
	if l.next != nil {
		close(l.next)
		l.next = nil
	}
}

func (l *changeLog) position(seq uint64) string { return l.epoch + "." + strconv.FormatUint(seq, 10) }

// seqOf is the inverse of position.
func (l *changeLog) seqOf(position string) (uint64, error) {
	epoch, number, _ := strings.Cut(position, ".")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || epoch != l.epoch || seq > l.seq {
		return 0, fmt.Errorf("%w: not a position of this store", ErrGap)
	}
	return seq, nil
}

// Position implements [Follower].
func (m *Memory) Position(ctx context.Context) (string, error) {
	if err := interrupted(ctx); err != nil {
		return "", err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.log.position(m.log.seq), nil
}

// Follow implements [Follower]. The last 1024 changes are remembered.
func (m *Memory) Follow(ctx context.Context, after string, fn func(Change) error) error {
	if after == "" {
		var err error
		if after, err = m.Position(ctx); err != nil {
			return err
		}
	}
	for {
		changes, next, err := m.changesAfter(after)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := interrupted(ctx); err != nil {
				return err
			}
			if err := fn(c); err != nil {
				return err
			}
			after = c.Position
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx)
		case <-next:
		}
	}
}

// changesAfter returns the first changes after a position, and a channel that
// is closed when there are more.
func (m *Memory) changesAfter(position string) ([]Change, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.log
	seq, err := l.seqOf(position)
	if err != nil {
		return nil, nil, err
	}
	if l.seq-seq > uint64(len(l.ring)) {
		return nil, nil, fmt.Errorf("%w: more than %d of them", ErrGap, maxLogged)
	}
	var changes []Change
	now := m.clock()
	for seq < l.seq && len(changes) < maxTold {
		c := m.change(l.ring[seq%maxLogged], now)
		seq++
		c.Position = l.position(seq)
		changes = append(changes, c)
	}
	if seq < l.seq {
		more := make(chan struct{})
		close(more)
		return changes, more, nil
	}
	if l.next == nil {
		l.next = make(chan struct{})
	}
	return changes, l.next, nil
}

// change is a change as it is told.
func (m *Memory) change(l logged, now time.Time) Change {
	e := l.entry
	c := Change{
		At: l.at, Scope: e.Scope, Digest: digest(e.Issuer, e.ID),
		Revoked: e.Revoked != nil, Reinstated: l.reinstated, ExpiresAt: e.ExpiresAt,
	}
	if e.Revoked != nil {
		c.Cutoff = e.Revoked.Cutoff
	}
	if e.Rotated != nil {
		c.EffectiveFrom = e.Rotated.EffectiveFrom
	}
	if live, ok := m.entries[e.Scope].get(name{e.Issuer, e.ID}, now); ok {
		own := live.clone()
		c.Entry = &own
	}
	return c
}
