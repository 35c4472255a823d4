package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

const coldStartName = "cold-start"

func coldStartKind() kind {
	return kind{
		name:        coldStartName,
		means:       "A server starts: it connects, loads a mirror of so many entries, and can tell for the first time. Then it ends.",
		guarantee:   "bounded: denied at most max-staleness after the revocation was acknowledged, proven",
		needs:       []string{needRedis},
		concurrency: []int{1},
		open:        openColdStart,
	}
}

func openColdStart(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	return s.ofSizes(ctx, coldStartName, func(side *sizedSide) coldStarter { return &mirrorStart{side} })
}

// ofSizes are the contenders of each size.
func (s *Stand) ofSizes(ctx context.Context, name string, of func(*sizedSide) coldStarter) ([]bench.Contender, error) {
	if err := s.roomForSizes(ctx); err != nil {
		return nil, err
	}
	var all []bench.Contender
	for _, size := range s.knobs.Sizes {
		side, err := s.sized(ctx, size)
		if err != nil {
			return nil, err
		}
		all = append(all, bench.Contender{
			Name: name + "/" + sizeName(size), Scenario: &coldStart{starter: of(side)}, Meters: s.redis.meter, Limit: side.patience(),
		})
	}
	return all, nil
}

// ownBaselines has each cold start compared with the rival's of the same size. SCAN
// walks over all that there is, those of other sizes too: that is said.
func (s *Stand) ownBaselines() {
	for i, d := range s.means {
		if strings.HasPrefix(d.Name, coldStartScanName+"/") && len(s.sizes) > 1 {
			s.means[i].Means += " It walks over the keys of all sizes: for a small one's ratio, measure that alone."
		}
		size, ok := strings.CutPrefix(d.Name, coldStartName+"/")
		rival := coldStartScanName + "/" + size
		if ok && slices.ContainsFunc(s.means, func(d bench.Description) bool { return d.Name == rival }) {
			s.means[i].Baseline = rival
		}
	}
}

// sizedSide is a denylist of so many entries, and two tokens that can be told
// apart with its help alone.
type sizedSide struct {
	*redisSide
	size          int
	delay         time.Duration
	revoked, good denylist.Token
}

// patience is how long a start may take: a tenth of a millisecond for an entry,
// of which a mirror needs a hundredth on an idle machine.
func (s *sizedSide) patience() time.Duration {
	return max(time.Minute, time.Duration(s.size)*100*time.Microsecond)
}

// sized is the denylist of a size, filled when it is asked for first. Its keys
// are under the run's prefix, with which they are removed.
func (s *Stand) sized(ctx context.Context, size int) (*sizedSide, error) {
	if side, ok := s.sizes[size]; ok {
		return side, nil
	}
	k := s.knobs
	k.Tokens, k.Revoked, k.Lifetime = 2, 0.5, maxLifetime // so that no entry expires before the run ends
	k.Algorithms = map[verifier.Algorithm]int{verifier.ES256: 1}
	p, err := newPopulation(k, time.Now())
	if err != nil {
		return nil, err
	}
	r := &redisSide{knobs: s.knobs, prefix: s.redis.prefix + ":" + sizeName(size), admin: s.redis.admin, keeper: s.redis.keeper}
	if r.filler, err = r.denylistOn(r.admin, denylist.RedisOptions{}); err != nil {
		return nil, err
	}
	defer r.restrained(ctx)()
	what := fmt.Sprintf("filling a denylist of %s, some %s of Redis,", sizeName(size), gibibytes(size*redisBytes))
	if err := r.fill(ctx, p.entries(size-len(p.revoked)), func(written int) {
		s.progress(what, float64(written)/float64(size))
	}); err != nil {
		return nil, fmt.Errorf("filling the denylist: %w", err)
	}
	side := &sizedSide{redisSide: r, size: size, delay: s.knobs.Delay,
		revoked: p.tokens[p.revoked[0]].known, good: p.tokens[p.living[0]].known}
	if s.sizes == nil {
		s.sizes = make(map[int]*sizedSide)
	}
	s.sizes[size] = side
	return side, nil
}

// sizeName is 10k, 1M, or 12345.
func sizeName(size int) string {
	switch {
	case size >= 1_000_000 && size%1_000_000 == 0:
		return strconv.Itoa(size/1_000_000) + "M"
	case size >= 1000 && size%1000 == 0:
		return strconv.Itoa(size/1000) + "k"
	}
	return strconv.Itoa(size)
}

// coldStarter is what starts: with a client of its own, which it dials.
type coldStarter interface {
	// start returns when both tokens were told apart, and what ends it all. That
	// is there after an error too, unless it is nil.
	start(ctx context.Context) (end func() error, err error)
}

// coldStart starts again and again. What it takes to end is in no latency.
type coldStart struct {
	starter coldStarter
	mu      sync.Mutex
	took    map[int]time.Duration // by worker
}

var _ bench.Clocked = (*coldStart)(nil)

// Operation implements bench.Scenario.
func (c *coldStart) Operation(worker, _ int) (bench.Operation, error) {
	return func(ctx context.Context) error {
		began := time.Now()
		end, err := c.starter.start(ctx)
		took := time.Since(began)
		if end != nil {
			err = errors.Join(err, end())
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.took == nil {
			c.took = make(map[int]time.Duration)
		}
		c.took[worker] = took
		return err
	}, nil
}

// Took implements bench.Clocked.
func (c *coldStart) Took(worker int) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took[worker]
}

// mirrorStart starts a mirror.
type mirrorStart struct{ side *sizedSide }

func (m *mirrorStart) start(ctx context.Context) (end func() error, err error) {
	client, store, err := m.side.dial(m.side.delay)
	if client == nil {
		return nil, err
	}
	if err != nil {
		return client.Close, err
	}
	mirror, fresh, err := newFreshMirror(store)
	if err != nil {
		return client.Close, err
	}
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- mirror.Run(running) }()
	end = func() error {
		stop()
		err := client.Close() // which ends a read that waits for a change
		<-ended
		return err
	}
	select {
	case <-fresh:
		return end, tellApart(ctx, mirror, m.side.revoked, m.side.good)
	case err := <-ended:
		ended <- err
		return end, classify(fmt.Errorf("scenario: the mirror has ended: %w", err))
	case <-ctx.Done():
		return end, fmt.Errorf("scenario: the mirror was not complete: %w", ctx.Err())
	}
}

// newFreshMirror is a mirror that nobody runs yet. Fresh is closed when it can tell
// for the first time.
func newFreshMirror(store *denylist.Redis) (mirror *denylist.Mirror, fresh <-chan struct{}, err error) {
	told := make(chan struct{})
	var once sync.Once
	mirror, err = denylist.NewMirror(store, denylist.MirrorOptions{OnState: func(state denylist.MirrorState, _ error) {
		if state == denylist.MirrorFresh {
			once.Do(func() { close(told) })
		}
	}})
	return mirror, told, err
}

// tellApart asks about both tokens. Of an entry that it has read from the index
// alone a mirror asks Redis what it denies, once; what has none it knows.
func tellApart(ctx context.Context, mirror *denylist.Mirror, revoked, good denylist.Token) error {
	err, known := mirror.Glance(good).Verdict(time.Now())
	if !known {
		err = &askedError{mirror.Check(ctx, good)}
	}
	if err := judgeAsked(err, false); err != nil {
		return err
	}
	return judge(mirror.Check(ctx, revoked), true)
}
