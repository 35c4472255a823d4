package scenario

import (
	"context"
	"fmt"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

func memoryKind() kind {
	return kind{
		name:      "memory",
		means:     "A token that was never seen before is verified with the same denylist in this process: the embedded store's ceiling.",
		guarantee: alone,
		open:      openMemory,
	}
}

func openMemory(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.inMemory(ctx)
	if err != nil {
		return nil, err
	}
	v, err := s.population.verifier(store)
	if err != nil {
		return nil, err
	}
	p := s.population
	return one("memory", newByToken(p, p.everyone(), p.verification(v, judge))), nil
}

// inMemory is a store with the same entries as the Redis of the run has.
func (s *Stand) inMemory(ctx context.Context) (*denylist.Memory, error) {
	p, err := s.minted(ctx)
	if err != nil || s.memory != nil {
		return s.memory, err
	}
	store := denylist.NewMemory(denylist.MemoryOptions{SkewMargin: s.knobs.Redis.SkewMargin})
	written, total := 0, len(p.revoked)+s.knobs.Entries
	for batch := range p.entries(s.knobs.Entries) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("filling the memory: %w", err)
		}
		if _, err := store.Revoke(ctx, batch...); err != nil {
			return nil, fmt.Errorf("filling the memory: %w", err)
		}
		written += len(batch)
		s.progress("filling the memory", float64(written)/float64(total))
	}
	s.memory = store
	return store, nil
}
