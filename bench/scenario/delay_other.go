//go:build !linux

package scenario

import (
	"net"
	"sync"
	"time"
)

// waiter waits until an instant, for one goroutine.
type waiter struct {
	closed chan struct{}
	once   sync.Once
}

func newWaiter() (*waiter, error) { return &waiter{closed: make(chan struct{})}, nil }

// until returns an error once the waiter is closed.
func (w *waiter) until(t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.closed:
		return net.ErrClosed
	}
}

// close ends a wait that is under way too.
func (w *waiter) close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}
