package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/denylist"
)

const (
	// revokedLife is how long tokens live that are revoked beside candidates:
	// their entries expire soon after, so that a long search fills no Redis.
	revokedLife = time.Minute
	// mostUnderWay is how many revocations wait for Redis at a time. A Redis that
	// is far away takes no fewer of them for that.
	mostUnderWay = 64
)

// revoking revokes token after token while candidates are measured, as other
// servers do: in an open loop, which waits for no mirror.
type revoking struct {
	client redis.UniversalClient
	store  *denylist.Redis
	period time.Duration
	random *rand.Rand
	ids    freshIDs

	promise time.Duration // how stale a mirror may be

	mu   sync.Mutex
	lags []*lag // of the mirrors that have to hear of it
}

// expected is a token that was revoked, which mirrors have to deny.
type expected struct {
	token        denylist.Token
	acknowledged atomic.Pointer[time.Time]
}

// Revoking has tokens revoked that nobody asks for, Knobs.Revocations a second,
// from now on until the stand is closed. Candidates with a mirror that are opened
// later say how late they hear of it: [Candidate.Lag]. It returns after a second
// where there is a MaxShare: an ErrKnob says that this alone takes more.
func (s *Stand) Revoking(ctx context.Context) error {
	store, err := s.denylist(ctx)
	if err != nil {
		return err
	}
	found, err := store.Inspect(ctx)
	if err != nil {
		return fmt.Errorf("scenario: looking at Redis: %w", err)
	}
	w := &revoking{
		period:  time.Duration(float64(time.Second) / s.knobs.Revocations),
		random:  rand.New(stream(s.population.seed, "revoking instants", 0)),
		ids:     freshIDs{from: stream(s.population.seed, "revoking", 0)},
		promise: found.MaxStaleness,
	}
	if w.client, w.store, err = s.redis.dial(s.knobs.Delay); err != nil {
		if w.client != nil {
			_ = w.client.Close() // nothing was sent
		}
		return err
	}
	// It goes on while a run that was interrupted ends.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); w.run(running) }()
	s.closers = append(s.closers, func() error { stop(); <-ended; return w.client.Close() })
	s.revoking = w
	return s.affordable(ctx)
}

// affordable refuses revocations that take more of Redis than is allowed, since
// they are not held back.
func (s *Stand) affordable(ctx context.Context) error {
	if s.knobs.MaxShare == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := quota.New(s.knobs.MaxShare, s.redis.background, s.redis.cpu).Watch(ctx)
	var over *quota.Exceeded
	if errors.As(err, &over) {
		return badKnob("%v revocations a second took %.3g %% of a core of Redis, and not at most %.3g %%: want fewer",
			s.knobs.Revocations, 100*over.Took, 100*over.Limit)
	}
	return err
}

// run revokes a token at a random instant of each period. Were they evenly
// spread, they would fall on the same moment of each read.
func (w *revoking) run(ctx context.Context) {
	var underWay errgroup.Group
	underWay.SetLimit(mostUnderWay)
	defer func() { _ = underWay.Wait() }() // no revocation reports an error
	timer := time.NewTimer(0)
	defer timer.Stop()
	for began, n := time.Now(), int64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		r := w.next()
		underWay.Go(func() error { w.revoke(ctx, r); return nil })
		at := time.Duration((float64(n) + w.random.Float64()) * float64(w.period))
		timer.Reset(time.Until(began.Add(at)))
	}
}

// next is a token that nobody has revoked before. Mirrors may deny it before
// Redis's answer is here: so they are told of it first.
func (w *revoking) next() *expected {
	now := time.Now()
	of := newIDs(w.ids.from, 2)
	r := &expected{token: denylist.Token{
		Issuer: issuer, ID: w.ids.next(), Session: of[0], Subject: of[1], Login: now, ExpiresAt: now.Add(revokedLife),
	}}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lags {
		l.expect(r)
	}
	return r
}

// revoke revokes it until that is acknowledged: to repeat it is safe.
func (w *revoking) revoke(ctx context.Context, r *expected) {
	for {
		_, err := w.store.Revoke(ctx, denylist.TokenEntry(issuer, r.token.ID, r.token.ExpiresAt))
		if now := time.Now(); err == nil {
			r.acknowledged.Store(&now)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(reviseAfter):
		}
	}
}

func (w *revoking) join(l *lag) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lags = append(w.lags, l)
}

func (w *revoking) leave(l *lag) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lags = slices.DeleteFunc(w.lags, func(other *lag) bool { return other == l })
}
