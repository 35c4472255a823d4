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

// TestShare_Issuers: the issuer's entry is that of the token's own issuer,
// whoever else is aboard.
func TestShare_Issuers(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		r, _, w := crowd(t, RedisOptions{Partitions: partitions})
		_, err := r.Revoke(t.Context(), IssuerEntry("https://dead.example", time.Time{}))
		require.NoError(t, err)
		gate, open, inside := held()
		w.close(gate)
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
		<-inside
		r.flights[0].fresh()
		for i := range 60 {
			token := tokenOf(fmt.Sprint(i))
			token.Issuer = []string{"https://dead.example", testIssuer, "https://live.example"}[i/2%3]
			if i%5 == 0 {
				token.Session, token.Subject = "", ""
			}
			all.Go(func() {
				if err := r.Check(t.Context(), token); i/2%3 == 0 {
					assert.ErrorIs(t, err, ErrRevoked, "%d", i)
				} else {
					assert.NoError(t, err, "%d", i)
				}
			})
		}
		if partitions == 1 {
			r.seated(t, 60)
		}
		open()
		all.Wait()
		r.landed(t)
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
	time.AfterFunc(10*defaultCheckWindow, func() { close(open) })
	all.Wait()
	assert.Len(t, w.keysAsked(), 3)
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
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
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
	r.landed(t)
	assert.Equal(t, []int{4}, w.keysAsked(), "nobody waits for a second")
}

// TestShare_Errors: what is wrong in one's places is one's own; what is wrong
// with the command is everybody's who is aboard, and nobody else's.
func TestShare_Errors(t *testing.T) {
	t.Parallel()
	r, c, w := crowd(t, RedisOptions{})
	require.NoError(t, c.Set(t.Context(), r.keys.entry(ScopeSession, testIssuer, "foreign").key, "x", 0).Err())
	// fly has those sessions checked in one flight.
	fly := func(gate func(redis.Cmder) error, sessions ...string) (verdicts map[string]error, ahead error) {
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
		return verdicts, ahead
	}
	pass := func(redis.Cmder) error { return nil }
	got, ahead := fly(pass, "a", "foreign", "b")
	assert.NoError(t, ahead)
	assert.NoError(t, got["a"])
	assert.NoError(t, got["b"])
	assert.ErrorIs(t, got["foreign"], errForeign)
	assert.ErrorIs(t, got["foreign"], ErrUnavailable)
	assert.NotErrorIs(t, got["foreign"], ErrRevoked)

	broken := errors.New("LOADING")
	got, ahead = fly(func(redis.Cmder) error { return broken }, "a", "b")
	assert.NoError(t, ahead)
	for s, err := range got {
		assert.ErrorIs(t, err, broken, s)
		assert.ErrorIs(t, err, ErrUnavailable, s)
	}
	assert.Zero(t, r.authority.proofs[0].sent.Load(), "the next proves that Redis accepts writes")
	got, _ = fly(pass, "a", "b")
	assert.Equal(t, map[string]error{"a": nil, "b": nil}, got)
}

// TestShare_Bounded: no command has more keys than a batch may.
func TestShare_Bounded(t *testing.T) {
	t.Parallel()
	for batch, commands := range map[int]int{0: 5, 4: 257, 8: 129, 100: 9, mostCheckBatch: 2} {
		r, _, w := crowd(t, RedisOptions{CheckBatch: batch})
		gate, open, inside := held()
		w.close(gate)
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
		<-inside
		r.flights[0].fresh()
		n := 256 // three keys each, and the issuer's for each command
		if batch == 0 {
			n = defaultCheckBatch
		}
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
		assert.LessOrEqual(t, slices.Max(asked), r.opts.CheckBatch)
		assert.Len(t, asked, commands, batch)
		assert.Equal(t, 4+3*n+commands-1, total, batch)
	}
}

// TestShare_StuckFlight: who comes behind a flight that is stuck waits for a
// moment and not for its end; who is aboard waits for it; and of many that are
// stuck there are a few.
func TestShare_StuckFlight(t *testing.T) {
	t.Parallel()
	for _, opts := range []RedisOptions{{}, {CheckFlights: 9, CheckWindow: 500 * time.Microsecond}} {
		r, _, w := crowd(t, opts)
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
			time.Sleep(r.opts.CheckWindow / 4)
			all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i)))) })
		}
		require.NoError(t, eventually(t, func() error {
			if n := len(w.keysAsked()); n != r.opts.CheckFlights {
				return fmt.Errorf("%d are aloft", n)
			}
			return nil
		}))
		close(opened)
		all.Wait()
		r.landed(t)
	}
}

// TestShare_OneFlight: where one command at a time is all there may be, who
// comes behind it waits for its end, however long they would rather not.
func TestShare_OneFlight(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{CheckFlights: 1, CheckWindow: 1})
	gate, open, inside := held()
	w.close(gate)
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf("ahead"))) })
	<-inside
	for i := range 20 {
		all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i)))) })
	}
	r.seated(t, 20)
	open()
	all.Wait()
	assert.Equal(t, []int{4, 61}, w.keysAsked())
	r.landed(t)
}

// TestShare_Window: behind a command that is younger than the window nobody
// takes off, and behind an older one somebody does.
func TestShare_Window(t *testing.T) {
	t.Parallel()
	for window, want := range map[time.Duration]int{1: 2, time.Minute: 0} {
		s := flights{most: 2, window: window, lead: 1, flown: 1, aloft: 1, since: 100}
		assert.Equal(t, want, s.takeOff(101), window)
	}
}

// TestShare_Gathers: those who ask again and again travel together, though each
// has to be woken before it can ask.
func TestShare_Gathers(t *testing.T) {
	t.Parallel()
	const callers, each = 64, 200
	var flown atomic.Int64
	s := &flights{most: 1, batch: defaultCheckBatch, window: time.Minute, now: func() int64 { return 1 }}
	s.ask = func(f *flight) { flown.Add(1); f.values = make([]any, f.keys) }
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				<-s.board([]place{{scope: ScopeToken, key: "k"}}, 1).landed
			}
		})
	}
	all.Wait()
	assert.Less(t, flown.Load(), int64(callers*each/4), "one for each, if nobody is waited for")
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
