package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func verifyFirstKind() kind {
	return kind{
		name:      "verify-first",
		means:     "A token that was never seen before is verified strictly: signature, claims, and a fresh answer from Redis.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openVerifyFirst,
	}
}

func openVerifyFirst(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.population.verifier(store)
	if err != nil {
		return nil, err
	}
	p := s.population
	return one("verify-first", newByToken(p, p.everyone(), p.verification(v, judge)), s.redis.meter...), nil
}
