package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/lab"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

func outageKind() kind {
	return kind{
		name:  "outage",
		means: "What callers see while a Redis of the run's own hangs, is killed, is slow and fails over; yours is not touched.",
		needs: []string{needServer},
		each: map[string]words{
			"outage/strict": {
				"Verified strictly with default settings while a Redis of the run's own breaks: each check asks it, within 50 ms.",
				"strict: denied by every check that begins after the revocation was acknowledged",
			},
			"outage/mirror": {
				"Verified beside a mirror while a Redis of the run's own breaks: once the mirror is too old, Redis is asked.",
				"bounded: denied at most max-staleness after the revocation was acknowledged, proven",
			},
			"outage/naive": {
				"Verified by golang-jwt, then EXISTS with what go-redis sets by itself, while a Redis of the run's own breaks.",
				"strict: denied by every check that begins after the revocation was acknowledged",
			},
		},
		open: openOutage,
	}
}

const (
	// revokeEvery is how often a token is revoked beside what is measured, while
	// Redis lets one.
	revokeEvery = 200 * time.Millisecond
	// mirrorGrace is the max-staleness of a mirror with default settings.
	mirrorGrace = time.Second
)

// outage is one contender: its own servers, with the same denylist, and what
// happens to them.
type outage struct {
	questions
	script []Fault
	calm   time.Duration
	lab    *lab.Lab
	own    *Stand // of these servers
	late   lateness
	revoke func(ctx context.Context, t *token) error

	witness atomic.Pointer[witness]

	mu          sync.Mutex
	concurrency int  // of the turn that comes, or is
	lost        bool // what became of the servers is not known
	told        told
}

var _ bench.Staged = (*outage)(nil)

// openOutage starts servers for each contender, so that none has to do with
// what became of another's.
func openOutage(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	executable, err := lab.Find(s.knobs.Outage.Server)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	if _, err := s.minted(ctx); err != nil {
		return nil, err
	}
	var all []bench.Contender
	for _, of := range []struct {
		name  string
		grace time.Duration
		open  func(ctx context.Context, o *outage) error
	}{
		{"outage/strict", 0, openOutageStrict},
		{"outage/mirror", mirrorGrace, openOutageMirror},
		{"outage/naive", 0, openOutageNaive},
	} {
		o, err := s.openLab(ctx, executable, of.name, of.grace)
		if err == nil {
			err = of.open(ctx, o)
		}
		if err == nil {
			err = o.lab.Sync(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", of.name, err)
		}
		s.tellers = append(s.tellers, &o.told)
		all = append(all, one(of.name, o)...)
	}
	return all, nil
}

// openLab starts the servers of one contender.
func (s *Stand) openLab(ctx context.Context, executable, name string, grace time.Duration) (*outage, error) {
	k := s.knobs
	s.progress("starting servers for "+name, 0)
	watched := slices.ContainsFunc(k.Outage.Faults, func(f Fault) bool { return f.Name == FaultFailedOver })
	servers, err := lab.Open(ctx, executable, watched)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrServer, err)
	}
	o := &outage{questions: questions{name: name, population: s.population}, script: k.Outage.Faults, calm: k.Calm, lab: servers}
	s.closers = append(s.closers, func() error { return servers.Close() })
	k.Redis = RedisKnobs{
		URL: servers.URL(), Prefix: defaultPrefix, Partitions: k.Redis.Partitions, SkewMargin: k.Redis.SkewMargin,
		CheckTimeout: k.Outage.CheckTimeout,
	}
	redis, err := openRedis(ctx, k)
	if err != nil {
		return nil, err
	}
	redis.reached = false // nothing is to be removed: the servers are
	redis.client.AddHook(&o.late)
	o.own = &Stand{knobs: k, progress: s.progress, redis: redis, population: s.population}
	s.closers = append(s.closers, o.own.Close) // before the servers end
	s.about = redis.describe()
	delete(s.about, "prefix")
	s.about["address"] = "servers of this run alone"
	// As many as can be revoked in all turns, by far.
	tokens, err := s.population.more(ctx, "outage", int(k.Runs/revokeEvery)+100)
	if err != nil {
		return nil, err
	}
	o.ledger.Store(newLedger(tokens, grace))
	o.witness.Store(&witness{})
	s.progress("starting servers for "+name, 1)
	return o, nil
}

func openOutageStrict(ctx context.Context, o *outage) error {
	store, err := o.own.denylist(ctx)
	if err != nil {
		return err
	}
	return o.verifyBy(store)
}

func openOutageMirror(ctx context.Context, o *outage) error {
	m, err := o.own.mirror(ctx)
	if err != nil {
		return err
	}
	return o.verifyBy(m.Mirror)
}

// verifyBy verifies with default settings, and revokes as another process does.
func (o *outage) verifyBy(list verifier.Denylist) error {
	p, filler := o.own.population, o.own.redis.filler
	v, err := verifier.New(list, []verifier.Issuer{p.issuer()}, verifier.Options{})
	if err != nil {
		return err
	}
	o.answer = func(ctx context.Context, t *token) error {
		_, err := v.Verify(ctx, t.raw)
		return err
	}
	o.revoke = func(ctx context.Context, t *token) error {
		_, err := filler.Revoke(ctx, denylist.TokenEntry(issuer, t.known.ID, p.expiresAt))
		return err
	}
	return nil
}

// openOutageNaive is naive with a client as people make one.
func openOutageNaive(ctx context.Context, o *outage) error {
	r := o.own.redis
	client := o.lab.Client()
	client.AddHook(&o.late)
	r.plain = client
	n, err := newNaive(ctx, o.own)
	if err != nil {
		return err
	}
	o.answer = n.answer
	o.revoke = func(ctx context.Context, t *token) error {
		return r.admin.Set(ctx, r.plainKey(t.known.ID), "1", time.Until(o.own.population.expiresAt)).Err()
	}
	return nil
}

// Operation implements bench.Scenario.
func (o *outage) Operation(worker, workers int) (bench.Operation, error) {
	o.mu.Lock()
	o.concurrency = workers
	o.mu.Unlock()
	w, err := o.worker(worker, workers)
	if err != nil {
		return nil, err
	}
	l := o.ledger.Load()
	return func(ctx context.Context) error {
		began := l.now()
		err := o.ask(ctx, w)
		o.witness.Load().saw(began, l.now(), verdict(err))
		return err
	}, nil
}
