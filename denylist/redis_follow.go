package denylist

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// followEvery is how often the log is read: for people who watch, soon
	// enough, and a write wakes nobody.
	followEvery = 250 * time.Millisecond
	// followBatch is how many records are read at once.
	followBatch = 200
)

// Follow implements [Follower]. It reads the log of each partition a few times
// a second.
func (r *Redis) Follow(ctx context.Context, fn func(Change) error) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	logs := make([]logReader, r.keys.partitions())
	for p := range logs {
		logs[p].partition = p
		if err := r.seekEnd(ctx, &logs[p]); err != nil {
			return unavailable("follow", because(ctx, err))
		}
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		for p := range logs {
			if err := r.drain(ctx, &logs[p], fn); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// logReader is how far a partition's log has been read.
type logReader struct {
	partition int
	id        string // of the last record; empty: there was none
	seq       uint64 // its number
}

// seekEnd goes to the end of a log.
func (r *Redis) seekEnd(ctx context.Context, l *logReader) error {
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	last, err := r.client.XRevRangeN(ctx, r.keys.log(l.partition), "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		return err
	}
	rec, err := parseRecord(last[0])
	l.id, l.seq = last[0].ID, rec.seq
	return err
}

// drain calls fn for each record that has not been read.
func (r *Redis) drain(ctx context.Context, l *logReader, fn func(Change) error) error {
	for {
		changes, err := r.next(ctx, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return unavailable("follow", err)
		}
		for _, c := range changes {
			if err := fn(c); err != nil {
				return err
			}
		}
		if len(changes) < followBatch {
			return nil
		}
	}
}

// next reads the next records of a log, and how the entries stand that they
// are about.
func (r *Redis) next(ctx context.Context, l *logReader) ([]Change, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	messages, err := r.unread(ctx, l)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	changes := make([]Change, len(messages))
	members := make([]indexed, len(messages))
	for i, m := range messages {
		rec, err := parseRecord(m)
		if err != nil {
			return nil, err
		}
		missed := l.id != "" && rec.seq != l.seq+1
		l.id, l.seq = m.ID, rec.seq
		changes[i] = Change{Scope: scopeOf(rec.member), Digest: rec.member[len("t:"):], Reinstated: rec.reinstated, Missed: missed}
		members[i] = indexed{position{member: rec.member}, l.partition}
	}
	return changes, r.attach(ctx, changes, members)
}

// unread are the next records. The last that was read is asked for again: a log
// in which it is gone has been trimmed or begun anew, with lower ids perhaps,
// so that everything in it is unread.
func (r *Redis) unread(ctx context.Context, l *logReader) ([]redis.XMessage, error) {
	key := r.keys.log(l.partition)
	if l.id != "" {
		messages, err := r.client.XRangeN(ctx, key, l.id, "+", followBatch+1).Result()
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 && l.isAt(messages[0]) {
			return messages[1:], nil
		}
	}
	return r.client.XRangeN(ctx, key, "-", "+", followBatch).Result()
}

// isAt reports whether m is the last record that was read.
func (l *logReader) isAt(m redis.XMessage) bool {
	rec, err := parseRecord(m)
	return err == nil && m.ID == l.id && rec.seq == l.seq
}

// attach adds the entries to the changes that are about them.
func (r *Redis) attach(ctx context.Context, changes []Change, members []indexed) error {
	entries, err := r.listed(ctx, 0, members)
	if err != nil {
		return err
	}
	byMember := make(map[string]*Entry, len(entries))
	for _, e := range entries {
		byMember[member(e.Scope, e.Issuer, e.ID)] = &e
	}
	for i, m := range members {
		if e := byMember[m.member]; e != nil {
			own := e.clone()
			changes[i].Entry = &own
		}
	}
	return nil
}

// logRecord is one record of the log: see common.lua.
type logRecord struct {
	seq        uint64
	member     string
	reinstated bool
}

func parseRecord(m redis.XMessage) (logRecord, error) {
	text := func(field string) string { s, _ := m.Values[field].(string); return s }
	seq, err := strconv.ParseUint(text("n"), 10, 53)
	if err != nil || !validMember(text("m")) {
		return logRecord{}, fmt.Errorf("%w in the log: %.120q", errForeign, m.ID)
	}
	return logRecord{seq: seq, member: text("m"), reinstated: text("r") == "!"}, nil
}
