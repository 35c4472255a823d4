package denylist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// mostBehind is how many changes the mirror may lack for its answer to be
	// confirmed: each is read by every flight until Run has read it.
	mostBehind = 64
	// behind is how many make a confirmation want Run to read them.
	behind = 16
	// manyChecks is how many checks at once are worth a confirmation: for fewer,
	// their keys cost no more than reading the log does where much is written.
	manyChecks = 8
)

// errFarBehind: the mirror lacks more changes than mostBehind.
var errFarBehind = errors.New("the mirror is far behind")

// mirrorConfirms let checks share one small question to Redis: what was written
// since the mirror read the log last. Of all that is not in there, its table
// has what Redis had acknowledged when it answered, and says what Redis would.
//
// The number of the last change alone would not do: a Redis that was restored
// may have come to the same number by other changes. So the log is read from the
// mirror's last record on, whose id holds the time, too.
type mirrorConfirms struct {
	*flights
	wanted chan struct{} // one: Run shall read
}

// confirmation is what Redis answered: a view, and of what entries the log has
// more. No view: the mirror is not good for an answer.
type confirmation struct {
	view    *mirrorView
	written []mirrorKey
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
	var told confirmation // of nothing: a few ask for their keys
	var failed error
	if m.authority.flying.Load() >= manyChecks {
		if !m.pending.empty() {
			if err := m.attempted(m.keys.places(t), t); err != nil {
				return err
			}
		}
		told, failed = m.confirmed(ctx, end, sent)
	}
	g := m.glance(&t) // now: what it finds was there when Redis answered, or came since
	if m.opts.Shadow > 0 {
		g = g.shadowed(&t)
	}
	if err, known := g.confirmed(told, &t); known {
		return err
	}
	if failed != nil {
		return unavailable("check", because(ctx, failed))
	}
	return m.checkByKeys(ctx, t, g, sent, end)
}

// confirmed returns what Redis answered at some instant since sent. An error
// means that there is no time left.
func (m *Mirror) confirmed(ctx context.Context, end *deadline, sent int64) (confirmation, error) {
	m.authority.enter()
	defer m.authority.leave()
	s := m.confirms.board(nil, sent)
	if !s.wait(ctx, end) {
		s.leave()
		return confirmation{}, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	return s.told, nil // whatever failed, the keys are asked for
}

// confirmed is Verdict of a glance at what was confirmed before. What Redis has
// forgotten (R18) and what this process attempts need nobody's word.
func (g Glance) confirmed(told confirmation, t *Token) (err error, known bool) {
	f := g.found
	if f == nil || !f.sure {
		same := told.view != nil && g.view != nil && g.view.table == told.view.table
		if !same || told.concerns(t, g.mirror.keys) {
			return nil, false
		}
	}
	if f != nil {
		if f.own && !f.sure { // another process may have taken it back since
			return nil, false
		}
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

// concerns reports whether an entry that may deny t was written to.
func (c confirmation) concerns(t *Token, k keys) bool {
	if len(c.written) == 0 {
		return false
	}
	names := t.digests(k)
	for _, key := range c.written {
		if names[key.scope] == key.digest {
			return true
		}
	}
	return false
}

// confirm asks Redis what was written since the mirror read the log last.
func (m *Mirror) confirm(f *flight) {
	view := m.view.Load()
	if view == nil || view.since.IsZero() {
		return
	}
	var written []mirrorKey
	if written, f.err = m.writtenSince(view.marks); f.err == nil {
		f.told = confirmation{view, written}
	}
	if len(written) >= behind || errors.Is(f.err, errFarBehind) {
		select {
		case m.confirms.wanted <- struct{}{}:
		default:
		}
	}
}

// writtenSince are the entries of which the logs have records behind some marks,
// read in one round trip, with what proves that Redis would accept a write.
func (m *Mirror) writtenSince(at marks) (written []mirrorKey, failed error) {
	r, sent := m.Redis, m.authority.now()
	ctx := m.checks.end(sent).bound(context.Background())
	pipe := r.client.Pipeline()
	seqs := make([]*redis.SliceCmd, len(at))
	logs := make([]*redis.XMessageSliceCmd, len(at))
	probes := make([]*redis.IntCmd, len(at))
	for p, mark := range at {
		seqs[p] = pipe.HMGet(ctx, r.keys.meta(p), "seq") // first: the log may have more by then
		logs[p] = pipe.XRangeN(ctx, r.keys.log(p), mark.id, "+", mostBehind+2)
		if r.authority.due(p, sent) {
			probes[p] = pipe.SetRange(ctx, r.keys.probe(p), 0, "")
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for p, mark := range at {
		newest, err := seqIn(seqs[p].Result())
		err = errors.Join(err, logs[p].Err())
		if probes[p] != nil {
			err = errors.Join(err, probes[p].Err())
		}
		r.learn(asking{partition: p, probe: probes[p]}, sent, err)
		if err == nil {
			written, err = mark.behind(logs[p].Val(), newest, written)
		}
		failed = errors.Join(failed, err)
	}
	return written, failed
}

// behind adds the entries of the records behind a mark to others. The log is
// read from the mark's own record on: without that it may be another history;
// and up to the number of the newest change: without that its end may be gone.
func (m mark) behind(read []redis.XMessage, newest uint64, to []mirrorKey) ([]mirrorKey, error) {
	if len(read) > mostBehind+1 {
		return nil, errFarBehind
	}
	known := m.seq == 0 && m.id == noRecord
	for _, message := range read {
		rec, err := parseRecord(message)
		if err != nil {
			return nil, err
		}
		if !known {
			if rec.mark.seq != m.seq || rec.mark.id != m.id {
				break
			}
			known = true
			continue
		}
		if m.seq++; rec.mark.seq != m.seq {
			return nil, fmt.Errorf("%w: a log with a hole", ErrGap)
		}
		key, err := mirrorKeyOf(rec.member)
		if err != nil {
			return nil, err
		}
		to = append(to, key)
	}
	if !known {
		return nil, fmt.Errorf("%w: a log of another history", ErrGap)
	}
	if newest > m.seq {
		return nil, fmt.Errorf("%w: a log that ends too early", ErrGap)
	}
	return to, nil
}

// seqIn reads meta's number of the newest change.
func seqIn(reply []any, err error) (uint64, error) {
	if err != nil || len(reply) != 1 {
		return 0, cmp.Or(err, errReply)
	}
	text, _ := reply[0].(string) // nil: there is no meta
	seq, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		return 0, fmt.Errorf("%w: meta has no number in seq", errForeign)
	}
	return seq, nil
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
