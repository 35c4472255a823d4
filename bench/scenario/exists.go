package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func existsKind() kind {
	return kind{
		name:      "exists",
		means:     "Redis is asked with go-redis whether the key of a jti exists, and nothing else: the floor under every look-up there.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openExists,
	}
}

func openExists(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	client, err := s.plainKeys(ctx)
	if err != nil {
		return nil, err
	}
	p := s.population
	do := func(ctx context.Context, n uint32) error {
		// The key is made here, as check-miss makes its own: a service has read
		// the ids of a token, and no more.
		found, err := client.Exists(ctx, s.redis.plainKey(p.tokens[n].known.ID)).Result()
		return judgeFound(found, err, p.tokens[n].revoked)
	}
	return one("exists", newByToken(p, p.everyone(), do), s.redis.meter...), nil
}
