package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/wait"
)

// delayReplies makes the client see each reply of Redis d later than it came,
// as over a longer cable: replies that came together are late together, and
// none waits for another. What is sent, and the dialling, take no longer.
//
// It must be called before the client's first command; a client that dials
// ahead of it (min_idle_conns) is refused. On Linux a reply is late by d and
// some 50 to 150 µs, which a timer and two more goroutines cost; elsewhere the
// timers of the runtime may add a millisecond.
func delayReplies(client redis.UniversalClient, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%w: delay of %v: want 0 or more", ErrKnob, d)
	}
	if d == 0 {
		return nil
	}
	tooEarly := fmt.Errorf("%w: delay: min_idle_conns opens connections that would not be delayed", ErrKnob)
	switch c := client.(type) {
	case *redis.Client: // of one Redis, or by way of Sentinel
		if c.Options().MinIdleConns > 0 {
			return tooEarly
		}
		c.AddHook(delayHook(d))
	case *redis.ClusterClient:
		if c.Options().MinIdleConns > 0 {
			return tooEarly
		}
		c.OnNewNode(func(node *redis.Client) { node.AddHook(delayHook(d)) })
	default:
		return fmt.Errorf("%w: delay: %T is not a client of one Redis, Sentinel or Cluster", ErrKnob, client)
	}
	return nil
}

// delayedOptions are options whose Dialer delays replies, if any are to be.
func delayedOptions(o *redis.Options, d time.Duration) *redis.Options {
	if o.DialTimeout == 0 {
		o.DialTimeout = 5 * time.Second // as go-redis
	}
	o.Dialer = redis.NewDialer(o)
	if d > 0 {
		o.Dialer = delayHook(d).DialHook(o.Dialer)
	}
	return o
}

// lateness is a delay that changes while a client is in use.
type lateness struct {
	by    atomic.Int64
	until atomic.Pointer[time.Time] // before which nothing arrives; nil: no such instant
}

var _ redis.Hook = (*lateness)(nil)

func (l *lateness) set(d time.Duration) { l.by.Store(int64(d)) }

// hold keeps what arrives from now on back until an instant, as a network does
// that is cut and sends again what it lost.
func (l *lateness) hold(until time.Time) { l.until.Store(&until) }

func (l *lateness) late() time.Duration {
	late := time.Duration(l.by.Load())
	if until := l.until.Load(); until != nil {
		late = max(late, time.Until(*until))
	}
	return late
}

// DialHook implements [redis.Hook].
func (l *lateness) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newLateConn(conn, l.late), nil
	}
}

// ProcessHook implements [redis.Hook].
func (l *lateness) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (l *lateness) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// delayHook has every connection of a client delayed.
type delayHook time.Duration

var _ redis.Hook = delayHook(0)

// DialHook implements [redis.Hook].
func (h delayHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newDelayedConn(conn, time.Duration(h)), nil
	}
}

