package scenario

import (
	"context"

	"github.com/zeebo/xxh3"

	"github.com/rescindhq/rescind/bench"
)

func hashKind() kind {
	return kind{
		name:  "hash",
		means: "One xxh3 over each token, and nothing else: the floor under every look-up that reads the token.",
		open:  openHash,
	}
}

func openHash(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	p, err := s.minted(ctx)
	if err != nil {
		return nil, err
	}
	sums := make([]uint64, len(p.tokens))
	for i := range sums {
		sums[i] = xxh3.HashString(p.tokens[i].raw)
	}
	do := func(_ context.Context, n uint32) error {
		if xxh3.HashString(p.tokens[n].raw) != sums[n] { // so that it cannot be left out
			return wrong("one token has two hashes")
		}
		return nil
	}
	return one("hash", newByToken(p, p.everyone(), do)), nil
}
