package scenario

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

// Lag is how late a mirror was to deny what was revoked, since it was asked last.
type Lag struct {
	// Took is from when a revocation was acknowledged until the mirror denied it,
	// in nanoseconds: next to nothing where it did so before. Never nil.
	Took   *hdrhistogram.Histogram
	Reads  int64 // of the log
	Lasted time.Duration
	// Wrong is how often it vouched for a token that was revoked longer ago than
	// it may be stale.
	Wrong int64
}

const (
	longestLag = time.Minute
	lagDigits  = 3
)

func newLagTimes() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(longestLag), lagDigits)
}

// lag takes down when one mirror denies what is revoked. It is a hook of the
// mirror's client, which sees what that sends, and hears: the goroutine that has
// entered what it heard sends the next command, so that looking before that is
// exact. Where it rests first, another goroutine looks.
type lag struct {
	promise time.Duration
	heard   chan struct{}

	mu      sync.Mutex
	mirror  *denylist.Mirror // nil: it is not complete yet
	waiting []*expected      // that it has not denied yet
	said    Lag
	since   time.Time
	reads   atomic.Int64
}

var _ redis.Hook = (*lag)(nil)

func newLag(promise time.Duration) *lag {
	return &lag{promise: promise, heard: make(chan struct{}, 1), said: Lag{Took: newLagTimes()}}
}

// follow begins, with a mirror that is complete, and goes on until stop is
// called.
func (l *lag) follow(m *denylist.Mirror, of *revoking) (stop func()) {
	l.mu.Lock()
	l.mirror, l.since = m, time.Now()
	l.mu.Unlock()
	of.join(l)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); l.run(ctx) }()
	return func() { of.leave(l); end(); <-ended }
}

// run looks when something was heard, until what it was is entered, and now and
// then for a mirror that breaks its promise.
func (l *lag) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.look()
		case <-l.heard:
			for pause := 20 * time.Microsecond; l.look() > 0 && pause < time.Millisecond; pause *= 2 {
				time.Sleep(pause)
			}
		}
	}
}

// expect has the mirror hear of a revocation.
func (l *lag) expect(r *expected) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, r)
}

// look takes down what the mirror denies by now, and returns how many it does
// not.
func (l *lag) look() (left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, l.over)
	return len(l.waiting)
}

// over reports whether a revocation is waited for no more.
func (l *lag) over(r *expected) bool {
	acknowledged, before := r.acknowledged.Load(), time.Now()
	err, known := l.mirror.Glance(r.token).Verdict(time.Now())
	switch {
	case known && errors.Is(err, denylist.ErrRevoked):
		took := time.Microsecond
		if acknowledged != nil {
			took = min(max(took, time.Since(*acknowledged)), longestLag)
		}
		_ = l.said.Took.RecordValue(int64(took)) // which is in its range
		return true
	case known && err == nil && acknowledged != nil && before.Sub(*acknowledged) > l.promise:
		l.said.Wrong++
		return true
	}
	return false
}

// take is what there is to say since the last time.
func (l *lag) take() Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, said := time.Now(), l.said
	said.Lasted, said.Reads = now.Sub(l.since), l.reads.Swap(0)
	l.since, l.said = now, Lag{Took: newLagTimes()}
	return said
}

// DialHook implements [redis.Hook].
func (l *lag) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (l *lag) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if _, ok := cmd.(*redis.XStreamSliceCmd); ok {
			l.lookIfReady()
		}
		err := next(ctx, cmd)
		if heard, ok := cmd.(*redis.XStreamSliceCmd); ok && err == nil && len(heard.Val()) > 0 {
			select {
			case l.heard <- struct{}{}:
			default:
			}
		}
		return err
	}
}

// ProcessPipelineHook implements [redis.Hook]. Reads of the log are pipelines;
// checks that a verifier sends on the same client, at most, are none of theirs.
func (l *lag) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		reads := func(cmd redis.Cmder) bool { _, ok := cmd.(*redis.XStreamSliceCmd); return ok }
		if slices.ContainsFunc(cmds, reads) {
			l.lookIfReady()
			l.reads.Add(1)
		}
		return next(ctx, cmds)
	}
}

// lookIfReady looks, but not while the mirror is still loaded.
func (l *lag) lookIfReady() {
	l.mu.Lock()
	ready := l.mirror != nil
	l.mu.Unlock()
	if ready {
		l.look()
	}
}
