package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

// byToken is a scenario that does one thing with one token after the other.
type byToken struct {
	population *population
	among      []uint32 // the tokens that are asked about
	workers    perWorker[*cursor]
	// prepare returns what one worker of several does with the token of that
	// number.
	prepare func(workers int) func(ctx context.Context, n uint32) error
}

// newByToken asks about some tokens of a population.
func newByToken(p *population, among []uint32, do func(ctx context.Context, n uint32) error) *byToken {
	return &byToken{population: p, among: among, prepare: func(int) func(context.Context, uint32) error { return do }}
}

// Operation implements bench.Scenario.
func (b *byToken) Operation(worker, workers int) (bench.Operation, error) {
	at, err := b.workers.get(worker, func() (*cursor, error) {
		return &cursor{order: b.population.order(worker, workers, b.among)}, nil
	})
	if err != nil {
		return nil, err
	}
	do := b.prepare(workers)
	return func(ctx context.Context) error { return do(ctx, at.next()) }, nil
}
