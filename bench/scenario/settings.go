package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Settings are what a user of the engine may set for speed. Zero is the default
// of each, but for Mirror.
type Settings struct {
	PoolSize     int           // connections: pool_size of the URL; 0: what that says, else ten for each core
	CheckFlights int           // default 4
	CheckBatch   int           // default 1024
	CheckWindow  time.Duration // default 2 ms
	Mirror       bool          // a check asks a mirror: bounded, not strict, unless
	Confirmed    bool          // Redis confirms what the mirror says
	MirrorWakes  int           // 0: the mirror's own share
	CacheEntries int           // default 32,768
}

// maxPool is the most connections that are tried: a Redis takes 10,000.
const maxPool = 4096

// check refuses what the engine would refuse, and more connections than are
// anybody's to take.
func (of Settings) check() error {
	switch {
	case of.PoolSize < 0 || of.PoolSize > maxPool:
		return badKnob("a pool of %d connections: want up to %d", of.PoolSize, maxPool)
	case of.CheckFlights < 0 || of.CheckBatch < 0 || of.CheckWindow < 0 || of.MirrorWakes < 0 || of.CacheEntries < 0:
		return badKnob("a negative setting: %+v", of)
	case of.MirrorWakes > 0 && !of.Mirror:
		return badKnob("wakes of a mirror where there is none")
	case of.Confirmed && !of.Mirror:
		return badKnob("confirming a mirror where there is none")
	}
	return nil
}

// Candidate is the engine with some settings, on a stand's Redis, with clients,
// a verifier and a cache of its own. Tokens and entries are the stand's.
type Candidate struct {
	contender, checks bench.Contender
	lag               *lag // nil: without a mirror, or nobody revokes
	close             func() error
}

// Verify is the contender that verifies the stand's tokens: strictly, or beside
// a mirror.
func (c *Candidate) Verify() bench.Contender { return c.contender }

// Checks is the contender that asks Redis alone, as a mirror does where it
// cannot tell.
func (c *Candidate) Checks() bench.Contender { return c.checks }

// Lag is how late the mirror was to deny what was revoked since this was asked
// last, or since it was opened; false: there is no mirror, or nobody revokes.
func (c *Candidate) Lag() (Lag, bool) {
	if c.lag == nil {
		return Lag{}, false
	}
	return c.lag.take(), true
}

// Close ends the mirror and closes the connections. The stand does it too.
func (c *Candidate) Close() error { return c.close() }

// Candidate opens the engine with settings, ready to be measured: connected, and
// with what its cache has room for seen before. Name is the contender's. Of
// settings that the engine refuses it returns an ErrKnob.
func (s *Stand) Candidate(ctx context.Context, name string, of Settings) (*Candidate, error) {
	if err := of.check(); err != nil {
		return nil, err
	}
	if s.redis == nil {
		return nil, fmt.Errorf("%w: settings are measured on a Redis: name one", ErrMissing)
	}
	if _, err := s.denylist(ctx); err != nil {
		return nil, err
	}
	c := &Candidate{}
	if err := s.openCandidate(ctx, c, name, of); err != nil {
		err = errors.Join(err, c.close())
		if errors.Is(err, denylist.ErrInvalid) {
			err = fmt.Errorf("%w: %w", ErrKnob, err)
		}
		return nil, fmt.Errorf("scenario: opening %s: %w", name, err)
	}
	s.closers = append(s.closers, c.close)
	return c, nil
}

