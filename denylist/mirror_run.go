package denylist

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// purgeBudget is how many slots of the table are looked at for what has expired
// after each read.
const purgeBudget = 50_000

// clockLife is how long a reading of Redis's clock serves.
const clockLife = 10 * time.Second

// randomUpTo is a random duration.
func randomUpTo(d time.Duration) time.Duration { return rand.N(d) }

// mirrorEvent is what the goroutine that works tells the one that called Run.
type mirrorEvent struct {
	state    MirrorState
	reason   error
	progress *MirrorProgress // then it is about nothing else
}

// Run loads the denylist and follows it until ctx ends. It returns ctx's error,
// or the reason why this denylist cannot be mirrored at all: ErrUnfit. Only one
// Run may run at a time. When it returns, the mirror knows nothing any more,
// but for what a Redis that forgot had denied.
func (m *Mirror) Run(ctx context.Context) error {
	if !m.running.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: the mirror runs already", ErrInvalid)
	}
	defer m.running.Store(false)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.own.follow(true)
	ended, shadowed := make(chan error, 1), make(chan struct{})
	go func() { ended <- m.work(ctx) }()
	go func() { defer close(shadowed); m.compare(ctx) }()
	err := m.watch(ended)
	stop()
	<-shadowed
	m.phase.Store(uint32(MirrorIdle))
	m.view.Store(nil)
	m.own.follow(false)
	m.inform(MirrorIdle, err)
	return err
}

// watch calls back what it is told, and what nobody can tell: that the last
// proof is too old.
func (m *Mirror) watch(ended <-chan error) error {
	tick := time.NewTicker(max(m.opts.MaxStaleness/8, time.Millisecond))
	defer tick.Stop()
	var told MirrorState
	var reason error
	for {
		select {
		case err := <-ended:
			return err
		case e := <-m.events:
			if e.progress != nil {
				m.opts.OnProgress(*e.progress)
				continue
			}
			if reason = e.reason; e.state != told && e.state != MirrorStale {
				told = e.state
				m.inform(told, reason)
			}
		case <-tick.C:
			if told == MirrorFresh && m.State() == MirrorStale {
				told = MirrorStale
				m.inform(told, reason)
			}
		}
	}
}

func (m *Mirror) inform(s MirrorState, reason error) {
	if m.opts.OnState != nil {
		m.opts.OnState(s, reason)
	}
}

// tell tells the goroutine that called Run.
func (m *Mirror) tell(ctx context.Context, e mirrorEvent) {
	select {
	case m.events <- e:
	case <-ctx.Done():
	}
}

// enter is a change of what the mirror does.
func (m *Mirror) enter(ctx context.Context, state MirrorState, reason error) {
	m.phase.Store(uint32(state))
	m.tell(ctx, mirrorEvent{state: state, reason: reason})
}

// work loads and follows, over and over, until ctx ends.
func (m *Mirror) work(ctx context.Context) error {
	var retry backoff
	var reason error
	fits := false
	for {
		if err := interrupted(ctx); err != nil {
			return err
		}
		m.enter(ctx, MirrorLoading, reason)
		_, unfit := m.Inspect(ctx)
		if errors.Is(unfit, ErrUnfit) && !fits {
			return unfit
		}
		var loaded *mirrorLoad
		if reason = unfit; reason == nil {
			fits = true
			loaded, reason = m.load(ctx)
		}
		switch {
		case reason == nil:
			retry.reset()
			m.counters.loads.Add(1)
			reason = m.follow(ctx, loaded)
		case errors.Is(reason, ErrGap), errors.Is(reason, errForgot):
			m.counters.overtaken.Add(1)
		}
		m.view.Store(nil)
		if errors.Is(reason, errFull) {
			m.full(ctx, loaded, reason)
			continue
		}
		if err := retry.pause(ctx); err != nil {
			return err
		}
	}
}

