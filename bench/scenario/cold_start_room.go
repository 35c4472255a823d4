package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

const (
	defaultSize = 10_000
	minSize     = 2
	maxSizes    = 8
	// redisBytes is what an entry takes of Redis, with its member of the index and a
	// long prefix.
	redisBytes = 430
	// startBytes is what one takes of this process at most: the rival's map.
	startBytes    = 300
	maxStartBytes = 12 << 30
)

// checkSizes refuses sizes of denylists that make no sense.
func (k *Knobs) checkSizes() error {
	if len(k.Sizes) > maxSizes {
		return badKnob("%d sizes: want at most %d", len(k.Sizes), maxSizes)
	}
	for i, size := range k.Sizes {
		switch {
		case size < minSize || size > maxCount:
			return badKnob("a denylist of %d entries: want %d to %d", size, minSize, maxCount)
		case slices.Contains(k.Sizes[:i], size):
			return badKnob("a denylist of %d entries is there twice", size)
		}
	}
	return nil
}

// roomForSizes refuses denylists that Redis, or this process, has no room for,
// before anything is filled.
func (s *Stand) roomForSizes(ctx context.Context) error {
	total := 0
	for _, size := range s.knobs.Sizes {
		total += size
	}
	if here := slices.Max(s.knobs.Sizes) * startBytes * s.knobs.Concurrent; here > maxStartBytes {
		return badKnob("%d starts at a time with %d entries take some %s here: want at most %s: take fewer (--concurrency 1), or a smaller size",
			s.knobs.Concurrent, slices.Max(s.knobs.Sizes), gibibytes(here), gibibytes(maxStartBytes))
	}
	room, known, err := s.redis.room(ctx)
	if need := total * redisBytes; err == nil && known && need > room {
		return badKnob("denylists of %d entries take some %s of Redis, which has %s left of its memory or maxmemory: raise that, or take smaller sizes",
			total, gibibytes(need), gibibytes(max(room, 0)))
	}
	return err
}

// room is how many bytes every master together has left, of maxmemory, or where
// there is none of its machine.
func (r *redisSide) room(ctx context.Context) (room int, known bool, err error) {
	var mu sync.Mutex
	known = true
	err = eachMaster(ctx, r.admin, func(ctx context.Context, c *redis.Client) error {
		info, err := readInfo(ctx, c, "memory")
		if err != nil {
			return err
		}
		used, errUsed := strconv.Atoi(info["used_memory"])
		most, errMost := strconv.Atoi(info["maxmemory"])
		machine, errMachine := strconv.Atoi(info["total_system_memory"])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errUsed != nil || errMost != nil || most == 0 && errMachine != nil:
			known = false
		case most == 0:
			room += machine - used
		default:
			room += most - used
		}
		return nil
	})
	switch {
	case isForbidden(err):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("%w: scenario: asking Redis for its memory: %w", denylist.ErrUnavailable, err)
	}
	return room, known, nil
}

// gibibytes writes a size for people.
func gibibytes(bytes int) string {
	if bytes < 1<<29 {
		return fmt.Sprintf("%d MiB", (bytes+1<<20-1)>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}
