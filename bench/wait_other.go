//go:build !linux

package bench

func newWaiter() waiter { return newTimerWaiter() }
