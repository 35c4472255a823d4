// Package wait lets a goroutine wait for some microseconds, as precisely as the
// machine can.
package wait

import "time"

// Waiter lets one goroutine at a time wait. Only Interrupt may be called by
// others.
type Waiter interface {
	// Wait returns after d, or reports false: it was interrupted.
	Wait(d time.Duration) bool
	// Interrupt ends a wait and all later ones. It is called once.
	Interrupt()
	Close()
}

// timerWaiter waits by a timer of the runtime, which on Linux wakes a process
// that has nothing else to do up to a millisecond late.
type timerWaiter struct {
	timer       *time.Timer
	interrupted chan struct{}
}

var _ Waiter = (*timerWaiter)(nil)

// NewTimer returns a waiter that needs nothing of the operating system, and
// that the bubbles of testing/synctest can wait for.
func NewTimer() Waiter {
	w := &timerWaiter{timer: time.NewTimer(time.Hour), interrupted: make(chan struct{})}
	w.timer.Stop()
	return w
}

func (w *timerWaiter) Wait(d time.Duration) bool {
	w.timer.Reset(d)
	select {
	case <-w.timer.C:
		return true
	case <-w.interrupted:
		return false
	}
}

func (w *timerWaiter) Interrupt() { close(w.interrupted) }

func (w *timerWaiter) Close() { w.timer.Stop() }
