package denylist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// purgeBudget is how many slots of the table are looked at for what has expired
// after each read.
const purgeBudget = 50_000

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
	m.drop()
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
	if m.opts.OnState == nil {
		return
	}
	if reason != nil {
		reason = oneLine{reason}
	}
	m.opts.OnState(s, reason)
}

// oneLine is an error that says each cause once, in one line: a read of the log
// is several commands, and what ails one ails most of them.
type oneLine struct{ error }

func (o oneLine) Unwrap() error { return o.error }

func (o oneLine) Error() string {
	var causes []string
	for cause := range strings.SplitSeq(o.error.Error(), "\n") {
		if !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	return strings.Join(causes, "; ")
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
	defer func() { m.kept = nil; m.rest() }()
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
			m.kept = nil
			reason = m.follow(ctx, loaded)
		case errors.Is(reason, ErrGap), errors.Is(reason, errForgot):
			m.counters.overtaken.Add(1)
		}
		crowded := m.kept != nil // which leaves less room
		if m.keep(loaded, reason); errors.Is(reason, errFull) && !crowded {
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
	m.share.begin()
	rests := newMirrorRests(m.share.wakes, m.patience/2)
	m.adapt(ctx, rests)
	for {
		var woken bool
		var err error
		if !m.back.due(m.opts.Now()) {
			woken, err = m.await(ctx, l.proto, m.sink)
		}
		if ended := interrupted(ctx); ended != nil {
			return ended
		}
		if err == nil && woken {
			err = m.pauseUnlessWanted(ctx, rests.next(m.opts.Now()))
		}
		if err == nil || !errors.Is(err, errFull) {
			err = m.step(ctx, l, err)
		}
		switch {
		case errors.Is(err, ErrGap):
			m.counters.gaps.Add(1)
			return err
		case errors.Is(err, errForgot), errors.Is(err, errFull):
			return err
		case err != nil:
			m.tell(ctx, mirrorEvent{state: MirrorStale, reason: err})
			if ended := retry.pause(ctx); ended != nil {
				return ended
			}
		default:
			retry.reset()
			m.adapt(ctx, rests)
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
		m.share.reads++
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
	m.show(l.table, since, slices.Clone(l.proto.marks), m.former)
	m.retireLate()
	m.own.proven(since)
	m.enter(ctx, MirrorFresh, reason)
}

// full waits until there may be room for the denylist again.
func (m *Mirror) full(ctx context.Context, l *mirrorLoad, reason error) {
	m.enter(ctx, MirrorFull, reason)
	fits, room := int64(l.table.len())*15/16, m.room()
	m.sink.table, l.table = nil, nil // their memory is what the next one needs
	for interrupted(ctx) == nil {
		if pause(ctx, time.Second) != nil {
			return
		}
		if err := m.readClock(ctx); err != nil {
			continue
		}
		if m.purgeFormer(); m.room() > room+room/16 {
			return // it was full beside what Redis once forgot
		}
		// Counting forgets what has expired: what is left is what a load reads.
		if counts, err := m.Counts(ctx); err == nil && counts.Total() <= fits {
			return
		}
	}
}
