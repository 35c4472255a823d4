package denylist

import (
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// backBatch is how many entries one script gives back: some milliseconds
	// of Redis. Between two of them the log is read.
	backBatch = 500
	// backRest is how long a mirror waits after one that failed.
	backRest = time.Second
)

// giveBack is how far a mirror is with giving back what Redis has forgotten
// (R18). All mirrors of a fleet do; most find that another has been there.
type giveBack struct {
	asOf     time.Time // Redis's clock when what it had was last heard of, or before
	checked  bool      // the log since then has been read, and is whole
	hopeless bool      // it is not: what was reinstated since nobody knows

	next  func() (mirrorKey, bool)
	stop  func()
	batch []mirrorKey // to be given back next
	after time.Time   // not before
	done  time.Time   // when the last of them was; zero: it was not yet
	left  bool        // some are not Redis's, since something else is in their place
}

// due reports whether there is something to be given back at now.
func (b *giveBack) due(now time.Time) bool {
	return b != nil && !b.hopeless && b.done.IsZero() && !now.Before(b.after)
}

// rest stops giving back, for a while: the next batch begins from the beginning.
func (m *Mirror) rest() {
	if b := m.back; b != nil && b.stop != nil {
		b.stop()
		b.next, b.stop, b.batch = nil, nil, nil
	}
}

// giveBack gives back a batch, if there is one. Whatever fails is tried again.
func (m *Mirror) giveBack(ctx context.Context, l *mirrorLoad) {
	b := m.back
	if b == nil {
		return
	}
	if since, _ := l.proto.since(); !b.done.IsZero() && b.done.Before(since) {
		// All of it is in the table by now.
		if !b.left {
			m.showFormer(nil)
		}
		m.back = nil
		return
	}
	now := m.opts.Now()
	if !b.due(now) {
		return
	}
	if err := m.giveBackSome(ctx, l, b); err != nil {
		m.counters.kept.Add(1)
		b.after = now.Add(backRest)
	}
}

func (m *Mirror) giveBackSome(ctx context.Context, l *mirrorLoad, b *giveBack) error {
	if !b.checked {
		whole, err := m.undo(ctx, b.asOf)
		if err != nil {
			return err
		}
		b.checked, b.hopeless = true, !whole
		if b.hopeless {
			return errors.New("the log does not tell what was reinstated")
		}
	}
	m.fill(l, b)
	if len(b.batch) == 0 {
		b.stop()
		b.done = m.opts.Now()
		return nil
	}
	byPartition := map[int][]mirrorKey{}
	for _, key := range b.batch {
		p := m.keys.partition(key.digest[0])
		byPartition[p] = append(byPartition[p], key)
	}
	for p, keys := range byPartition {
		if err := m.heal(ctx, p, l.proto.marks[p], keys); err != nil {
			return err
		}
	}
	b.batch = b.batch[:0]
	return nil
}

// fill finds the next batch: what former tables deny and Redis does not.
func (m *Mirror) fill(l *mirrorLoad, b *giveBack) {
	if b.next == nil {
		b.next, b.stop = iter.Pull(m.formerKeys())
	}
	for len(b.batch) < backBatch {
		key, ok := b.next()
		if !ok {
			return
		}
		has, had := l.table.look(key), m.formerHit(key)
		if had.found() && had.expires > m.heard.Load() && has.merge(had) != has {
			b.batch = append(b.batch, key)
		}
	}
}

// formerKeys are the entries of all former tables.
func (m *Mirror) formerKeys() iter.Seq[mirrorKey] {
	return func(yield func(mirrorKey) bool) {
		for _, table := range m.former {
			for key := range table.all() {
				if !yield(key) {
					return
				}
			}
		}
	}
}

// formerHit is what former tables have of an entry. One that was unresolved
// denied something: it is given back as revoked, which nobody exchanges.
func (m *Mirror) formerHit(key mirrorKey) (had mirrorHit) {
	for _, table := range m.former {
		had = had.merge(table.look(key))
	}
	if had.unresolved && !had.revoked && !key.scope.Wide() {
		had = had.merge(mirrorRecord{revoked: true, expiresAt: atMillis(had.expires)}.hit(key.scope))
	}
	had.unresolved = false
	return had
}

// heal gives entries of a partition back, as of the mark up to which its log
// has been read.
func (m *Mirror) heal(ctx context.Context, p int, at mark, keys []mirrorKey) error {
	ctx, cancel := context.WithTimeout(ctx, m.Redis.opts.WriteTimeout)
	defer cancel()
	names, args := make([]string, 0, len(keys)), []any{at.id}
	for _, key := range keys {
		h := m.formerHit(key)
		if !h.found() {
			continue // reinstated a moment ago
		}
		member := key.member()
		cutoff, effective := absent, absent
		if h.revoked && key.scope.Wide() {
			cutoff = strconv.FormatInt(h.cutoff, 10)
		}
		if h.rotated {
			effective = strconv.FormatInt(h.effective, 10)
		}
		names = append(names, m.keys.memberKey(p, member))
		args = append(args, member, h.expires, flag(h.revoked), cutoff, effective)
	}
	reply, err := m.run(ctx, healScript, p, names, args)
	if err != nil {
		return because(ctx, err)
	}
	if reply.word == "behind" {
		return errors.New("the log has gone on")
	}
	given, err1 := strconv.ParseUint(reply.field(0), 10, 32)
	foreign, err2 := strconv.ParseUint(reply.field(1), 10, 32)
	if err1 != nil || err2 != nil || reply.word != "ok" {
		return errReply
	}
	m.counters.givenBack.Add(given)
	if foreign > 0 {
		m.back.left = true
	}
	return nil
}

// member is the key as the index names it.
func (k mirrorKey) member() string {
	return scopeLetters[k.scope:k.scope+1] + ":" + base64.RawURLEncoding.EncodeToString(k.digest[:])
}

// undo takes back, in the former tables, all that was reinstated since an
// instant. It reports whether the log still tells all of that: it begins with
// the first change of all, or before that instant.
func (m *Mirror) undo(ctx context.Context, since time.Time) (whole bool, err error) {
	for p := range m.keys.partitions() {
		whole, err := m.undoPartition(ctx, p, since)
		if err != nil || !whole {
			return false, err
		}
	}
	return true, nil
}

func (m *Mirror) undoPartition(ctx context.Context, p int, since time.Time) (whole bool, err error) {
	at, first := mark{id: noRecord}, true
	for {
		records, err := m.recordsBehind(ctx, p, at)
		if err != nil {
			return false, err
		}
		for _, rec := range records {
			if first && rec.mark.seq != 1 && rec.at.After(since) {
				return false, nil
			}
			first, at = false, rec.mark
			// What it read of while Redis had it, it need not read of again: the
			// entry may have been revoked since, and that be what was forgotten.
			if !rec.reinstated || !rec.at.After(since) {
				continue
			}
			key, err := mirrorKeyOf(rec.member)
			if err != nil {
				return false, err
			}
			m.removeFormer(key)
		}
		if len(records) < maxRecords {
			return true, nil
		}
	}
}

func (m *Mirror) recordsBehind(ctx context.Context, p int, at mark) ([]logRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Redis.opts.WriteTimeout)
	defer cancel()
	streams, err := m.readLog(ctx, m.client, p, at, -1).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, because(ctx, err)
	}
	var records []logRecord
	for _, stream := range streams {
		for _, message := range stream.Messages {
			rec, err := parseRecord(message)
			if err != nil {
				return nil, err
			}
			records = append(records, rec)
		}
	}
	return records, nil
}
