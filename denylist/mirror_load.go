package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// loadPage is how many members of the index one page reads: some
	// milliseconds of Redis.
	loadPage = 10_000
	// loadWide is how many entries with a cutoff one command reads.
	loadWide = 1000
	// entryBytes is the most that an entry of a table costs.
	entryBytes = 28
)

// mirrorLoad is a load under way.
type mirrorLoad struct {
	*Mirror
	proto *mirrorProtocol
	table *mirrorTable
	begun time.Time
	size  int64 // members of the index when it began
	read  int64
	told  time.Time
}

// load reads the whole denylist: where the log stands, then the index, then
// the log from there. It returns a table that is complete.
func (m *Mirror) load(ctx context.Context) (*mirrorLoad, error) {
	if err := m.readClock(ctx); err != nil {
		return nil, err
	}
	begun := m.opts.Now()
	at, err := m.start(ctx)
	if err != nil {
		return nil, err
	}
	if m.kept != nil && m.kept.proto.marks.lost(at) {
		m.forget(m.kept)
	}
	l := &mirrorLoad{Mirror: m, proto: newMirrorProtocol(at), begun: begun}
	if l.size, err = m.indexed(ctx); err != nil {
		return nil, err
	}
	if l.size > m.room()/entryBytes {
		m.drop() // there is no room for both
	}
	l.table = newMirrorTable(m.room(), m.heardClock)
	if l.size < m.room()/entryBytes { // else the shards would not share alike
		l.table.expect(int(l.size))
	}
	m.sink.table = l.table
	for p := range at {
		if err := l.readIndex(ctx, p); err != nil {
			return l, err
		}
	}
	l.progress(ctx, true)
	return l, l.catchUp(ctx)
}

// start is where the log stands. Of a denylist that nobody has written to yet it
// has the settings put on record first: another server might start with others,
// and its barriers would not wait for this mirror (R16).
func (m *Mirror) start(ctx context.Context) (marks, error) {
	at, err := m.newest(ctx)
	if err != nil {
		return nil, err
	}
	empty := false
	for p := range at {
		if at[p].epoch != "" {
			continue
		}
		empty = true
		if err := m.heal(ctx, p, at[p], nil); err != nil {
			return nil, err
		}
	}
	if !empty {
		return at, nil
	}
	return m.newest(ctx)
}

// catchUp reads the log until the table is complete.
func (l *mirrorLoad) catchUp(ctx context.Context) error {
	for {
		more, err := l.Mirror.read(ctx, l.proto, l.sink)
		if err != nil {
			return err
		}
		if _, complete := l.proto.since(); complete {
			return nil
		}
		if !more {
			return errors.New("a log that ends before its number")
		}
	}
}

// indexed is how many members the index has, those that have expired included.
func (m *Mirror) indexed(ctx context.Context) (sum int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Redis.opts.WriteTimeout)
	defer cancel()
	for p := range m.keys.partitions() {
		n, err := m.client.ZCard(ctx, m.keys.index(p)).Result()
		if err != nil {
			return 0, because(ctx, err)
		}
		sum += n
	}
	return sum, nil
}

// readIndex enters what a partition's index names. What has expired is left
// out.
func (l *mirrorLoad) readIndex(ctx context.Context, p int) error {
	cursor := &indexCursor{page: loadPage, from: l.heard.Load()}
	next := l.page(ctx, p, cursor)
	for {
		page := <-next
		if page.err != nil {
			return page.err
		}
		if !page.end { // Redis reads the next one while this one is entered
			next = l.page(ctx, p, cursor)
		}
		if err := l.enter(ctx, p, page); err != nil {
			if !page.end {
				<-next
			}
			return err
		}
		if page.end {
			return nil
		}
		l.progress(ctx, false)
	}
}

// indexPage is what a page of the index has that was not read before.
type indexPage struct {
	members []redis.Z
	seconds []indexSecond
	end     bool
	err     error
}

// page reads the cursor's next page. Until it has come the cursor is its.
func (l *mirrorLoad) page(ctx context.Context, p int, cursor *indexCursor) <-chan indexPage {
	came := make(chan indexPage, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, l.Redis.opts.WriteTimeout)
		defer cancel()
		page := l.readPage(ctx, p, cursor)
		if page.err != nil {
			page.err = because(ctx, page.err)
		}
		came <- page
	}()
	return came
}

