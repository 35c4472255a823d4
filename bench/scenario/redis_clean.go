package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/quota"
)

const (
	// cleanStep is how long Redis may take for a step of at most scanCount
	// keys. There is no limit for all of them: that depends on how much a run
	// has written, and on how much others keep there.
	cleanStep = 10 * time.Second
	// cleanPasses: a command that was on its way when its context ended may
	// reach Redis after the keys were looked through, so that is done until
	// nothing is found. A pass that failed is repeated after a pause.
	cleanPasses = 6
	cleanPause  = 100 * time.Millisecond
	// scanCount is how many keys Redis looks at in one step, about 1 ms.
	scanCount = 5000
)

// clean removes every key under the run's prefix, on a context of its own.
func (r *redisSide) clean() error {
	ctx := context.Background()
	if r.keeper != nil { // what was overspent until now is no reason to wait
		r.keeper = quota.New(r.knobs.MaxShare, r.background, r.cpu)
	}
	permits, stop := r.insisted(ctx)
	defer stop()
	var err error
	for pass := range cleanPasses {
		var found int64
		found, err = r.cleanOnce(ctx, permits)
		if err == nil && found == 0 {
			return nil
		}
		if err != nil {
			time.Sleep(time.Duration(pass+1) * cleanPause)
		}
	}
	if err == nil {
		err = errors.New("somebody goes on writing them")
	}
	return &LeftError{r.prefix, err}
}

// LeftError: the keys of a run could not be removed.
type LeftError struct {
	Prefix string // of the keys, in front of a colon
	Err    error
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("scenario: keys that begin with %q are left in Redis: %v", e.Prefix+":", e.Err)
}

func (e *LeftError) Unwrap() error { return e.Err }

// cleanOnce looks through every master once. Permits can be had until that context
// ends.
func (r *redisSide) cleanOnce(ctx, permits context.Context) (found int64, err error) {
	var all atomic.Int64
	err = eachMaster(ctx, r.admin, func(ctx context.Context, c *redis.Client) error {
		n, err := r.unlink(ctx, permits, c, r.prefix+":")
		all.Add(n)
		return err
	})
	return all.Load(), err
}

// eachMaster calls fn for every server that keeps a part of the keys, on a
// Cluster at the same time.
func eachMaster(ctx context.Context, client redis.UniversalClient, fn func(context.Context, *redis.Client) error) error {
	switch c := client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, fn)
	case *redis.Client:
		return fn(ctx, c)
	}
	return fmt.Errorf("scenario: %T is not a client of one Redis, Sentinel or Cluster", client)
}

// unlink removes the keys of one server that begin with head.
func (r *redisSide) unlink(ctx, permits context.Context, c *redis.Client, head string) (found int64, err error) {
	for cursor := uint64(0); ; {
		held := r.keeper.Acquire(permits) == nil
		began := time.Now()
		var n int64
		n, cursor, err = unlinkSome(ctx, c, head, cursor)
		if held {
			r.keeper.Release()
		} else {
			r.linger(time.Since(began))
		}
		found += n
		if err != nil || cursor == 0 {
			return found, err
		}
	}
}

// linger is for when there are no permits: others use up the share, or nobody can
// tell. Keys are not left behind because of that, but what took so long has a pause
// behind it that keeps to the share by itself.
func (r *redisSide) linger(took time.Duration) {
	time.Sleep(min(time.Duration(float64(took)*(1/r.knobs.MaxShare-1)), time.Second))
}

// unlinkSome is one step.
func unlinkSome(ctx context.Context, c *redis.Client, head string, cursor uint64) (found int64, next uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, cleanStep)
	defer cancel()
	keys, next, err := c.Scan(ctx, cursor, escapeGlob(head)+"*", scanCount).Result()
	if err != nil {
		return 0, 0, err
	}
	// Each key by itself: on a Cluster one command must keep to one slot.
	_, err = c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			if strings.HasPrefix(key, head) {
				pipe.Unlink(ctx, key)
				found++
			}
		}
		return nil
	})
	return found, next, err
}

// escapeGlob makes a MATCH pattern that stands for text and nothing else.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}
