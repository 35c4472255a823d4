package scenario

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// mirrorPatience is how long a mirror may take from one page to the next, or to
// hear of a change.
const mirrorPatience = 30 * time.Second

// mirrorSide is the denylist's mirror in this process. It follows the denylist
// from its set-up on until the stand is closed.
type mirrorSide struct {
	*denylist.Mirror
	states   chan denylist.MirrorState
	progress chan float64
	ended    chan struct{}
	err      error // of Run, once it has ended
}

var _ verifier.Glancer = (*mirrorSide)(nil)

// mirror is a mirror of the run's denylist that is complete and fresh.
func (s *Stand) mirror(ctx context.Context) (*mirrorSide, error) {
	if s.mirrored != nil {
		return s.mirrored, nil
	}
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	m, stop, err := s.mirrorOf(ctx, store, denylist.MirrorOptions{})
	s.closers = append(s.closers, stop)
	if err != nil {
		return nil, err
	}
	s.mirrored = m
	return m, m.settle(ctx, s.population)
}

// mirrorOf is a mirror of a store that is complete and fresh, and follows it
// until stop is called: before what it mirrors is removed, which it would give
// back.
func (s *Stand) mirrorOf(ctx context.Context, store *denylist.Redis, opts denylist.MirrorOptions) (_ *mirrorSide, stop func() error, err error) {
	m := &mirrorSide{states: make(chan denylist.MirrorState, 1), progress: make(chan float64, 1), ended: make(chan struct{})}
	opts.OnState = func(state denylist.MirrorState, _ error) { latest(m.states, state) }
	opts.OnProgress = func(p denylist.MirrorProgress) { latest(m.progress, p.Share) }
	if m.Mirror, err = denylist.NewMirror(store, opts); err != nil {
		return nil, func() error { return nil }, fmt.Errorf("scenario: making a mirror: %w", err)
	}
	// It goes on while a run that was interrupted ends.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(m.ended)
		m.err = m.Run(running)
	}()
	stop = func() error {
		end()
		<-m.ended
		return nil
	}
	defer s.redis.restrained(ctx)()
	defer s.redis.loading.apply(ctx)()
	loading := "loading the mirror"
	if opts.Confirmed {
		loading += " that Redis confirms"
	}
	if err := m.load(ctx, func(share float64) { s.progress(loading, share) }); err != nil {
		return nil, stop, fmt.Errorf("scenario: loading the mirror: %w", err)
	}
	return m, stop, nil
}

// latest puts what is new into a channel that has room for one.
func latest[T any](to chan T, value T) {
	for {
		select {
		case to <- value:
			return
		default:
		}
		select {
		case <-to:
		default:
		}
	}
}

// load waits until the mirror is complete.
func (m *mirrorSide) load(ctx context.Context, progress func(share float64)) error {
	progress(0)
	stuck := time.NewTimer(mirrorPatience)
	defer stuck.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ended:
			return m.err
		case <-stuck.C:
			return fmt.Errorf("%w: nothing was loaded for %v", denylist.ErrUnavailable, mirrorPatience)
		case share := <-m.progress:
			progress(share)
			stuck.Reset(mirrorPatience)
		case state := <-m.states:
			switch state {
			case denylist.MirrorFresh:
				progress(1)
				return nil
			case denylist.MirrorFull:
				return badKnob("more entries than a mirror has room for")
			}
		}
	}
}

// settle asks about the revoked tokens once: what an entry of the index denies,
// a mirror learns from Redis when it is first asked about it.
func (m *mirrorSide) settle(ctx context.Context, p *population) error {
	return m.until(ctx, p, true)
}

// until waits until the mirror denies all of the population's revoked tokens,
// or none of them.
func (m *mirrorSide) until(ctx context.Context, p *population, denied bool) error {
	deadline := time.Now().Add(mirrorPatience)
tokens:
	for _, n := range p.revoked {
		for {
			err := m.Mirror.Check(ctx, p.tokens[n].known)
			switch {
			case ctx.Err() != nil, err != nil && !errors.Is(err, denylist.ErrRevoked) && !errors.Is(err, denylist.ErrUnavailable):
				return fmt.Errorf("scenario: asking the mirror: %w", err)
			case errors.Is(err, denylist.ErrUnavailable): // a busy machine; with production's deadline that may be
			case (err != nil) == denied:
				continue tokens
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%w: scenario: the mirror does not hear of changes", denylist.ErrUnavailable)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// askedError says that Redis had to be asked, and what it answered.
type askedError struct{ answer error }

func (e *askedError) Error() string {
	return fmt.Sprintf("scenario: the mirror could not tell, and Redis was asked: %v", e.answer)
}

// Check is what a verifier calls when the mirror cannot tell, which must not
// pass for an answer of the mirror.
func (m *mirrorSide) Check(ctx context.Context, t denylist.Token) error {
	return &askedError{m.Mirror.Check(ctx, t)}
}

// yielding is a scenario whose workers let others run after so many operations.
// One that never waits is given 10 ms at a time by Go's scheduler, so that of 64
// the mirror's own goroutine would be the last to hear of Redis's answer, a
// second late. Requests wait for the network now and then. Where a processor is
// idle it would only take the worker over, whose tokens are in the other's cache.
func yielding(p *population, every int, do func(ctx context.Context, n uint32) error) bench.Scenario {
	return &byToken{population: p, among: p.everyone(), prepare: func(workers int) func(context.Context, uint32) error {
		if workers < runtime.GOMAXPROCS(0) {
			return do
		}
		left := every
		return func(ctx context.Context, n uint32) error {
			if left--; left == 0 {
				left = every
				runtime.Gosched()
			}
			return do(ctx, n)
		}
	}}
}

// judge is judge of an answer that should be the mirror's.
func (m *mirrorSide) judge(answer error, revoked bool) error {
	if answer == nil {
		return judge(nil, revoked)
	}
	return judgeAsked(answer, revoked)
}

func judgeAsked(answer error, revoked bool) error {
	var asked *askedError
	if !errors.As(answer, &asked) {
		return judge(answer, revoked)
	}
	if err := judge(asked.answer, revoked); err != nil {
		return err
	}
	return &classed{classAsked, asked}
}
