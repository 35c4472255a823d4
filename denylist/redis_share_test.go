package denylist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
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
	require.NoError(t, eventually(t, func() error {
		r.flights[0].mu.Lock()
		defer r.flights[0].mu.Unlock()
		aboard := 0
		for _, f := range r.flights[0].waiting {
			aboard += f.aboard
		}
		if aboard != n {
			return fmt.Errorf("%d of %d wait", aboard, n)
		}
		return nil
	}))
}

// hurried never waits for the patience of others: a test decides who flies.
func (s *flights) fresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = s.now() + int64(time.Hour)
}

// TestShare_OneCommand: those who come while a flight is under way travel
// together in the next, the issuer's key once, and each has its own answer.
func TestShare_OneCommand(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{})
	dead := map[int]bool{3: true, 17: true, 39: true}
	for i := range dead {
		_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, fmt.Sprint(i), time.Time{}))
		require.NoError(t, err)
	}
	gate, open, inside := held()
	w.close(gate)
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
	<-inside
	r.flights[0].fresh()
	verdicts := make([]error, 40)
	for i := range verdicts {
		all.Go(func() { verdicts[i] = r.Check(t.Context(), tokenOf(fmt.Sprint(i))) })
	}
	r.seated(t, len(verdicts))
	open()
	all.Wait()
	assert.Equal(t, []int{4, 3*len(verdicts) + 1}, w.keysAsked())
	for i, err := range verdicts {
		var revoked *RevokedError
		if !dead[i] {
			assert.NoError(t, err, i)
		} else if assert.ErrorAs(t, err, &revoked) {
			assert.Equal(t, fmt.Sprint(i), revoked.Entry.ID)
		}
	}
}

// TestR16_NobodyBoardsAFlightUnderWay: what was asked before a revocation says
// nothing to a check that begins after it.
func TestR16_NobodyBoardsAFlightUnderWay(t *testing.T) {
	t.Parallel()
	r, c, w := crowd(t, RedisOptions{})
	elsewhere, err := NewRedis(c, patient(RedisOptions{Prefix: strings.TrimSuffix(r.keys.heads[0], ":{0}:")}))
	require.NoError(t, err)
	token := tokenOf("s")
	answered, open := make(chan struct{}), make(chan struct{})
	r.client.AddHook(afterwards(func() { close(answered); <-open }))
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, r.Check(t.Context(), token), "asked before") })
	<-answered // by Redis, and on its way
	_, err = elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "s", time.Time{}))
	require.NoError(t, err)
	all.Go(func() { assert.ErrorIs(t, r.Check(t.Context(), token), ErrRevoked) })
	time.AfterFunc(10*patience, func() { close(open) })
	all.Wait()
	assert.Len(t, w.keysAsked(), 3)
}

// afterwards has f called with the first reply, before anybody sees it.
func afterwards(f func()) redis.Hook {
	once := sync.OnceFunc(f)
	return reply1{once}
}

type reply1 struct{ got func() }

func (a reply1) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a reply1) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		a.got()
		return err
	}
}
func (a reply1) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		a.got()
		return err
	}
}

// TestShare_WhoLeaves returns at once, aboard or waiting, and nobody else
// notices.
func TestShare_WhoLeaves(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{})
	gate, open, inside := held()
	w.close(gate)
	ctx, leave := context.WithCancel(t.Context())
	var left, stay sync.WaitGroup
	left.Go(func() { assert.ErrorIs(t, r.Check(ctx, tokenOf("aboard")), context.Canceled) })
	<-inside
	r.flights[0].fresh()
	for i := range 10 {
		left.Go(func() {
			err := r.Check(ctx, tokenOf(fmt.Sprint("waits", i)))
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, err, ErrUnavailable)
		})
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	left.Go(func() { assert.ErrorIs(t, r.Check(soon, tokenOf("soon")), context.DeadlineExceeded) })
	r.seated(t, 11)
	stay.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("stays"))) })
	r.seated(t, 12)
	leave()
	left.Wait() // though nothing has landed
	open()
	stay.Wait()

	gate, open, inside = held()
	w.close(gate)
	ctx, leave = context.WithCancel(t.Context())
	stay.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
	<-inside
	r.flights[0].fresh()
	left.Go(func() { assert.ErrorIs(t, r.Check(ctx, tokenOf("alone")), context.Canceled) })
	r.seated(t, 1)
	leave()
	left.Wait()
	open()
	stay.Wait()
	assert.Equal(t, []int{4}, w.keysAsked(), "nobody waits for a second")
}

