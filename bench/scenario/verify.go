package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/verifier"
)

func verifyKind() kind {
	return kind{
		name:  "verify",
		means: "A token is verified on the whole path, with a fresh answer from Redis: what a request costs that is checked strictly.",
		needs: []string{needRedis},
		open:  openVerify,
	}
}

func openVerify(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	scenario, err := s.population.verification(store)
	if err != nil {
		return nil, err
	}
	return one("verify", scenario, s.redis.meter...), nil
}

// verification verifies the population's tokens on the whole path, and holds
// each answer against what is known.
func (p *population) verification(list verifier.Denylist) (bench.Scenario, error) {
	v, err := p.verifier(list)
	if err != nil {
		return nil, err
	}
	return newByToken(p, p.everyone(), func(ctx context.Context, n uint32) error {
		t := &p.tokens[n]
		claims, err := v.Verify(ctx, t.raw)
		if err == nil && claims.ID() != t.known.ID {
			return wrong("the claims are another token's")
		}
		return judge(err, t.revoked)
	}), nil
}
