package denylist

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measured is a clock that reads own, and Redis's that was ahead by an hour
// when it was measured, over a trip of 2 ms.
func measured(own *time.Time) *redisClock {
	c := &redisClock{own: func() time.Time { return *own }}
	c.measureOver(own, time.Hour, 2*time.Millisecond)
	return c
}

// measureOver measures a Redis that is ahead of the own clock.
func (c *redisClock) measureOver(own *time.Time, ahead, trip time.Duration) {
	sent := *own
	*own = own.Add(trip)
	c.measure(own.Add(ahead), sent)
}

// ahead is how far Redis's clock is said to be ahead.
func (c *redisClock) ahead(t *testing.T) time.Duration {
	t.Helper()
	now, measured := c.guess()
	require.True(t, measured)
	return now.Sub(c.own())
}

// TestR12_ClockErrsToTheStrictSide: Redis's clock is never said to be earlier
// than it is, and by the best measurement that there is.
func TestR12_ClockErrsToTheStrictSide(t *testing.T) {
	own := time.Unix(1_000_000, 0)
	c := measured(&own)
	assert.Equal(t, time.Hour+2*time.Millisecond, c.ahead(t))
	own = own.Add(10 * time.Second)
	assert.Equal(t, time.Hour+2*time.Millisecond, c.ahead(t), "as time goes by")
	c.measureOver(&own, time.Hour, 50*time.Millisecond)
	assert.Equal(t, time.Hour+2*time.Millisecond, c.ahead(t), "a slow trip says less")
	c.measureOver(&own, time.Hour, time.Millisecond)
	assert.Equal(t, time.Hour+time.Millisecond, c.ahead(t), "a quick one says more")
}

// TestR12_ClockFollowsRedis: a measurement that contradicts the one before is
// believed at once, however slow it was: somebody has set the clock, or another
// Redis has taken over.
func TestR12_ClockFollowsRedis(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": time.Second, "back": -time.Second} {
		t.Run(name, func(t *testing.T) {
			own := time.Unix(1_000_000, 0)
			c := measured(&own)
			c.measureOver(&own, time.Hour+jump, 100*time.Millisecond)
			assert.Equal(t, time.Hour+jump+100*time.Millisecond, c.ahead(t))
		})
	}
}

// TestR12_ClockIsMeasuredAnew: nothing is judged by an old measurement, or
// after the own clock was set back.
func TestR12_ClockIsMeasuredAnew(t *testing.T) {
	for name, passed := range map[string]time.Duration{"old": offsetLife + time.Millisecond, "set back": -time.Second} {
		t.Run(name, func(t *testing.T) {
			own := time.Unix(1_000_000, 0)
			c := measured(&own)
			own = own.Add(passed)
			_, measured := c.guess()
			assert.False(t, measured)
			c.measureOver(&own, time.Hour, 100*time.Millisecond)
			assert.Equal(t, time.Hour+100*time.Millisecond, c.ahead(t), "a slow measurement is better than none")
		})
	}
	_, measured := (&redisClock{own: time.Now}).guess()
	assert.False(t, measured, "never")
}
