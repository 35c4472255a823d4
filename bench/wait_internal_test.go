package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWaiters: a waiter never wakes early, and an interruption ends the wait
// under way and all that follow.
func TestWaiters(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func() waiter{
		"here":    newWaiter,
		"runtime": func() waiter { return newTimerWaiter() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := create()
			defer w.close()
			for _, d := range []time.Duration{0, 1, time.Microsecond, 3 * time.Millisecond} {
				began := time.Now()
				assert.True(t, w.wait(d))
				assert.GreaterOrEqual(t, time.Since(began), d)
			}
			ended := meanwhile(func() bool { return w.wait(time.Hour) })
			w.interrupt()
			assert.False(t, <-ended)
			assert.False(t, w.wait(time.Hour), "the next one")
		})
	}
}

// meanwhile does something meanwhile.
func meanwhile(do func() bool) <-chan bool {
	done := make(chan bool, 1)
	go func() { done <- do() }()
	return done
}
