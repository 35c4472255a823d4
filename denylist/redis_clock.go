package denylist

import (
	"context"
	"sync"
	"time"
)

const (
	// offsetLife is how long a measurement of Redis's clock is believed.
	offsetLife = 30 * time.Second
	// drift is how far two clocks part in that time, at 100 ppm and rounded up.
	drift = 5 * time.Millisecond
)

// redisClock reads Redis's clock without asking Redis: own clock + measured
// offset (R12). Every reply of a script carries a measurement.
type redisClock struct {
	own func() time.Time

	mu    sync.RWMutex
	redis time.Time     // what Redis's clock read at taken, or up to trip earlier
	trip  time.Duration // how long the measurement took, which bounds its error
	taken time.Time     // on the own clock; zero: never
}

// measure notes that Redis's clock read at some instant after sent and before
// now. Where it errs, it errs to the strict side: Redis's clock is said to be
// later than it is, by less than the round trip, so that what is effective
// from some instant on is so a little early and never late.
func (c *redisClock) measure(redis, sent time.Time) {
	now := c.own()
	trip := max(elapsed(sent, now), 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale(now) || trip <= c.trip || c.jumped(redis, sent, trip) {
		c.redis, c.trip, c.taken = redis, trip, sent
	}
}

// jumped reports whether two measurements contradict each other: somebody set
// Redis's clock, or it is another Redis. Callers hold mu.
func (c *redisClock) jumped(redis, sent time.Time, trip time.Duration) bool {
	apart := redis.Sub(c.at(sent))
	return apart > trip+drift || apart < -c.trip-drift
}

// at is what Redis's clock reads when the own one reads an instant. Callers
// hold mu.
func (c *redisClock) at(own time.Time) time.Time {
	if c.taken.IsZero() {
		return own
	}
	return c.redis.Add(elapsed(c.taken, own))
}

// stale is for callers that hold mu.
func (c *redisClock) stale(now time.Time) bool {
	age := elapsed(c.taken, now)
	return c.taken.IsZero() || age < 0 || age > offsetLife
}

// elapsed is the time between two readings of the own clock. The monotonic one
// stands still while the machine sleeps, the wall clock may be set back: the
// larger difference denies sooner.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// guess is Redis's clock as far as it is known; measured says whether that is
// good enough to judge by.
func (c *redisClock) guess() (now time.Time, measured bool) {
	own := c.own()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at(own), !c.stale(own)
}

// storeNow is Redis's clock; where it has not been measured lately it asks.
func (r *Redis) storeNow(ctx context.Context) (time.Time, error) {
	if now, measured := r.clock.guess(); measured {
		return now, nil
	}
	reply, err := r.run(ctx, clockScript, 0, nil, nil)
	return reply.at, err
}