// TestShare_Errors: what is wrong in one's places is one's own; what is wrong
// with the command is everybody's who is aboard, and nobody else's.
func TestShare_Errors(t *testing.T) {
	t.Parallel()
	r, c, w := crowd(t, RedisOptions{})
	require.NoError(t, c.Set(t.Context(), r.keys.entry(ScopeSession, testIssuer, "foreign").key, "x", 0).Err())
	// fly has those sessions checked in one flight.
	fly := func(gate func(redis.Cmder) error, sessions ...string) (ahead error, verdicts map[string]error) {
		hold, open, inside := held()
		w.close(func(cmd redis.Cmder) error {
			if err := hold(cmd); err != nil || len(cmd.Args()) == 5 {
				return err
			}
			return gate(cmd)
		})
		var all sync.WaitGroup
		var mu sync.Mutex
		all.Go(func() { ahead = r.Check(t.Context(), tokenOf("ahead")) })
		<-inside
		r.flights[0].fresh()
		verdicts = map[string]error{}
		for _, s := range sessions {
			all.Go(func() {
				err := r.Check(t.Context(), tokenOf(s))
				mu.Lock()
				defer mu.Unlock()
				verdicts[s] = err
			})
		}
		r.seated(t, len(sessions))
		open()
		all.Wait()
		return ahead, verdicts
	}
	pass := func(redis.Cmder) error { return nil }
	ahead, got := fly(pass, "a", "foreign", "b")
	assert.NoError(t, ahead)
	assert.NoError(t, got["a"])
	assert.NoError(t, got["b"])
	assert.ErrorIs(t, got["foreign"], errForeign)
	assert.ErrorIs(t, got["foreign"], ErrUnavailable)
	assert.NotErrorIs(t, got["foreign"], ErrRevoked)

	broken := errors.New("LOADING")
	ahead, got = fly(func(redis.Cmder) error { return broken }, "a", "b")
	assert.NoError(t, ahead)
	for s, err := range got {
		assert.ErrorIs(t, err, broken, s)
		assert.ErrorIs(t, err, ErrUnavailable, s)
	}
	assert.Zero(t, r.authority.proofs[0].sent.Load(), "the next proves that Redis accepts writes")
	_, got = fly(pass, "a", "b")
	assert.Equal(t, map[string]error{"a": nil, "b": nil}, got)
}

// TestShare_Bounded: no command has more than flightKeys keys.
func TestShare_Bounded(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{})
	gate, open, inside := held()
	w.close(gate)
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
	<-inside
	r.flights[0].fresh()
	const n = flightKeys
	for i := range n {
		all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i)))) })
	}
	r.seated(t, n)
	open()
	all.Wait()
	asked := w.keysAsked()
	total := 0
	for _, keys := range asked {
		total += keys
	}
	assert.LessOrEqual(t, slices.Max(asked), flightKeys)
	assert.Len(t, asked, 5)
	assert.Equal(t, 4+3*n+4, total)
}

// TestShare_StuckFlight: who comes behind a flight that is stuck waits for a
// moment and not for its end; who is aboard waits for it; and of many that are
// stuck there are a few.
func TestShare_StuckFlight(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{})
	gate, open, inside := held()
	w.close(gate)
	var stuck sync.WaitGroup
	stuck.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("stuck"))) })
	<-inside
	for i := range 20 { // each alone: nobody but the timer helps
		assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i))))
	}
	open()
	stuck.Wait()

	opened := make(chan struct{})
	w.close(func(redis.Cmder) error { <-opened; return nil })
	var all sync.WaitGroup
	for i := range 50 {
		time.Sleep(patience / 4)
		all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i)))) })
	}
	require.NoError(t, eventually(t, func() error {
		if n := len(w.keysAsked()); n != maxAloft {
			return fmt.Errorf("%d are aloft", n)
		}
		return nil
	}))
	close(opened)
	all.Wait()
	r.landed(t)
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

// TestShare_Authority: a flight proves that Redis accepts writes when that is
// due, and a Redis that does not fails all who are aboard but the denied.
func TestShare_Authority(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{})
	_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
	require.NoError(t, err)
	for range straight {
		r.authority.enter()
	}
	config("maxmemory", "1")(t, s)
	r.authority.doubted(0)
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if i%3 == 0 {
				assert.ErrorIs(t, r.Check(t.Context(), tokenOf("dead")), ErrRevoked)
			} else {
				assert.ErrorIs(t, r.Check(t.Context(), tokenOf("live")), ErrUnavailable)
			}
		})
	}
	all.Wait()
	config("maxmemory", "0")(t, s)
	assert.NoError(t, r.Check(t.Context(), tokenOf("live")))
	assert.NotZero(t, r.authority.proofs[0].sent.Load())
}
