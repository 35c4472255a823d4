package scenario

import (
	"context"
	"time"

	"github.com/rescindhq/rescind/bench"
)

func checkMirrorKind() kind {
	return kind{
		name:      "check-mirror",
		means:     "A fresh mirror of the denylist is asked instead of Redis, by a service that verifies tokens by other means.",
		guarantee: bounded,
		needs:     []string{needRedis},
		open:      openCheckMirror,
	}
}

func openCheckMirror(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	m, err := s.mirror(ctx)
	if err != nil {
		return nil, err
	}
	p := s.population
	do := func(ctx context.Context, n uint32) error {
		t := &p.tokens[n]
		// As Mirror.Check does it, but that it is seen when Redis is asked.
		err, known := m.Glance(t.known).Verdict(time.Now())
		if !known {
			err = m.Check(ctx, t.known)
		}
		return m.judge(err, t.revoked)
	}
	return one("check-mirror", yielding(p, 256, do), s.redis.meter...), nil
}
