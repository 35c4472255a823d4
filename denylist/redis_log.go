package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// newest are the marks behind the newest records.
func (r *Redis) newest(ctx context.Context) (marks, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	pipe := r.client.Pipeline()
	metas := make([]*redis.MapStringStringCmd, r.keys.partitions())
	lasts := make([]*redis.XMessageSliceCmd, len(metas))
	for p := range metas {
		metas[p] = pipe.HGetAll(ctx, r.keys.meta(p))
		lasts[p] = pipe.XRevRangeN(ctx, r.keys.log(p), "+", "-", 1)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	at := make(marks, len(metas))
	for p := range at {
		var err error
		if at[p], err = r.newestOf(metas[p], lasts[p]); err != nil {
			return nil, unavailable("follow", because(ctx, err))
		}
	}
	return at, nil
}

// newestOf is the mark behind the newest record of a partition. meta was read
// before: the record may be newer than its number, and never older.
func (r *Redis) newestOf(meta *redis.MapStringStringCmd, last *redis.XMessageSliceCmd) (mark, error) {
	m, err := r.metaOf(meta)
	if err == nil {
		err = last.Err()
	}
	switch {
	case err != nil:
		return mark{}, err
	case m.schema == 0:
		return mark{id: noRecord}, nil
	case len(last.Val()) == 0:
		return mark{epochMark(m.epoch), m.seq, noRecord}, nil
	}
	record, err := parseRecord(last.Val()[0])
	return mark{epochMark(m.epoch), record.mark.seq, record.mark.id}, err
}

// metaOf reads a reply about meta, and refuses another denylist's.
func (r *Redis) metaOf(reply *redis.MapStringStringCmd) (meta, error) {
	fields, err := reply.Result()
	if err != nil {
		return meta{}, err
	}
	m, err := parseMeta(fields)
	if err == nil && m.schema != 0 && (m.schema != schema || m.partitions != r.keys.partitions()) {
		err = errSettings
	}
	return m, err
}

// look is what was seen of a partition at once, in the order of the fields.
type look struct {
	meta meta
	last []redis.XMessage // the newest record up to the mark
	next []redis.XMessage // the first records behind the mark
	err  error
}

// look looks at every partition. A read that may block waits for a record.
func (r *Redis) look(ctx context.Context, at marks, wait time.Duration, block bool) []look {
	ctx, cancel := context.WithTimeout(ctx, wait+r.opts.WriteTimeout)
	defer cancel()
	pipe := r.client.Pipeline()
	metas := make([]*redis.MapStringStringCmd, len(at))
	lasts := make([]*redis.XMessageSliceCmd, len(at))
	nexts := make([]*redis.XStreamSliceCmd, len(at))
	for p, m := range at {
		metas[p] = pipe.HGetAll(ctx, r.keys.meta(p))
		lasts[p] = pipe.XRevRangeN(ctx, r.keys.log(p), m.id, "-", 1)
		if !block {
			nexts[p] = r.readLog(ctx, pipe, p, m, -1)
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	if block {
		nexts[0] = r.readLog(ctx, r.client, 0, at[0], wait)
		r.waiting.Store(false)
	}
	looks := make([]look, len(at))
	for p := range looks {
		looks[p] = r.seen(ctx, metas[p], lasts[p], nexts[p])
	}
	return looks
}

// seen are the replies of one partition.
func (r *Redis) seen(ctx context.Context, meta *redis.MapStringStringCmd, last *redis.XMessageSliceCmd, next *redis.XStreamSliceCmd) look {
	l := look{last: last.Val()}
	var err error
	l.meta, err = r.metaOf(meta)
	if streams := next.Val(); len(streams) == 1 {
		l.next = streams[0].Messages
	}
	for _, err := range []error{err, last.Err(), next.Err()} {
		if err != nil && !errors.Is(err, redis.Nil) { // nil: nothing is new
			l.err = errors.Join(l.err, because(ctx, err))
		}
	}
	return l
}

// readLog reads the log of a partition behind a mark.
func (r *Redis) readLog(ctx context.Context, c redis.Cmdable, p int, m mark, block time.Duration) *redis.XStreamSliceCmd {
	return c.XRead(ctx, &redis.XReadArgs{Streams: []string{r.keys.log(p), m.id}, Count: maxRecords, Block: block})
}

// records are the new records of a partition, all that there are up to a
// number. What was read before the log must be in it: this is how a log that
// was trimmed or lost is known from one to which nothing was added.
func (l look) records(p int, at mark) ([]logRecord, error) {
	gap := func(why string) error { return fmt.Errorf("%w: partition %d: %s", ErrGap, p, why) }
	if l.err != nil {
		return nil, l.err
	}
	epoch := ""
	if l.meta.schema != 0 {
		epoch = epochMark(l.meta.epoch)
	}
	switch {
	case at.epoch != "" && at.epoch != epoch:
		return nil, gap("the denylist was lost")
	case l.meta.seq < at.seq:
		return nil, gap("the denylist has gone back")
	case epoch == "":
		return nil, nil // what was read has no epoch to belong to, yet
	}
	if len(l.last) > 0 {
		last, err := parseRecord(l.last[0])
		if err != nil {
			return nil, err
		}
		if last.mark.id != at.id || last.mark.seq != at.seq {
			return nil, gap("the log has another history")
		}
	}
	records := make([]logRecord, 0, len(l.next))
	for _, m := range l.next {
		r, err := parseRecord(m)
		if err != nil {
			return nil, err
		}
		if r.mark.seq != at.seq+1 {
			return nil, gap("the log was trimmed")
		}
		r.mark.epoch = epoch
		at = r.mark
		records = append(records, r)
	}
	if len(l.next) < maxRecords && at.seq < l.meta.seq {
		return nil, gap("the log ends too early")
	}
	return records, nil
}