// ProcessHook implements [redis.Hook].
func (h delayHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (h delayHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// delayedConn is a connection of which everything is read late. One goroutine
// stamps what arrives, another hands it on when its time has come, through a
// pipe, which has the deadlines and the closing of a real connection.
type delayedConn struct {
	net.Conn // what is written to, at once

	near, far net.Conn // the pipe: what is read from, what is delivered to
	line      *delayLine
	clock     wait.Waiter // of the goroutine that delivers
	interrupt func()      // it, once
	closed    atomic.Bool
}

func newDelayedConn(conn net.Conn, d time.Duration) *delayedConn {
	return newLateConn(conn, func() time.Duration { return d })
}

// newLateConn is a delayedConn of which what arrives is late by as much as late
// says then.
func newLateConn(conn net.Conn, late func() time.Duration) *delayedConn {
	c := &delayedConn{Conn: conn, line: newDelayLine(), clock: wait.New()}
	c.interrupt = sync.OnceFunc(c.clock.Interrupt)
	c.near, c.far = net.Pipe()
	go c.receive(late)
	go c.deliver()
	return c
}

// receive stamps what arrives until nothing more can.
func (c *delayedConn) receive(late func() time.Duration) {
	room := make([]byte, 16<<10)
	for {
		n, err := c.Conn.Read(room)
		due := time.Now().Add(late())
		if !c.line.put(room[:n], due) {
			return
		}
		if err != nil {
			c.line.end(due)
			return
		}
	}
}

// deliver hands on what has arrived, each part in its time. After the last one
// the reader sees the end, as late as the rest.
func (c *delayedConn) deliver() {
	defer c.line.abandon() // receive may wait for room
	defer c.far.Close()
	defer c.clock.Close()
	var batch delayBatch
	for c.line.take(&batch) {
		rest := batch.bytes
		for _, part := range batch.parts {
			if left := time.Until(part.due); left > 0 && !c.clock.Wait(left) {
				return
			}
			if part.n == 0 {
				continue
			}
			if _, err := c.far.Write(rest[:part.n]); err != nil {
				return
			}
			rest = rest[part.n:]
		}
	}
}

// Read implements [net.Conn]. Of a connection that is closed meanwhile either
// end of the pipe may be seen to close first.
func (c *delayedConn) Read(p []byte) (int, error) {
	n, err := c.near.Read(p)
	if err != nil && c.closed.Load() {
		err = net.ErrClosed
	}
	return n, err
}

// Close implements [net.Conn]. Both goroutines end soon after: one cannot read
// any more, the other cannot wait or write.
func (c *delayedConn) Close() error {
	c.closed.Store(true)
	c.interrupt()
	return errors.Join(c.Conn.Close(), c.near.Close())
}

// SetDeadline implements [net.Conn].
func (c *delayedConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.Conn.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn]. The connection itself gets none: it is
// read from all the time.
func (c *delayedConn) SetReadDeadline(t time.Time) error { return c.near.SetReadDeadline(t) }

// maxDelayed is how many bytes may be on their way. Past it, as in a network,
// the sender has to wait.
const maxDelayed = 1 << 20

// delayLine holds what has arrived and was not taken yet.
type delayLine struct {
	mu        sync.Mutex
	changed   *sync.Cond
	held      delayBatch
	ended     bool // no more will arrive
	abandoned bool // nobody wants it
}

// delayBatch is a run of bytes, and when each part of it is due.
type delayBatch struct {
	bytes []byte
	parts []delayPart
}

type delayPart struct {
	due time.Time
	n   int
}

func newDelayLine() *delayLine {
	l := &delayLine{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// put appends a copy of p, and waits where there is no room. It is false once
// nobody wants it.
func (l *delayLine) put(p []byte, due time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held.bytes) > maxDelayed && !l.abandoned {
		l.changed.Wait()
	}
	if len(p) > 0 {
		l.held.bytes = append(l.held.bytes, p...)
		l.held.parts = append(l.held.parts, delayPart{due, len(p)})
	}
	l.changed.Broadcast()
	return !l.abandoned
}

// end says that the rest is all there will be, and from when on that is known.
func (l *delayLine) end(due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held.parts = append(l.held.parts, delayPart{due, 0})
	l.ended = true
	l.changed.Broadcast()
}

func (l *delayLine) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandoned = true
	l.changed.Broadcast()
}

// take exchanges a batch that has been used for all that is held, and waits
// where that is nothing. It is false at the end.
func (l *delayLine) take(used *delayBatch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held.parts) == 0 && !l.ended && !l.abandoned {
		l.changed.Wait()
	}
	if l.abandoned || len(l.held.parts) == 0 {
		return false
	}
	// The two batches take turns, so that nothing is allocated in the long run.
	used.bytes, used.parts = used.bytes[:0], used.parts[:0]
	l.held, *used = *used, l.held
	l.changed.Broadcast()
	return true
}
