package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
)

func existsKind() kind {
	return kind{
		name:  "exists",
		means: "Redis is asked with go-redis whether a key exists, and nothing else: the floor under every look-up there.",
		needs: []string{needRedis},
		open:  openExists,
	}
}

func openExists(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	client, err := s.plainKeys(ctx)
	if err != nil {
		return nil, err
	}
	p := s.population
	keys := s.plainNames()
	do := func(ctx context.Context, n uint32) error {
		found, err := client.Exists(ctx, keys[n]).Result()
		return judgeFound(found, err, p.tokens[n].revoked)
	}
	return one("exists", newByToken(p, p.everyone(), do), s.redis.meter...), nil
}

// plainNames are the plain keys of all tokens.
func (s *Stand) plainNames() []string {
	names := make([]string, len(s.population.tokens))
	for i := range names {
		names[i] = s.redis.plainKey(s.population.tokens[i].known.ID)
	}
	return names
}
