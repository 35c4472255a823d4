package denylist

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// tower lets commands of a client pass one by one, and notes them.
type tower struct {
	mu     sync.Mutex
	passed []redis.Cmder
	gate   func(redis.Cmder) error // asked before each; nil: all pass
}

func (w *tower) pass(cmds ...redis.Cmder) error {
	w.mu.Lock()
	gate := w.gate
	w.passed = append(w.passed, cmds...)
	w.mu.Unlock()
	if gate == nil {
		return nil
	}
	return gate(cmds[0])
}

func (w *tower) close(gate func(redis.Cmder) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate, w.passed = gate, nil
}

// keysAsked is how many keys each MGET had.
func (w *tower) keysAsked() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []int
	for _, cmd := range w.passed {
		if cmd.Name() == "mget" {
			keys = append(keys, len(cmd.Args())-1)
		}
	}
	return keys
}

func (w *tower) DialHook(next redis.DialHook) redis.DialHook { return next }
func (w *tower) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := w.pass(cmd); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (w *tower) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := w.pass(cmds...); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// crowd is a store in which so many checks are under way that no other goes
// straight, whose commands a tower sees.
func crowd(t *testing.T, opts RedisOptions) (*Redis, *redis.Client, *tower) {
	t.Helper()
	r, c := sharedStore(t, opts)
	w := &tower{}
	r.client.AddHook(w)
	for range straight {
		r.authority.enter()
	}
	require.NoError(t, r.Check(t.Context(), tokenOf("first")))
	return r, c, w
}

// held is a gate that holds the first command until it is opened.
func held() (gate func(redis.Cmder) error, open func(), inside <-chan struct{}) {
	opened, entered := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	return func(redis.Cmder) error {
		if first.CompareAndSwap(false, true) {
			close(entered)
			<-opened
		}
		return nil
	}, sync.OnceFunc(func() { close(opened) }), entered
}

// seated waits until so many checks wait for a flight to take off.
func (r *Redis) seated(t *testing.T, n int) {
	t.Helper()
	r.flights[0].seated(t, n)
}

func (s *flights) seated(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, eventually(t, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		aboard := 0
		for _, f := range s.waiting {
			aboard += f.aboard
		}
		if aboard != n {
			return fmt.Errorf("%d of %d wait", aboard, n)
		}
		return nil
	}))
}

// fresh has those who wait rely on the flight under way for as long as a test
// holds it.
func (s *flights) fresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = s.now() + int64(time.Hour)
}

// afterwards has f called with the first reply, before anybody sees it.
func afterwards(f func()) redis.Hook {
	once := sync.OnceFunc(f)
	return replied{once}
}

type replied struct{ got func() }

func (a replied) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a replied) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		a.got()
		return err
	}
}
func (a replied) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		a.got()
		return err
	}
}

// landed waits until nothing is left of any flight.
func (r *Redis) landed(t *testing.T) {
	t.Helper()
	require.NoError(t, eventually(t, func() error {
		for p, s := range r.flights {
			s.mu.Lock()
			aloft, lead, waiting, watching := s.aloft, s.lead, len(s.waiting), s.watching
			s.mu.Unlock()
			if aloft != 0 || lead != 0 || waiting != 0 || watching {
				return fmt.Errorf("partition %d: %d aloft, %d leads, %d wait, timer %v", p, aloft, lead, waiting, watching)
			}
		}
		return nil
	}))
}
