package rotation_test

import (
	"sync"
	"time"
)

// clock is a Now that stands still until it is told otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

func (c *clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// ahead is another node's clock, which is wrong by d.
func (c *clock) ahead(d time.Duration) func() time.Time {
	return func() time.Time { return c.Now().Add(d) }
}
