package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/verifier"
)

func verifyKind() kind {
	return kind{
		name:      "verify",
		means:     "A token is verified strictly, with default settings: a fresh answer from Redis for every request, and the signature checked once.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openVerify,
	}
}

func openVerify(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(store, []verifier.Issuer{s.population.issuer()}, verifier.Options{})
	if err != nil {
		return nil, err
	}
	p := s.population
	return one("verify", newByToken(p, p.everyone(), p.verification(v, judge)), s.redis.meter...), nil
}

// verification verifies a token of the population on the whole path, and has the
// answer held against what is known.
func (p *population) verification(v *verifier.Verifier, judge func(answer error, revoked bool) error) func(ctx context.Context, n uint32) error {
	return func(ctx context.Context, n uint32) error {
		t := &p.tokens[n]
		claims, err := v.Verify(ctx, t.raw)
		if err == nil && claims.ID() != t.known.ID {
			return wrong("the claims are another token's")
		}
		return judge(err, t.revoked)
	}
}
