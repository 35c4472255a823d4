package denylist

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines bounds checks in time. A timer and a cancellation of its own for
// each would cost a tenth of a check, so those that begin together share one:
// a check has between fifteen sixteenths of its time and all of it.
type deadlines struct {
	timeout time.Duration
	current atomic.Pointer[deadline]
}

// deadline is an instant, and a channel that is closed when it has come.
type deadline struct {
	made int64 // on the caller's monotonic clock
	at   time.Time
	done chan struct{}
}

// end is when a check that begins now has to be over. now is on a monotonic
// clock, in nanoseconds: reading a clock is not free either.
func (d *deadlines) end(now int64) *deadline {
	end := d.current.Load()
	if end == nil || now-end.made > int64(d.timeout/16) {
		end = &deadline{made: now, at: time.Now().Add(d.timeout), done: make(chan struct{})}
		time.AfterFunc(d.timeout, func() { close(end.done) })
		d.current.Store(end)
	}
	return end
}

// bound returns ctx with the deadline, if that is the earlier one. A caller who
// goes before either has come is noticed only by then.
func (d *deadline) bound(ctx context.Context) context.Context {
	if at, ok := ctx.Deadline(); ok && at.Before(d.at) {
		return ctx
	}
	return bounded{ctx, d}
}

// bounded is a context that ends at a deadline.
type bounded struct {
	context.Context
	end *deadline
}

func (b bounded) Deadline() (time.Time, bool) { return b.end.at, true }
func (b bounded) Done() <-chan struct{}       { return b.end.done }

func (b bounded) Err() error {
	select {
	case <-b.end.done:
		return context.DeadlineExceeded
	default:
		return b.Context.Err()
	}
}