// follow keeps a table complete until something is missing, and says why.
func (m *Mirror) follow(ctx context.Context, l *mirrorLoad) error {
	var retry backoff
	m.publish(ctx, l, nil)
	for rest := time.Duration(0); ; {
		var woken bool
		var err error
		if !m.back.due(m.opts.Now()) {
			woken, err = m.await(ctx, l.proto, m.sink)
		}
		if ended := interrupted(ctx); ended != nil {
			return ended
		}
		if err == nil && woken {
			// Each write wakes all mirrors that wait. So that they hear of several
			// at once, one that is woken again and again rests longer.
			rest = min(max(2*rest, logRest), m.patience/2)
			err = pause(ctx, min(rest, m.patience/2))
		} else {
			rest = 0
		}
		if err == nil || !errors.Is(err, errFull) {
			err = m.step(ctx, l, err)
		}
		switch {
		case errors.Is(err, errForgot):
			m.counters.forgotten.Add(1)
			since, _ := l.proto.since()
			m.retire(l.table, since)
			return err
		case errors.Is(err, ErrGap):
			m.counters.gaps.Add(1)
			return err
		case errors.Is(err, errFull):
			return err
		case err != nil:
			m.tell(ctx, mirrorEvent{state: MirrorStale, reason: err})
			if ended := retry.pause(ctx); ended != nil {
				return ended
			}
		default:
			retry.reset()
		}
	}
}

// step reads what is new, and publishes a proof.
func (m *Mirror) step(ctx context.Context, l *mirrorLoad, awaited error) error {
	for {
		more, err := m.read(ctx, l.proto, m.sink)
		if err != nil {
			return errors.Join(err, awaited)
		}
		m.publish(ctx, l, nil)
		if !more {
			break
		}
	}
	if m.opts.Now().Sub(m.sink.clockRead).Abs() > clockLife {
		if err := m.readClock(ctx); err != nil {
			return err
		}
	}
	l.table.purge(m.heardClock(), purgeBudget)
	m.purgeFormer()
	m.giveBack(ctx, l)
	return nil
}

// publish lets checks see as of when the table is complete.
func (m *Mirror) publish(ctx context.Context, l *mirrorLoad, reason error) {
	since, complete := l.proto.since()
	if !complete {
		return
	}
	m.view.Store(newMirrorView(l.table, since, append(marks(nil), l.proto.marks...)))
	m.own.proven(since)
	m.enter(ctx, MirrorFresh, reason)
}

// full waits until there may be room for the denylist again.
func (m *Mirror) full(ctx context.Context, l *mirrorLoad, reason error) {
	m.enter(ctx, MirrorFull, reason)
	fits := int64(l.table.len()) * 15 / 16
	m.sink.table, l.table = nil, nil // their memory is what the next one needs
	for interrupted(ctx) == nil {
		if pause(ctx, time.Second) != nil {
			return
		}
		if err := m.readClock(ctx); err != nil {
			continue
		}
		m.purgeFormer()
		// Counting forgets what has expired: what is left is what a load reads.
		if counts, err := m.Counts(ctx); err == nil && counts.Total() <= fits {
			return
		}
	}
}

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

// heardAt is what that clock read when something was read, if that was after the
// clock itself.
func (m *Mirror) heardAt(read time.Time) time.Time {
	return m.heardClock().Add(max(read.Sub(m.sink.clockRead), 0))
}

// heardClock is the clock by which entries expire here.
func (m *Mirror) heardClock() time.Time { return atMillis(m.heard.Load()) }

// room is how many bytes the next table may have.
func (m *Mirror) room() int64 { return max(m.opts.MaxBytes-m.former.Load().bytes(), 1) }

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

// shadow has a token compared, unless too many wait for it.
func (m *Mirror) shadow(t Token) {
	select {
	case m.shadowed <- t:
	default:
	}
}

// compare compares what the mirror says with what Redis says.
func (m *Mirror) compare(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-m.shadowed:
			m.compareOne(ctx, t)
		}
	}
}

func (m *Mirror) compareOne(ctx context.Context, t Token) {
	g := m.glance(&t)
	now := m.opts.Now()
	said, known := g.Verdict(now)
	if !known || g.view == nil {
		return
	}
	answer := m.Redis.Check(ctx, t)
	if answer != nil && !errors.Is(answer, ErrRevoked) {
		return
	}
	m.counters.shadowChecks.Add(1)
	if (said == nil) != (answer == nil) {
		m.counters.disagreed(elapsed(g.view.since, now))
	}
}

// mirrorKeyFor is the key of an entry.
func mirrorKeyFor(e Entry) mirrorKey {
	if e.Digest != "" {
		key, _ := mirrorKeyOf(e.member()) // which was in a key
		return key
	}
	return mirrorKey{e.Scope, rawDigest(sha256.Sum256([]byte(e.Issuer)), e.ID)}
}
