package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func verifyMirrorKind() kind {
	return kind{
		name:      "verify-mirror",
		means:     "A token that was never seen before is verified beside a fresh mirror of the denylist: signature and claims, and no round trip.",
		guarantee: bounded,
		needs:     []string{needRedis},
		open:      openVerifyMirror,
	}
}

func openVerifyMirror(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	m, err := s.mirror(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.population.verifier(m)
	if err != nil {
		return nil, err
	}
	p := s.population
	return one("verify-mirror", yielding(p, 16, p.verification(v, m.judge)), s.redis.meter...), nil
}
