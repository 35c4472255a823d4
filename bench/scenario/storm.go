package scenario

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/verifier"
)

func stormKind() kind {
	return kind{
		name:  "storm",
		means: "Tokens are verified while thousands of others are revoked as fast as that goes: an incident that is dealt with.",
		needs: []string{needRedis},
		each: map[string]words{
			"storm/strict": {
				"Verified strictly with default settings, while thousands of other tokens are revoked as fast as that goes.",
				"strict: denied by every check that begins after the revocation was acknowledged",
			},
			"storm/mirror": {
				"Verified beside a mirror, which has to learn of thousands of tokens that are revoked as fast as that goes.",
				"bounded: denied at most max-staleness after the revocation was acknowledged, proven",
			},
		},
		open: openStorm,
	}
}

const (
	// maxVictims is how many of the revoked tokens are verified too; the others
	// nobody sends. The last one is one of them.
	maxVictims = 500
	// stormWriters revoke at once, a full call each.
	stormWriters = 4
	// Where Redis may give only a share of a core, one call follows the other, and
	// each takes some 1/60 of what that is in a second.
	leastStormBatch = 10
	shareStormBatch = 400 // of a whole core
	// sweepBatch is how many checks are a piece of work at the end.
	sweepBatch = 25
)

// storm is one contender.
type storm struct {
	questions
	stand  *Stand
	grace  time.Duration
	mirror *mirrorSide   // nil: strict
	sample int           // one verification in so many is timed, by phase
	keeper *quota.Keeper // of what happens; nil: it is not held back

	turns atomic.Int64 // how many were prepared
	held  atomic.Int64 // nanoseconds that the revocations waited for permits
	phase atomic.Int32
	timed perWorker[*phases]

	mu          sync.Mutex
	concurrency int
	told        told
}

var (
	_ bench.Staged     = (*storm)(nil)
	_ bench.Restrained = (*storm)(nil)
)

// Restrain implements bench.Restrained: those who verify wait, too.
func (s *storm) Restrain(beside *quota.Keeper) (waits bool) {
	s.keeper = beside
	return false
}

// The phases of a turn.
const (
	before = iota
	during
	after
	phaseCount
)

// phases are the latencies that one worker has seen, in nanoseconds.
type phases struct {
	mu   sync.Mutex
	each [phaseCount]*hdrhistogram.Histogram
}

func newPhases() *phases {
	p := &phases{}
	for i := range p.each {
		p.each[i] = hdrhistogram.New(1, int64(time.Minute), 2)
	}
	return p
}

func openStorm(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.mirror(ctx)
	if err != nil {
		return nil, err
	}
	var all []bench.Contender
	for _, of := range []struct {
		name   string
		grace  time.Duration
		mirror *mirrorSide
		list   verifier.Denylist
		sample int // a strict check takes far longer than a look at the clock
	}{
		{"storm/strict", 0, nil, store, 1},
		{"storm/mirror", mirrorGrace, m, m.Mirror, 8},
	} {
		v, err := verifier.New(of.list, []verifier.Issuer{s.population.issuer()}, verifier.Options{})
		if err != nil {
			return nil, err
		}
		c := &storm{stand: s, grace: of.grace, mirror: of.mirror, sample: of.sample}
		c.name, c.population, c.yields = of.name, s.population, of.mirror != nil
		c.answer = func(ctx context.Context, t *token) error {
			_, err := v.Verify(ctx, t.raw)
			return err
		}
		s.tellers = append(s.tellers, &c.told)
		all = append(all, one(of.name, c, s.redis.meter...)...)
	}
	return all, nil
}

// Operation implements bench.Scenario. Each level of concurrency has tokens of
// its own to revoke.
func (s *storm) Operation(worker, workers int) (bench.Operation, error) {
	if worker == 0 {
		if err := s.prepare(workers); err != nil {
			return nil, err
		}
	}
	w, err := s.worker(worker, workers)
	if err != nil {
		return nil, err
	}
	times, err := s.timed.get(worker, func() (*phases, error) { return newPhases(), nil })
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if w.done%s.sample != s.sample/2 {
			return s.ask(ctx, w)
		}
		began := time.Now()
		err := s.ask(ctx, w)
		if err == nil {
			times.add(int(s.phase.Load()), time.Since(began))
		}
		return err
	}, nil
}

func (s *storm) prepare(workers int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.concurrency = workers
	purpose := fmt.Sprintf("%s %d", s.name, s.turns.Add(1))
	victims, err := s.population.more(context.Background(), purpose, min(maxVictims, s.stand.knobs.Storm))
	if err != nil {
		return err
	}
	s.ledger.Store(newLedger(victims, s.grace))
	s.phase.Store(before)
	return nil
}

func (p *phases) add(phase int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.each[phase].RecordValue(min(int64(took), int64(time.Minute))) // within its range
}
