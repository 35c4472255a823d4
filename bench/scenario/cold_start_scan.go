package scenario

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

const coldStartScanName = "cold-start-scan"

func coldStartScanKind() kind {
	return kind{
		name:        coldStartScanName,
		means:       "What people write: go-redis, SCAN for the key of each revoked token, PEXPIRETIME for when it expires, and a map of them.",
		guarantee:   "none: what is revoked after it was loaded is not in it",
		needs:       []string{needRedis},
		concurrency: []int{1},
		open:        openColdStartScan,
	}
}

func openColdStartScan(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	return s.ofSizes(ctx, coldStartScanName, func(side *sizedSide) coldStarter { return &scanStart{side: side, like: s.redis.admin} })
}

// scanStart reads the keys of the same entries: plain ones beside them would be
// as many more for SCAN to walk over.
type scanStart struct {
	side *sizedSide
	like redis.UniversalClient // the same Redis
}

// scanPage is the COUNT of one SCAN.
const scanPage = 1000

func (s *scanStart) start(ctx context.Context) (end func() error, err error) {
	client, err := plainClient(s.like, s.side.delay)
	if client == nil {
		return nil, err
	}
	if err != nil {
		return client.Close, err
	}
	var mu sync.Mutex // masters are asked side by side
	expires := make(map[string]time.Duration)
	err = eachMaster(ctx, client, func(ctx context.Context, c *redis.Client) error {
		return scanExpiries(ctx, c, escapeGlob(s.side.prefix)+":{*}:t:*", func(key string, at time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			expires[key] = at
		})
	})
	if err != nil {
		return client.Close, classify(fmt.Errorf("%w: scenario: reading all keys: %w", denylist.ErrUnavailable, err))
	}
	return client.Close, s.tellApart(expires)
}

// scanExpiries reads the keys of one server, and when they expire.
func scanExpiries(ctx context.Context, c *redis.Client, pattern string, take func(key string, at time.Duration)) error {
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, pattern, scanPage).Result()
		if err != nil {
			return err
		}
		times := make([]*redis.DurationCmd, len(keys))
		_, err = c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range keys {
				times[i] = pipe.PExpireTime(ctx, key)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		for i, key := range keys {
			take(key, times[i].Val())
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// tellApart looks for both tokens.
func (s *scanStart) tellApart(expires map[string]time.Duration) error {
	now := time.Duration(time.Now().UnixNano())
	if expires[s.side.entryKey(s.side.revoked.ID)] <= now {
		return wrong("a revoked token was accepted")
	}
	if expires[s.side.entryKey(s.side.good.ID)] > now {
		return wrong("a good token was refused")
	}
	return nil
}

// entryKey is where the denylist keeps the entry of a token.
func (s *sizedSide) entryKey(jti string) string {
	f := filling{issuer: sha256.Sum256([]byte(issuer)), heads: heads(s.prefix, s.filler.Partitions())}
	p, member := f.place(jti)
	return f.heads[p] + member
}
