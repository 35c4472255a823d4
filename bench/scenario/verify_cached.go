package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

const (
	// cacheRoom is how many tokens there is room for, for each that there is:
	// so many that none has to go because others are kept in the same place.
	cacheRoom = 16
	// cacheBytes is what so much room takes at least.
	cacheBytes = cacheRoom * 512
)

func verifyCachedKind() kind {
	return kind{
		name:      "verify-cached",
		means:     "A token that was seen before is verified beside a fresh mirror of the denylist: what most requests of an API are.",
		guarantee: bounded,
		needs:     []string{needRedis},
		open:      openVerifyCached,
	}
}

// hotToken is a token that a verifier has seen, and what it said then.
type hotToken struct {
	raw     string
	claims  verifier.Claims
	id      string
	revoked bool
}

func openVerifyCached(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	m, err := s.mirror(ctx)
	if err != nil {
		return nil, err
	}
	p := s.population
	v, err := verifier.New(m, []verifier.Issuer{p.issuer()}, verifier.Options{
		CacheEntries: cacheRoom * len(p.tokens),
		CacheBytes:   max(cacheBytes*int64(len(p.tokens)), 1<<20),
	})
	if err != nil {
		return nil, badKnob("%d tokens do not fit into a cache: %v", len(p.tokens), err)
	}
	hot, err := s.seen(ctx, m, v)
	if err != nil {
		return nil, fmt.Errorf("warming the cache: %w", err)
	}
	do := func(ctx context.Context, n uint32) error {
		t := &hot[n]
		claims, err := v.Verify(ctx, t.raw)
		// A cache gives the same claims again, which costs less to compare.
		if err == nil && claims != t.claims && claims.ID() != t.id {
			return wrong("the claims are another token's")
		}
		return m.judge(err, t.revoked)
	}
	return one("verify-cached", yielding(p, 256, do), s.redis.meter...), nil
}

// seen has the verifier see every token. One that is revoked was good when it
// was seen first, as in production: otherwise none of them would be kept, and
// each would have its signature checked again and again.
func (s *Stand) seen(ctx context.Context, m *mirrorSide, v *verifier.Verifier) ([]hotToken, error) {
	p := s.population
	for _, n := range p.revoked {
		if _, err := s.redis.filler.Reinstate(ctx, denylist.ScopeToken, issuer, p.tokens[n].known.ID); err != nil {
			return nil, err
		}
	}
	if err := m.until(ctx, p, false); err != nil {
		return nil, err
	}
	hot := make([]hotToken, len(p.tokens))
	if err := p.see(ctx, v, hot, func(share float64) { s.progress("warming the cache", share) }); err != nil {
		return nil, err
	}
	misses := v.CacheStats().Misses
	if err := p.see(ctx, v, hot, func(float64) {}); err != nil {
		return nil, err
	}
	if again := v.CacheStats().Misses - misses; again > 0 {
		return nil, badKnob("%d of %d tokens do not fit into a cache", again, len(p.tokens))
	}
	for batch := range p.entries(0) { // by the script: the mirror has to hear of it
		if _, err := s.redis.filler.Revoke(ctx, batch...); err != nil {
			return nil, err
		}
	}
	return hot, m.until(ctx, p, true)
}

// see has the verifier see every token once.
func (p *population) see(ctx context.Context, v *verifier.Verifier, hot []hotToken, progress func(share float64)) error {
	viewers, ctx := errgroup.WithContext(ctx)
	var done atomic.Int64
	for core := range cores() {
		viewers.Go(func() error {
			for n := core; n < len(hot); n += cores() {
				t := &p.tokens[n]
				claims, err := firstSight(ctx, v, t.raw)
				if err != nil {
					return err
				}
				hot[n] = hotToken{raw: t.raw, claims: claims, id: t.known.ID, revoked: t.revoked}
				done.Add(1)
			}
			return nil
		})
	}
	return watch(viewers.Wait, func() { progress(float64(done.Load()) / float64(len(hot))) })
}

// firstSight verifies a good token, again where the mirror was too old to tell:
// on a machine with too much to do it may be now and then.
func firstSight(ctx context.Context, v *verifier.Verifier, raw string) (verifier.Claims, error) {
	for deadline := time.Now().Add(mirrorPatience); ; {
		claims, err := v.Verify(ctx, raw)
		var asked *askedError
		if !errors.As(err, &asked) || asked.answer != nil || time.Now().After(deadline) {
			return claims, err
		}
	}
}
