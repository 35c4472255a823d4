package denylist

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// look asks each partition what is new, all in one round trip. Redis also has
// to prove that it would accept a revocation: one that is cut off from its
// fleet, or full, still answers reads, and must keep no mirror fresh.
func (m *Mirror) look(ctx context.Context, at marks) []look {
	r := m.Redis
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	pipe := r.client.Pipeline()
	metas := make([]*redis.MapStringStringCmd, len(at))
	lasts := make([]*redis.XMessageSliceCmd, len(at))
	nexts := make([]*redis.XStreamSliceCmd, len(at))
	probes := make([]*redis.IntCmd, len(at))
	for p, mark := range at {
		metas[p] = pipe.HGetAll(ctx, r.keys.meta(p))
		lasts[p] = pipe.XRevRangeN(ctx, r.keys.log(p), mark.id, "-", 1)
		nexts[p] = r.readLog(ctx, pipe, p, mark, -1)
		probes[p] = pipe.SetRange(ctx, r.keys.probe(p), 0, "")
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	looks := make([]look, len(at))
	for p := range looks {
		looks[p] = r.seen(ctx, metas[p], lasts[p], nexts[p])
		if on := looks[p].meta; on.schema != 0 && on.maxStaleness < m.opts.MaxStaleness {
			looks[p].err = errors.Join(looks[p].err, errSettings) // the fleet's barriers wait for less
		}
		if err := probes[p].Err(); err != nil {
			looks[p].err = errors.Join(looks[p].err, because(ctx, err))
		}
	}
	return looks
}

// read reads each log once. more: a log has not been read to its end. What one
// partition fails to tell is no reason to miss what the others do; a gap in one
// is.
func (m *Mirror) read(ctx context.Context, proto *mirrorProtocol, into mirrorSink) (more bool, err error) {
	sent := m.opts.Now()
	at := append(marks(nil), proto.marks...)
	looks := m.look(ctx, at)
	for p, l := range looks { // all of them before a gap in one: the table is all that knows
		if l.forgot(at[p]) {
			return false, errForgot
		}
	}
	for p, l := range looks {
		more = more || len(l.next) == maxRecords
		failed := proto.heard(p, l, sent, into)
		switch {
		case errors.Is(failed, ErrGap), errors.Is(failed, errFull):
			return false, failed
		}
		err = errors.Join(err, failed)
	}
	return more, err
}

// errForgot: Redis has forgotten the denylist, or a part of it (R18).
var errForgot = errors.New("redis has forgotten")

// await waits for a change, a while at most, and enters what it hears. Each
// write wakes all that wait for one. With 16 partitions nobody waits: the next
// read finds what there is.
func (m *Mirror) await(ctx context.Context, proto *mirrorProtocol, into mirrorSink) (woken bool, err error) {
	if m.keys.partitions() > 1 {
		return false, m.pauseUnlessWanted(ctx, m.patience)
	}
	bounded, cancel := context.WithTimeout(ctx, m.patience+m.Redis.opts.WriteTimeout)
	defer cancel()
	next, err := m.readLog(bounded, m.client, 0, proto.marks[0], m.patience).Result()
	if errors.Is(err, redis.Nil) {
		return false, interrupted(ctx)
	}
	if err != nil {
		return false, because(bounded, err)
	}
	for _, stream := range next {
		if err := proto.hint(0, look{next: stream.Messages}, into); err != nil {
			return false, err
		}
		woken = woken || len(stream.Messages) > 0
	}
	return woken, nil
}

// backoff is how long to wait before Redis is asked again.
type backoff struct{ next time.Duration }

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
)

// pause waits, each time twice as long, and up to half of that longer or
// shorter at random: a thousand mirrors must not come back all at once.
func (b *backoff) pause(ctx context.Context) error {
	b.next = min(max(b.next, minBackoff), maxBackoff)
	d := b.next/2 + randomUpTo(b.next)
	b.next *= 2
	return pause(ctx, d)
}

func (b *backoff) reset() { b.next = 0 }
