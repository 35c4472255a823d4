package denylist

import (
	"context"
	"sync"
	"time"
)

// offsetLife is how long a measurement of Redis's clock is believed. Clocks
// that drift by 100 ppm are 3 ms apart by then.
const offsetLife = 30 * time.Second

// redisClock reads Redis's clock without asking Redis: own clock + measured
// offset (R12). Every reply of a script carries a measurement.
type redisClock struct {
	own func() time.Time

	mu     sync.RWMutex
	offset time.Duration // at most this much must be added to the own clock
	trip   time.Duration // how long the measurement took, which bounds its error
	taken  time.Time     // on the own clock; zero: never
}

// measure notes that Redis's clock read at some instant after sent and before
// now. Where it errs, it errs to the strict side: Redis's clock is said to be
// later than it is, by less than the round trip, so that what is effective
// from some instant on is so a little early and never late.
func (c *redisClock) measure(redis, sent time.Time) {
	now := c.own()
	trip := max(now.Sub(sent), 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale(now) || trip <= c.trip {
		c.offset, c.trip, c.taken = redis.Sub(sent), trip, now
	}
}

// stale is for callers that hold mu.
func (c *redisClock) stale(now time.Time) bool {
	age := now.Sub(c.taken)
	return c.taken.IsZero() || age < 0 || age > offsetLife
}

// guess is Redis's clock as far as it is known; measured says whether that is
// good enough to judge by.
func (c *redisClock) guess() (now time.Time, measured bool) {
	own := c.own()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return own.Add(c.offset), !c.stale(own)
}

// storeNow is Redis's clock; where it has not been measured lately it asks.
func (r *Redis) storeNow(ctx context.Context) (time.Time, error) {
	if now, measured := r.clock.guess(); measured {
		return now, nil
	}
	reply, err := r.run(ctx, clockScript, 0, nil, nil)
	return reply.at, err
}
