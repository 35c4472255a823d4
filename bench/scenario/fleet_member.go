package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

// fleetMember is one mirror of a fleet.
type fleetMember struct {
	writer *fleetWriter
	client redis.UniversalClient
	mirror *denylist.Mirror
	stop   context.CancelFunc
	fresh  <-chan struct{} // closed when it is for the first time
	ended  chan struct{}
	err    error        // why, then
	reads  atomic.Int64 // of the log

	mu   sync.Mutex
	next int             // the revocation that it has not denied yet
	took []time.Duration // of those that it has, and the worker has not heard of
	news chan struct{}

	last time.Duration // that the worker has heard of
}

// run starts the mirror, and returns when it is fresh.
func (m *fleetMember) run(ctx context.Context, patience time.Duration) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.stop = stop
	go func() {
		defer close(m.ended)
		m.err = m.mirror.Run(running)
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	var err error
	select {
	case <-m.fresh:
		return nil
	case <-m.ended:
		err = m.err
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = fmt.Errorf("%w: a mirror was not complete after %v", denylist.ErrUnavailable, patience)
	}
	return errors.Join(err, m.close())
}

func (m *fleetMember) close() error {
	m.stop()
	<-m.ended
	m.writer.leave(m)
	return m.client.Close()
}

// lookEvery is how often an operation looks for itself: for a mirror that was
// late to enter what it had heard, and for one that breaks its promise.
const lookEvery = 50 * time.Millisecond

// await is the operation: the next revocation is denied.
func (m *fleetMember) await(ctx context.Context) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for !m.take() {
		select {
		case <-m.news:
		case <-again.C:
			m.look()
			if err := m.accepts(); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("scenario: a mirror denied no revocation: %w", ctx.Err())
		case <-m.ended:
			return &classed{classUnavailable, fmt.Errorf("scenario: a mirror has ended: %w", m.err)}
		}
	}
	return nil
}

// take hears of a revocation that the mirror denied.
func (m *fleetMember) take() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.took) == 0 {
		return false
	}
	m.last, m.took = m.took[0], m.took[1:]
	return true
}

// forget drops what nobody has heard of at another level.
func (m *fleetMember) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = nil
}

// look takes down what the mirror denies by now. It hears of revocations in the
// order of the log.
func (m *fleetMember) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		r, ok := m.writer.log.at(m.next)
		if !ok {
			return
		}
		now := time.Now()
		if err, known := m.mirror.Glance(r.token).Verdict(now); !known || !errors.Is(err, denylist.ErrRevoked) {
			return
		}
		m.next++
		m.took = append(m.took, now.Sub(r.called))
		select {
		case m.news <- struct{}{}:
		default:
		}
	}
}

// accepts is a wrong answer where the mirror vouches for a token that was revoked
// longer ago than it may be stale. That revocation is waited for no more.
func (m *fleetMember) accepts() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.writer.log.at(m.next)
	now := time.Now() // before it is asked
	if !ok || r.acknowledged.IsZero() || now.Sub(r.acknowledged) <= m.writer.promise {
		return nil
	}
	err, known := m.mirror.Glance(r.token).Verdict(time.Now())
	if !known || err != nil {
		return nil
	}
	m.next++
	return wrong("a mirror accepted a token %v after it was revoked", now.Sub(r.acknowledged).Round(time.Millisecond))
}

// fleetHook sees what a mirror sends, and hears. The goroutine that has entered
// what it heard sends the next command, so that looking before that is exact.
// After a wake a mirror may rest before it does: then somebody else looks.
type fleetHook fleetMember

var _ redis.Hook = (*fleetHook)(nil)

// DialHook implements [redis.Hook].
func (h *fleetHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (h *fleetHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	m := (*fleetMember)(h)
	return func(ctx context.Context, cmd redis.Cmder) error {
		m.look()
		err := next(ctx, cmd)
		if heard, ok := cmd.(*redis.XStreamSliceCmd); ok && err == nil && len(heard.Val()) > 0 {
			go m.look() // gets to run when the mirror waits for something
		}
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (h *fleetHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	m := (*fleetMember)(h)
	return func(ctx context.Context, cmds []redis.Cmder) error {
		m.look()
		m.reads.Add(1)
		return next(ctx, cmds)
	}
}
