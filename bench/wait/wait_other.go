//go:build !linux

package wait

// New returns the most precise waiter that there is.
func New() Waiter { return NewTimer() }
