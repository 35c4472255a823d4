package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func checkHitKind() kind {
	return kind{
		name:      "check-hit",
		means:     "The denylist is asked about revoked tokens alone, as when somebody tries stolen ones.",
		guarantee: strict,
		needs:     []string{needRedis},
		open: func(ctx context.Context, s *Stand) ([]bench.Contender, error) {
			return s.checks(ctx, "check-hit", func(p *population) []uint32 { return p.revoked }, func() (checker, error) {
				return s.denylist(ctx)
			})
		},
	}
}
