package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How the log is read.
const (
	maxRecords = 256 // at once
	// maxBlock is how long a read waits for a change, at most: who ends Follow
	// waits as long.
	maxBlock = 250 * time.Millisecond
	// logRest is what lies between two reads that waited. Each write wakes all
	// that wait for one; so they hear of several at once.
	logRest = 10 * time.Millisecond
)

// Position implements [Follower].
func (r *Redis) Position(ctx context.Context) (string, error) {
	at, err := r.newest(ctx)
	if err != nil {
		return "", err
	}
	return at.String(), nil
}

// Follow implements [Follower]. It reads the log, and with each read meta,
// whose numbers show whether all was there to be read.
func (r *Redis) Follow(ctx context.Context, after string, fn func(Change) error) error {
	at, err := r.marksOf(ctx, after)
	for err == nil {
		var rest time.Duration
		if rest, err = r.tell(ctx, at, fn); err == nil {
			err = pause(ctx, rest)
		}
	}
	return err
}

// pause lasts a while, or as long as ctx does.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return interrupted(ctx)
	case <-timer.C:
		return interrupted(ctx)
	}
}

func (r *Redis) marksOf(ctx context.Context, position string) (marks, error) {
	if position == "" {
		return r.newest(ctx)
	}
	at, err := parseMarks(position, r.keys.partitions())
	if err != nil {
		return nil, fmt.Errorf("%w: not a position of this store", ErrGap)
	}
	return at, interrupted(ctx)
}

// tell reads each log once, tells what is new, moves the marks behind it, and
// says how long to rest.
func (r *Redis) tell(ctx context.Context, at marks, fn func(Change) error) (rest time.Duration, err error) {
	wait := max(min(r.opts.MaxStaleness/4, maxBlock), time.Millisecond)
	rest = wait
	block := r.mayWait(ctx, wait)
	if block {
		rest = min(wait, logRest)
	}
	looks := r.look(ctx, at, wait, block)
	for p, look := range looks {
		records, err := look.records(p, at[p])
		if err != nil {
			return 0, interruptedOr(ctx, err)
		}
		if len(records) == maxRecords {
			rest = 0
		}
		if err := r.tellRecords(ctx, p, records, at, fn); err != nil {
			return 0, err
		}
	}
	return rest, nil
}

// mayWait reports whether a read may wait for the next change. One of those
// who follow may: each takes a connection from those that check. And nobody
// may be cut off by the context, which would cost the connection.
func (r *Redis) mayWait(ctx context.Context, wait time.Duration) bool {
	end, bounded := ctx.Deadline()
	if r.keys.partitions() > 1 || bounded && time.Until(end) < 2*wait {
		return false
	}
	return r.waiting.CompareAndSwap(false, true)
}

// interruptedOr is err, or why ctx ended where that came first.
func interruptedOr(ctx context.Context, err error) error {
	if end, bounded := ctx.Deadline(); bounded && !time.Now().Before(end) {
		<-ctx.Done() // a socket has the same deadline, and may be a moment ahead
	}
	if ended := interrupted(ctx); ended != nil {
		return ended
	}
	if errors.Is(err, ErrGap) {
		return err
	}
	return unavailable("follow", err)
}

// tellRecords tells the records of a partition, with their entries.
func (r *Redis) tellRecords(ctx context.Context, p int, records []logRecord, at marks, fn func(Change) error) error {
	if len(records) == 0 {
		return nil
	}
	entries, err := r.entriesOf(ctx, p, records)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	for _, rec := range records {
		if err := interrupted(ctx); err != nil {
			return err
		}
		at[p] = rec.mark
		c := rec.change(at)
		if e := entries[rec.member]; e != nil {
			own := e.clone()
			c.Entry = &own
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// entriesOf are the entries that records are about, by member.
func (r *Redis) entriesOf(ctx context.Context, p int, records []logRecord) (map[string]*Entry, error) {
	entries := make(map[string]*Entry, len(records))
	var places []place
	for _, rec := range records {
		if _, known := entries[rec.member]; !known {
			entries[rec.member] = nil
			places = append(places, place{scopeOf(rec.member), p, r.keys.memberKey(p, rec.member)})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	found, err := r.read(ctx, places)
	if err != nil {
		return nil, because(ctx, err)
	}
	for _, e := range found {
		entries[e.member()] = &e
	}
	return entries, nil
}
