package denylist

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a store for a fleet, kept as docs/redis-schema.md says. It is safe
// for concurrent use. Checks that run at once share round trips, in a goroutine
// that lives as long as one of them waits; the client's hooks are called there
// with a context that is none of theirs, and one that panics there fails those
// checks with ErrUnavailable. It starts no other.
//
// With 16 partitions an exchange and the entries that it denies are written in
// two steps, healed by a retry; an entry that denies the very token that is
// spent is refused there.
type Redis struct {
	client    redis.UniversalClient
	keys      keys
	policy    policy
	opts      RedisOptions
	clock     *redisClock
	pending   *pending
	checks    *deadlines
	authority *authority
	flights   []*flights  // by partition
	waiting   atomic.Bool // one who follows waits for the next change: see mayWait

	// once is true where the client sends each command once at most, so that
	// an error says what became of it.
	once bool
}

var (
	_ Store     = (*Redis)(nil)
	_ Spender   = (*Redis)(nil)
	_ Operator  = (*Redis)(nil)
	_ Inspector = (*Redis)(nil)
	_ Barrier   = (*Redis)(nil)
	_ Follower  = (*Redis)(nil)
)

// NewRedis returns a store on client, which must have been made with
// ContextTimeoutEnabled and must not read from replicas: see [OpenURL]. It
// does no I/O: call Inspect before the first check.
func NewRedis(client redis.UniversalClient, opts RedisOptions) (*Redis, error) {
	once, err := fitClient(client)
	if err != nil {
		return nil, err
	}
	keys, err := newKeys(opts.Prefix, opts.Partitions)
	if err != nil {
		return nil, err
	}
	if opts, err = opts.settled(); err != nil {
		return nil, err
	}
	r := &Redis{
		client:    client,
		keys:      keys,
		policy:    newPolicy(opts.SkewMargin, opts.Lifetime),
		opts:      opts,
		clock:     &redisClock{own: opts.Now},
		pending:   newPending(maxPending),
		checks:    &deadlines{timeout: opts.CheckTimeout},
		authority: newAuthority(keys.partitions()),
		once:      once,
	}
	r.flights = newFlights(r)
	return r, nil
}

// fitClient refuses clients that would not keep a deadline or that may read
// what is no longer so. once: the client never sends a command twice.
func fitClient(client redis.UniversalClient) (once bool, err error) {
	switch c := client.(type) {
	case *redis.Client:
		o := c.Options()
		switch {
		case !o.ContextTimeoutEnabled:
			return false, fmt.Errorf("%w: redis client without ContextTimeoutEnabled", ErrInvalid)
		case o.ClientSideCache != nil || o.ClientSideCacheConfig != nil:
			return false, fmt.Errorf("%w: redis client with a client-side cache", ErrInvalid)
		}
		return o.MaxRetries == 0, nil
	case *redis.ClusterClient:
		o := c.Options()
		switch {
		case !o.ContextTimeoutEnabled:
			return false, fmt.Errorf("%w: redis client without ContextTimeoutEnabled", ErrInvalid)
		case o.ReadOnly || o.RouteByLatency || o.RouteRandomly:
			return false, fmt.Errorf("%w: redis client that reads from replicas", ErrInvalid)
		}
		return false, nil
	}
	return false, fmt.Errorf("%w: %T is not a client of one Redis, Sentinel or Cluster", ErrInvalid, client)
}

// Partitions is 1 or 16. With 16, an exchange and the entry of the token that
// it spends cannot be written in one step: single-token sessions need 1.
func (r *Redis) Partitions() int { return r.keys.partitions() }

// Now implements [Spender]: the clock of partition 0, which is Redis's. It
// answers only where Redis would accept a write.
func (r *Redis) Now(ctx context.Context) (time.Time, error) {
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	reply, err := r.run(ctx, clockScript, 0, nil, nil)
	if err != nil {
		return time.Time{}, unavailable("clock", because(ctx, err))
	}
	return reply.at, nil
}

// Barrier implements [Barrier]: it waits for the max_staleness on record.
func (r *Redis) Barrier(ctx context.Context) error {
	wait, err := r.fleetStaleness(ctx)
	if err != nil {
		return fmt.Errorf("%w: barrier: %w", ErrUnknown, err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: barrier: %w", ErrUnknown, ctx.Err())
	}
}

func (r *Redis) fleetStaleness(ctx context.Context) (time.Duration, error) {
	bounded, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	meta, err := r.meta(bounded, r.client, 0)
	if err != nil {
		return 0, err
	}
	return max(meta.maxStaleness, r.opts.MaxStaleness), nil
}
