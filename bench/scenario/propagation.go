package scenario

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

func propagationKind() kind {
	return kind{
		name:      "propagation",
		means:     "A token is revoked here, until the mirror of another process denies it: how long a server accepts what another has ended.",
		guarantee: bounded,
		needs:     []string{needRedis},
		open:      openPropagation,
	}
}

// propagation revokes tokens that nobody has revoked before, and has another
// process say when its mirror denied them. A latency begins where that of
// revoke does, with the call, and ends when the other process was refused.
type propagation struct {
	population *population
	store      *denylist.Redis
	follower   *follower
	workers    perWorker[*propagated]
}

// propagated is what a worker revokes, and how long the last one took.
type propagated struct {
	ids  freshIDs
	took time.Duration
}

var _ bench.Clocked = (*propagation)(nil)

func openPropagation(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	s.progress("starting another process", 0)
	f, err := startFollower(ctx, s.knobs.Follower, followed{
		Redis: s.knobs.Redis, Prefix: s.redis.prefix, Delay: s.knobs.Delay, ExpiresAt: s.population.expiresAt,
		MaxShare: s.knobs.MaxShare, Background: s.redis.background,
	})
	if err != nil {
		return nil, err
	}
	s.progress("starting another process", 1)
	s.closers = append(s.closers, f.close) // before what it mirrors is removed, which it would give back
	return one("propagation", &propagation{population: s.population, store: store, follower: f}, s.redis.meter...), nil
}

// Operation implements bench.Scenario.
func (p *propagation) Operation(worker, _ int) (bench.Operation, error) {
	w, err := p.worker(worker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return p.propagate(ctx, w) }, nil
}

// Took implements bench.Clocked.
func (p *propagation) Took(worker int) time.Duration {
	w, _ := p.worker(worker) // which is there since its first operation
	return w.took
}

func (p *propagation) worker(worker int) (*propagated, error) {
	return p.workers.get(worker, func() (*propagated, error) {
		return &propagated{ids: freshIDs{from: stream(p.population.seed, "propagation", worker)}}, nil
	})
}

// propagate is the operation. The other process looks out for the token before
// it is revoked.
func (p *propagation) propagate(ctx context.Context, w *propagated) error {
	id := w.ids.next()
	denied, err := p.follower.lookOut(ctx, id)
	if err != nil {
		return err
	}
	defer p.follower.forget(id)
	began := sharedNow()
	receipt, err := p.store.Revoke(ctx, denylist.TokenEntry(issuer, id, p.population.expiresAt))
	if err != nil {
		return classify(err)
	}
	if err := judgeReceipt(receipt, id); err != nil {
		return err
	}
	select {
	case at := <-denied:
		w.took = at - began
	case <-ctx.Done():
		return fmt.Errorf("scenario: the other process did not hear of it: %w", ctx.Err())
	case <-p.follower.ended:
		return p.follower.broken()
	}
	if w.took <= 0 {
		return wrong("a token was denied before it was revoked")
	}
	return nil
}

// awaited is who waits for what the other process says, by id.
type awaited struct {
	mu sync.Mutex
	of map[string]*lookout
}

// lookout is what the other process says of one token.
type lookout struct {
	ready  chan struct{}      // it looks
	denied chan time.Duration // when it was refused
}

func (a *awaited) add(id string) *lookout {
	l := &lookout{ready: make(chan struct{}, 1), denied: make(chan time.Duration, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[id] = l
	return l
}

func (a *awaited) find(id string) (*lookout, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.of[id]
	return l, ok
}

func (a *awaited) remove(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, id)
}
