package denylist

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// confirmPatience is how long a confirmation waits for Run to read what Redis
// has more than the mirror, before the checks aboard ask Redis for their keys.
const confirmPatience = 3 * time.Millisecond

// mirrorConfirms let checks share one small question to Redis: what was written
// last. Where the mirror's table has that, it has all that was acknowledged
// before Redis answered, and says what Redis would say.
//
// The number of the last change alone would not do: a Redis that was restored
// may have come to the same number by other changes. So the newest record of
// the log is asked for, whose id holds the time, too.
type mirrorConfirms struct {
	*flights
	looks  atomic.Uint64 // at the log, that Run has begun
	whole  uint64        // the last of them, where it told all; 0: it did not. Run's alone
	wanted chan struct{} // one: Run shall look now
}

func newMirrorConfirms(m *Mirror) mirrorConfirms {
	r := m.Redis
	return mirrorConfirms{
		flights: &flights{
			ask: m.confirm, now: r.authority.now,
			most: r.opts.CheckFlights, batch: math.MaxInt, window: r.opts.CheckWindow,
		},
		wanted: make(chan struct{}, 1),
	}
}

// checkConfirmed is Check where Redis confirms what the mirror says, or says
// itself what there is. What it is confirmed by was asked after the check began.
func (m *Mirror) checkConfirmed(ctx context.Context, t Token) error {
	if err := t.validate(); err != nil {
		return err
	}
	sent := m.authority.now()
	end := m.checks.end(sent)
	if m.authority.flying.Load() < straight { // its own keys cost it no more
		return m.checkByKeys(ctx, t, m.glance(&t), sent, end)
	}
	if !m.pending.empty() {
		if err := m.attempted(m.keys.places(t), t); err != nil {
			return err
		}
	}
	view, err := m.confirmed(ctx, end, sent)
	if err != nil {
		return unavailable("check", because(ctx, err))
	}
	g := m.glance(&t) // now: what it finds was there when Redis answered, or came since
	if m.opts.Shadow > 0 {
		g = g.shadowed(&t)
	}
	if err, known := g.confirmed(view); known {
		return err
	}
	return m.checkByKeys(ctx, t, g, sent, end)
}

// confirmed returns the view that has all that Redis had acknowledged at some
// instant since sent, or nil: there is none, and Redis may know more. An error
// means that there is no time left.
func (m *Mirror) confirmed(ctx context.Context, end *deadline, sent int64) (*mirrorView, error) {
	m.authority.enter()
	defer m.authority.leave()
	s := m.confirms.board(nil, sent)
	if !s.wait(ctx, end) {
		s.leave()
		return nil, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	return s.view, nil // whatever failed, the keys are asked for
}

// confirmed is Verdict of a glance at what was confirmed before.
func (g Glance) confirmed(view *mirrorView) (err error, known bool) {
	switch f := g.found; {
	case f != nil && f.sure:
		err = f.denial
	case view == nil || g.view == nil || g.view.table != view.table:
		return nil, false
	case f == nil:
	case f.own: // another process may have taken it back since
		return nil, false
	default:
		if err, known = f.verdict(g.mirror, g.mirror.opts.Now()); !known {
			return nil, false
		}
		if f.shadow != nil {
			g.mirror.shadow(*f.shadow)
		}
	}
	g.mirror.counters.confirmed[g.stripe].Add(1)
	return err, true
}

// confirm asks Redis what was written last, and finds the view that has it.
func (m *Mirror) confirm(f *flight) {
	sent := m.authority.now()
	ctx := m.checks.end(sent).bound(context.Background())
	before, looks := m.view.Load(), m.confirms.looks.Load()
	newest, err := m.newestRecords(ctx, sent)
	if f.err = err; err == nil {
		f.view = m.viewOf(newest, before, looks)
	}
}

// newestRecords are the marks behind the newest record of each partition, in
// one round trip, with what proves that Redis would accept a write. They know
// no epoch: a Redis that lost its denylist has lost the record.
func (m *Mirror) newestRecords(ctx context.Context, sent int64) (marks, error) {
	r := m.Redis
	pipe := r.client.Pipeline()
	lasts := make([]*redis.XMessageSliceCmd, r.keys.partitions())
	probes := make([]*redis.IntCmd, len(lasts))
	for p := range lasts {
		lasts[p] = pipe.XRevRangeN(ctx, r.keys.log(p), "+", "-", 1)
		if r.authority.due(p, sent) {
			probes[p] = pipe.SetRange(ctx, r.keys.probe(p), 0, "")
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	newest := make(marks, len(lasts))
	var failed error
	for p := range newest {
		var err error
		if newest[p], err = newestRecord(lasts[p]); probes[p] != nil {
			err = errors.Join(err, probes[p].Err())
		}
		r.learn(asking{partition: p, probe: probes[p]}, sent, err)
		failed = errors.Join(failed, err)
	}
	return newest, failed
}

func newestRecord(last *redis.XMessageSliceCmd) (mark, error) {
	if len(last.Val()) == 0 {
		return mark{id: noRecord}, last.Err()
	}
	record, err := parseRecord(last.Val()[0])
	return record.mark, err
}

// viewOf is a view whose table has all up to the newest records; nil: there is
// none yet, or something is odd. Before and looks are from before Redis was
// asked for them.
func (m *Mirror) viewOf(newest marks, before *mirrorView, looks uint64) *mirrorView {
	var late <-chan time.Time
	for {
		v := m.view.Load()
		switch {
		case v == nil || v.since.IsZero():
			return nil
		case v.has(newest, looks):
			return v
		case before != nil && before.table == v.table && before.has(newest, looks):
			return v // Run was faster than the answer
		case !v.fresh(m.opts.Now(), m.opts.MaxStaleness):
			return nil // Run does not get on
		}
		if late == nil {
			late = time.After(confirmPatience)
		}
		select {
		case m.confirms.wanted <- struct{}{}:
		default:
		}
		select {
		case <-v.replaced:
		case <-late:
			return nil
		}
	}
}

// has reports whether the view has all up to the newest records of Redis: it ends
// with them, or with later ones that a look told which began after they were
// asked for; so many had begun before. One that ends with other records may be of
// another history.
func (v *mirrorView) has(newest marks, looks uint64) bool {
	for p, at := range v.marks {
		switch last := newest[p]; {
		case at.seq == last.seq && at.id == last.id:
		case at.seq > last.seq && v.look > looks:
		default:
			return false
		}
	}
	return !v.since.IsZero()
}

// pauseUnlessWanted is pause, until a confirmation wants Run to look.
func (m *Mirror) pauseUnlessWanted(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-m.confirms.wanted:
	case <-timer.C:
	}
	return interrupted(ctx)
}
