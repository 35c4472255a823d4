package scenario

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
)

func existsPipedKind() kind {
	return kind{
		name:      "exists-piped",
		means:     "As exists, by go-redis' auto-pipelining: what a service can have without us where many ask at the same time.",
		guarantee: strict,
		needs:     []string{needRedis},
		open:      openExistsPiped,
	}
}

func openExistsPiped(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	client, err := s.plainKeys(ctx)
	if err != nil {
		return nil, err
	}
	piped, err := autoPipeline(client)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, piped.Close)
	p := s.population
	do := func(ctx context.Context, n uint32) error {
		found, err := piped.Exists(ctx, s.redis.plainKey(p.tokens[n].known.ID)).Result()
		return judgeFound(found, err, p.tokens[n].revoked)
	}
	return one("exists-piped", newByToken(p, p.everyone(), do), s.redis.meter...), nil
}

// autoPipeline has a client send the commands of all callers together.
func autoPipeline(client redis.UniversalClient) (*redis.AutoPipeliner, error) {
	c, ok := client.(interface {
		AutoPipeline() (*redis.AutoPipeliner, error)
	})
	if !ok {
		return nil, badKnob("%T has no auto-pipelining", client)
	}
	piped, err := c.AutoPipeline()
	if err != nil {
		return nil, badKnob("auto-pipelining: %v", err)
	}
	return piped, nil
}
