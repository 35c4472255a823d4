package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

func verifyConfirmedKind() kind {
	return kind{
		name:      "verify-confirmed",
		means:     "As verify, beside a mirror of the denylist: Redis is asked what it wrote last, once for all who wait, and the mirror for the token.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openVerifyConfirmed,
	}
}

func openVerifyConfirmed(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	p, err := s.minted(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.confirmed(ctx)
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(m, []verifier.Issuer{p.issuer()}, verifier.Options{})
	if err != nil {
		return nil, err
	}
	return one("verify-confirmed", newByToken(p, p.everyone(), p.verification(v, judge)), s.redis.meter...), nil
}

func checkConfirmedKind() kind {
	return kind{
		name:      "check-confirmed",
		means:     "As check-miss, beside a mirror of the denylist: Redis is asked what it wrote last, once for all who wait, and for no keys.",
		guarantee: strict,
		needs:     []string{needRedis},
		open: func(ctx context.Context, s *Stand) ([]bench.Contender, error) {
			return s.checks(ctx, "check-confirmed", func(p *population) []uint32 { return p.living }, func() (checker, error) {
				return s.confirmed(ctx)
			})
		},
	}
}

// confirmed is a mirror of the run's denylist whose answers Redis confirms. It
// shares no table with the one that answers alone.
func (s *Stand) confirmed(ctx context.Context) (*denylist.Mirror, error) {
	if s.confirms != nil {
		return s.confirms, nil
	}
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	m, stop, err := s.mirrorOf(ctx, store, denylist.MirrorOptions{Confirmed: true})
	s.closers = append(s.closers, stop)
	if err != nil {
		return nil, err
	}
	s.confirms = m.Mirror
	return m.Mirror, m.settle(ctx, s.population)
}
