package wait

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWaiters: a waiter never wakes early, and an interruption ends the wait
// under way and all that follow.
func TestWaiters(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func() Waiter{
		"here":    New,
		"runtime": NewTimer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := create()
			defer w.Close()
			for _, d := range []time.Duration{0, 1, time.Microsecond, 3 * time.Millisecond} {
				began := time.Now()
				assert.True(t, w.Wait(d))
				assert.GreaterOrEqual(t, time.Since(began), d)
			}
			ended := make(chan bool, 1)
			go func() { ended <- w.Wait(time.Hour) }()
			w.Interrupt()
			assert.False(t, <-ended)
			assert.False(t, w.Wait(time.Hour), "the next one")
		})
	}
}
