package bench

import "time"

// waiter lets one worker wait. Only interrupt may be called by others.
type waiter interface {
	// wait returns after d, or reports false: it was interrupted.
	wait(d time.Duration) bool
	// interrupt ends a wait and all later ones. It is called once.
	interrupt()
	close()
}

// timerWaiter waits by a timer of the runtime, which on Linux wakes a process
// that has nothing else to do up to a millisecond late.
type timerWaiter struct {
	timer       *time.Timer
	interrupted chan struct{}
}

var _ waiter = (*timerWaiter)(nil)

func newTimerWaiter() *timerWaiter {
	w := &timerWaiter{timer: time.NewTimer(time.Hour), interrupted: make(chan struct{})}
	w.timer.Stop()
	return w
}

func (w *timerWaiter) wait(d time.Duration) bool {
	w.timer.Reset(d)
	select {
	case <-w.timer.C:
		return true
	case <-w.interrupted:
		return false
	}
}

func (w *timerWaiter) interrupt() { close(w.interrupted) }

func (w *timerWaiter) close() { w.timer.Stop() }