func (l *mirrorLoad) readPage(ctx context.Context, p int, cursor *indexCursor) (page indexPage) {
	queries := cursor.query(l.keys.index(p))
	if cursor.width == 0 {
		var read []redis.Z
		if read, page.err = l.client.ZRangeArgsWithScores(ctx, queries[0]).Result(); page.err == nil {
			page.members, page.end = cursor.take(read)
		}
		return page
	}
	pipe := l.client.Pipeline()
	replies := make([]*redis.StringSliceCmd, len(queries))
	for i, q := range queries {
		replies[i] = pipe.ZRangeArgs(ctx, q)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	read := make([][]string, len(replies))
	for i, reply := range replies {
		if read[i], page.err = reply.Result(); page.err != nil {
			return page
		}
	}
	page.seconds = cursor.takeSeconds(read)
	return page
}

// enter enters members of the index, and then the cutoffs of those that have
// one.
func (l *mirrorLoad) enter(ctx context.Context, p int, page indexPage) error {
	var wide []place
	for _, z := range page.members {
		at, err := indexPosition(z)
		if err == nil {
			wide, err = l.enterMember(p, at.member, at.expires, wide)
		}
		if err != nil {
			return err
		}
	}
	for _, second := range page.seconds {
		for _, member := range second.members {
			var err error
			if wide, err = l.enterMember(p, member, second.expires, wide); err != nil {
				return err
			}
		}
	}
	for len(wide) > 0 {
		n := min(len(wide), loadWide)
		if err := l.enterWide(ctx, wide[:n]); err != nil {
			return err
		}
		wide = wide[n:]
	}
	return nil
}

// enterMember enters a member of the index. Of a session that is all: it has a
// revoked half and no other. What a token's entry denies the index does not say:
// until somebody is asked about it, it is unresolved.
func (l *mirrorLoad) enterMember(p int, member string, expires int64, wide []place) ([]place, error) {
	if !validMember(member) {
		return nil, fmt.Errorf("%w in the index: %.120q", errForeign, member)
	}
	key, err := mirrorKeyOf(member)
	if err != nil {
		return nil, fmt.Errorf("%w in the index: %.40q", err, member)
	}
	l.read++
	if key.scope.Wide() {
		wide = append(wide, place{key.scope, p, l.keys.memberKey(p, member)})
	}
	whole := key.scope == ScopeSession
	return wide, l.table.put(key, mirrorRecord{revoked: whole, unresolved: !whole, expiresAt: atMillis(expires)})
}

// enterWide reads cutoffs. An entry that cannot be read stays unresolved: a
// check that meets it asks Redis, and cannot tell either.
func (l *mirrorLoad) enterWide(ctx context.Context, wide []place) error {
	ctx, cancel := context.WithTimeout(ctx, l.Redis.opts.WriteTimeout)
	defer cancel()
	found, err := l.Redis.read(ctx, wide)
	if err != nil && !errors.Is(err, errForeign) {
		return because(ctx, err)
	}
	for _, e := range found {
		if err := l.table.resolve(mirrorKeyFor(e), recordOf(e)); err != nil {
			return err
		}
	}
	return nil
}

// recordOf is an entry as a table takes it.
func recordOf(e Entry) mirrorRecord {
	r := mirrorRecord{expiresAt: e.ExpiresAt}
	if e.Revoked != nil {
		r.revoked, r.cutoff = true, e.Revoked.Cutoff
	}
	if e.Rotated != nil {
		r.effectiveFrom = e.Rotated.EffectiveFrom
	}
	return r
}

// progress tells how far the load is, ten times a second at most.
func (l *mirrorLoad) progress(ctx context.Context, end bool) {
	now := l.opts.Now()
	if l.opts.OnProgress == nil || !end && now.Sub(l.told) < 100*time.Millisecond {
		return
	}
	l.told = now
	p := MirrorProgress{Entries: l.read, Share: 1}
	if l.size > l.read && !end {
		p.Share = float64(l.read) / float64(l.size)
		p.Left = time.Duration(float64(now.Sub(l.begun)) * (1 - p.Share) / max(p.Share, 1e-6))
	}
	l.tell(ctx, mirrorEvent{progress: &p})
}
