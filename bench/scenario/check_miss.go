package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func checkMissKind() kind {
	return kind{
		name:      "check-miss",
		means:     "The denylist is asked by the ids of tokens that nothing denies, as nearly all are: what strictness adds to a request, names of keys included.",
		guarantee: strict,
		needs:     []string{needRedis},
		open: func(ctx context.Context, s *Stand) ([]bench.Contender, error) {
			return s.checks(ctx, "check-miss", func(p *population) []uint32 { return p.living }, func() (checker, error) {
				return s.denylist(ctx)
			})
		},
	}
}