// openCandidate fills a candidate in; its close is good in any case.
func (s *Stand) openCandidate(ctx context.Context, c *Candidate, name string, of Settings) error {
	stop := func() error { return nil }
	var client redis.UniversalClient
	c.close = sync.OnceValue(func() error {
		err := stop()
		if client != nil {
			err = errors.Join(err, client.Close())
		}
		return err
	})
	rawURL, err := withPool(s.redis.knobs.Redis.URL, of.PoolSize)
	if err != nil {
		return err
	}
	client, store, err := s.redis.dialAs(rawURL, s.knobs.Delay, denylist.RedisOptions{
		CheckFlights: of.CheckFlights, CheckBatch: of.CheckBatch, CheckWindow: of.CheckWindow,
	})
	if err != nil {
		return err
	}
	if s.redis.loading != nil {
		client.AddHook(s.redis.loading)
	}
	list := verifier.Denylist(store)
	if of.Mirror {
		if list, stop, err = s.mirrorFor(ctx, c, client, store, of); err != nil {
			return err
		}
	}
	v, err := verifier.New(list, []verifier.Issuer{s.population.issuer()}, verifier.Options{CacheEntries: of.CacheEntries})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKnob, err)
	}
	if err := s.fillCache(ctx, v, of.CacheEntries); err != nil {
		return err
	}
	c.contender, c.checks = s.tuned(name, v, of.Mirror && !of.Confirmed), s.asking(name, store)
	return nil
}

// mirrorFor is a candidate's mirror, which asks Redis where it cannot tell, as in
// production. Where somebody revokes it is taken down how late it hears of that.
func (s *Stand) mirrorFor(ctx context.Context, c *Candidate, client redis.UniversalClient, store *denylist.Redis, of Settings) (*denylist.Mirror, func() error, error) {
	if s.revoking != nil && !of.Confirmed { // which is never late
		c.lag = newLag(s.revoking.promise)
		client.AddHook(c.lag)
	}
	m, stop, err := s.mirrorOf(ctx, store, denylist.MirrorOptions{Wakes: of.MirrorWakes, Confirmed: of.Confirmed})
	if err != nil {
		return nil, stop, err
	}
	if err := m.settle(ctx, s.population); err != nil || c.lag == nil {
		return m.Mirror, stop, err
	}
	leave := c.lag.follow(m.Mirror, s.revoking)
	return m.Mirror, func() error { leave(); return stop() }, nil
}

// tuned verifies the stand's tokens.
func (s *Stand) tuned(name string, v *verifier.Verifier, mirrored bool) bench.Contender {
	p := s.population
	do := p.verification(v, judge)
	c := bench.Contender{Name: name, Scenario: newByToken(p, p.everyone(), do), Meters: s.redis.meter}
	if mirrored {
		c.Scenario = yielding(p, 16, do)
	}
	return c
}

// asking asks a store about the stand's tokens.
func (s *Stand) asking(name string, store *denylist.Redis) bench.Contender {
	p := s.population
	check := func(ctx context.Context, n uint32) error {
		return judge(store.Check(ctx, p.tokens[n].known), p.tokens[n].revoked)
	}
	return bench.Contender{Name: name, Scenario: newByToken(p, p.everyone(), check), Meters: s.redis.meter}
}

// fillers is how many tokens are seen at once while a cache is filled, so that
// a distant Redis does not make it long.
const fillers = 256

// fillCache has a verifier see what its cache has room for: one that is cold
// would be slower for that alone than another that was measured for a while.
func (s *Stand) fillCache(ctx context.Context, v *verifier.Verifier, room int) error {
	defer s.redis.restrained(ctx)()
	living := s.population.living
	if room > 0 {
		living = living[:min(len(living), room)]
	}
	all, filling := errgroup.WithContext(ctx)
	all.SetLimit(fillers)
	for _, n := range living {
		if filling.Err() != nil {
			break
		}
		all.Go(func() error {
			return s.redis.piece(filling, func() error {
				_, err := v.Verify(filling, s.population.tokens[n].raw)
				return err
			})
		})
	}
	if err := all.Wait(); err != nil {
		return fmt.Errorf("filling the cache: %w", err)
	}
	return ctx.Err()
}

// withPool is a URL of Redis with another number of connections; 0: as it is.
func withPool(rawURL string, size int) (string, error) {
	if size == 0 {
		return rawURL, nil
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", badKnob("the URL of Redis cannot be parsed") // its error would echo it
	}
	query := u.Query()
	query.Set("pool_size", strconv.Itoa(size))
	u.RawQuery = query.Encode()
	return u.String(), nil
}
