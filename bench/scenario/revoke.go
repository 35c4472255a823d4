package scenario

import (
	"context"
	"math/rand/v2"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

func revokeKind() kind {
	return kind{
		name:      "revoke",
		means:     "One token after the other is revoked, each a new entry: logouts, or an incident that is dealt with token by token.",
		guarantee: "bounded: denied at once by a check of Redis, and at most max-staleness after the revocation was acknowledged by a mirror, proven",
		needs:     []string{needRedis},
		open:      openRevoke,
	}
}

// revocation revokes tokens that nobody has revoked before.
type revocation struct {
	population *population
	store      *denylist.Redis
	workers    perWorker[*freshIDs]
}

func openRevoke(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	return one("revoke", &revocation{population: s.population, store: store}, s.redis.meter...), nil
}

// Operation implements bench.Scenario.
func (r *revocation) Operation(worker, _ int) (bench.Operation, error) {
	ids, err := r.ids("revoke", worker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return r.revoke(ctx, ids.next()) }, nil
}

// ids are what one worker revokes, which no other scenario does.
func (r *revocation) ids(purpose string, worker int) (*freshIDs, error) {
	return r.workers.get(worker, func() (*freshIDs, error) {
		return &freshIDs{from: stream(r.population.seed, purpose, worker)}, nil
	})
}

// revoke revokes one token, and holds the receipt against it.
func (r *revocation) revoke(ctx context.Context, id string) error {
	receipt, err := r.store.Revoke(ctx, denylist.TokenEntry(issuer, id, r.population.expiresAt))
	if err != nil {
		return classify(err)
	}
	return judgeReceipt(receipt, id)
}

// judgeReceipt refuses what is no receipt of a new entry about that token.
func judgeReceipt(receipt denylist.Receipt, id string) error {
	if len(receipt.Results) != 1 || receipt.Results[0].Outcome != denylist.Recorded {
		return wrong("a new entry was not recorded")
	}
	if e := receipt.Results[0].Entry; e.ID != id || e.Revoked == nil {
		return wrong("a receipt of another entry")
	}
	return nil
}

// freshIDs never returns one twice. It makes them by the thousand, so that the
// measurement hardly allocates for them.
type freshIDs struct {
	from *rand.ChaCha8
	made []string
}

func (f *freshIDs) next() string {
	if len(f.made) == 0 {
		f.made = newIDs(f.from, maxBatch)
	}
	id := f.made[0]
	f.made = f.made[1:]
	return id
}
