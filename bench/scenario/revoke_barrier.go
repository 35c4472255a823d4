package scenario

import (
	"context"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

func revokeBarrierKind() kind {
	return kind{
		name:      "revoke-barrier",
		means:     "As revoke, but the answer comes when no check of the fleet that begins later accepts the token: a stolen token, to be dead everywhere.",
		guarantee: "strict: denied by every check that begins after the revocation was acknowledged, in every mirror too",
		needs:     []string{needRedis},
		open:      openRevokeBarrier,
	}
}

// barrier revokes tokens that nobody has revoked before, and waits until the
// whole fleet denies them: the write, and then as long as a mirror may lag.
type barrier struct {
	revocation
	wait time.Duration // the fleet's max_staleness, which no barrier may fall short of
}

func openRevokeBarrier(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	fleet, err := s.redis.filler.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	b := &barrier{revocation{population: s.population, store: store}, fleet.MaxStaleness}
	return one("revoke-barrier", b, s.redis.meter...), nil
}

// Operation implements bench.Scenario.
func (b *barrier) Operation(worker, _ int) (bench.Operation, error) {
	ids, err := b.ids("revoke-barrier", worker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := b.revoke(ctx, ids.next()); err != nil {
			return err
		}
		return b.stand(ctx, b.store)
	}, nil
}

// stand waits at the barrier of a store. One that opens before every mirror may
// have heard of the write lets a token pass that is said to be dead.
func (b *barrier) stand(ctx context.Context, store denylist.Barrier) error {
	acknowledged := time.Now()
	if err := store.Barrier(ctx); err != nil {
		return classify(err)
	}
	if took := time.Since(acknowledged); took < b.wait {
		return wrong("the barrier opened after %v, and mirrors may lag by %v", took, b.wait)
	}
	return nil
}
