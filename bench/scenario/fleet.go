package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/quota"
)

func fleetKind() kind {
	return kind{
		name:        bench.FleetScenario,
		means:       "Each worker is a mirror of its own connection, as another server's, and waits until it denies the next revocation.",
		guarantee:   "bounded: denied at most max-staleness after the revocation was acknowledged, proven",
		needs:       []string{needRedis},
		concurrency: []int{1, 10, 100},
		open:        openFleet,
	}
}

// fleet is as many mirrors as there are workers. Somebody revokes token after
// token, and an operation of a worker is over when its mirror denies the next of
// them. A latency begins where that of revoke does, with the call.
type fleet struct {
	stand   *Stand
	writer  *fleetWriter
	members []*fleetMember // of the level that is measured
	waiting atomic.Int64   // workers

	gauging sync.Mutex
	before  fleetReading // the last one of this level; zero: none
}

var (
	_ bench.Clocked    = (*fleet)(nil)
	_ bench.Scaled     = (*fleet)(nil)
	_ bench.Gauged     = (*fleet)(nil)
	_ bench.Restrained = (*fleet)(nil)
)

func openFleet(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	if err := s.roomForFleet(ctx); err != nil {
		return nil, err
	}
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	found, err := store.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	f := &fleet{stand: s}
	f.writer = newFleetWriter(f, store, found.MaxStaleness)
	// It goes on while a run that was interrupted ends.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); f.writer.run(running) }()
	s.closers = append(s.closers, func() error { // before what is mirrored is removed, which mirrors would give back
		stop()
		<-ended
		return f.shrink(0)
	})
	c := one(bench.FleetScenario, f, s.redis.meter...)
	c[0].Limit = 5*time.Second + 2*f.writer.period // which no two revocations are apart
	return c, nil
}

// Restrain implements bench.Restrained: revocations wait, since what they cost
// is what mirrors read. Workers wait for these anyway.
func (f *fleet) Restrain(beside *quota.Keeper) (waits bool) {
	f.writer.keeper.Store(beside)
	return true
}

// fleetStarts is how many mirrors load at the same time, where Redis has to leave
// no room for others.
const fleetStarts = 8

// Scale implements bench.Scaled: it starts mirrors, or ends some. Where Redis may
// give only a share of a core, one loads after the other, and no more of them than
// that has room for.
func (f *fleet) Scale(ctx context.Context, workers int) error {
	f.gauging.Lock()
	f.before = fleetReading{}
	f.gauging.Unlock()
	if err := f.shrink(workers); err != nil {
		return err
	}
	for _, m := range f.members {
		m.forget()
	}
	if f.stand.redis.keeper != nil {
		return f.growWithin(ctx, workers)
	}
	more := make([]*fleetMember, workers-len(f.members))
	starts, starting := errgroup.WithContext(ctx)
	starts.SetLimit(fleetStarts)
	for i := range more {
		starts.Go(func() (err error) {
			more[i], err = f.start(starting)
			return err
		})
	}
	err := starts.Wait()
	// Those that did start have to be ended by somebody.
	f.members = append(f.members, slices.DeleteFunc(more, func(m *fleetMember) bool { return m == nil })...)
	return err
}

// shrink ends all mirrors but the first ones.
func (f *fleet) shrink(to int) error {
	if len(f.members) <= to {
		return nil
	}
	rest := f.members[to:]
	f.members = f.members[:to:to]
	var ends errgroup.Group
	for _, m := range rest {
		ends.Go(m.close)
	}
	return ends.Wait()
}

// Operation implements bench.Scenario.
func (f *fleet) Operation(worker, _ int) (bench.Operation, error) {
	if worker >= len(f.members) {
		return nil, fmt.Errorf("scenario: there are %d mirrors, and worker %d", len(f.members), worker)
	}
	m := f.members[worker]
	return func(ctx context.Context) error {
		f.waiting.Add(1)
		defer f.waiting.Add(-1)
		return m.await(ctx)
	}, nil
}

// Took implements bench.Clocked.
func (f *fleet) Took(worker int) time.Duration { return f.members[worker].last }

// fleetReading is what the figures of a fleet are differences of.
type fleetReading struct {
	at          time.Time
	reads, sent float64
	revoked     int
	clock       machineClock
}

// Gauges implements bench.Gauged. What is so much a second is so since the last
// reading, of which a level's first slice has none.
func (f *fleet) Gauges(ctx context.Context) (map[string]float64, error) {
	f.gauging.Lock()
	defer f.gauging.Unlock()
	gauges := map[string]float64{}
	now := fleetReading{at: time.Now(), clock: readMachine()}
	var oldest time.Duration
	for _, m := range f.members {
		now.reads += float64(m.reads.Load())
		if age, ok := m.mirror.Freshness(); ok {
			oldest = max(oldest, age)
		}
	}
	gauges[bench.GaugeProofAge] = oldest.Seconds()
	now.revoked = f.writer.log.end()
	known, err := f.askRedis(ctx, gauges, &now)
	if err != nil {
		return nil, err
	}
	if seconds := now.at.Sub(f.before.at).Seconds(); !f.before.at.IsZero() && seconds > 0 {
		gauges[bench.GaugeRevocations] = float64(now.revoked-f.before.revoked) / seconds
		gauges[bench.GaugeReads] = (now.reads - f.before.reads) / seconds
		if known {
			gauges[bench.GaugeSent] = (now.sent - f.before.sent) / seconds
		}
		if busy, ok := now.clock.busySince(f.before.clock); ok {
			gauges[bench.GaugeBusy] = busy
		}
	}
	f.before = now
	return gauges, nil
}

// askRedis asks every master how many connections it has, and what it sent.
func (f *fleet) askRedis(ctx context.Context, gauges map[string]float64, now *fleetReading) (known bool, err error) {
	clients, err := f.stand.redis.readClients(ctx)
	if err != nil || clients == nil {
		return false, err
	}
	gauges[bench.GaugeConnections] = clients["connected_clients"]
	now.sent = clients["total_net_output_bytes"]
	return !math.IsNaN(now.sent), nil
}

// start starts a mirror, and returns when it is fresh.
func (f *fleet) start(ctx context.Context) (*fleetMember, error) {
	client, store, err := f.stand.redis.dial(f.stand.knobs.Delay)
	if err != nil {
		if client != nil {
			_ = client.Close() // nothing was sent
		}
		return nil, err
	}
	m := &fleetMember{writer: f.writer, client: client, ended: make(chan struct{}), news: make(chan struct{}, 1)}
	client.AddHook((*fleetHook)(m))
	defer f.stand.redis.restrainLoad(ctx, client)()
	if m.mirror, m.fresh, err = newFreshMirror(store); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	f.writer.join(m)
	if err := m.run(ctx, f.stand.redis.patience()); err != nil {
		return nil, err
	}
	return m, nil
}
