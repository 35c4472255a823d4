package denylist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// lateConn is a connection on which some replies come after whoever waits for
// them has gone: the next to read would find them.
type lateConn struct {
	net.Conn
	late func() time.Duration // how late what was read is; 0: in time
	kept []byte
	end  time.Time
}

func (c *lateConn) SetReadDeadline(end time.Time) error {
	c.end = end
	return c.Conn.SetReadDeadline(end)
}

func (c *lateConn) SetDeadline(end time.Time) error {
	c.end = end
	return c.Conn.SetDeadline(end)
}

func (c *lateConn) Read(b []byte) (int, error) {
	if len(c.kept) > 0 {
		n := copy(b, c.kept)
		c.kept = c.kept[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	wait := c.late()
	if err != nil || wait == 0 {
		return n, err
	}
	if left := time.Until(c.end); !c.end.IsZero() && left < wait {
		time.Sleep(left)
		c.kept = append(c.kept, b[:n]...)
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(wait)
	return n, nil
}

// storeOver returns a store whose client is made with these options.
func storeOver(t *testing.T, o *redis.Options, opts RedisOptions) *Redis {
	t.Helper()
	o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	r, err := NewRedis(client, opts)
	require.NoError(t, err)
	return r
}

// verdicts has many callers, some of whom leave early, check tokens of live and
// dead sessions until enough were answered or they are told to stop. No answer
// may be another's. It reports whether there was any.
func (r *Redis) verdicts(t *testing.T, stop context.Context, enough int64, dead func(i int) bool) bool {
	t.Helper()
	var all sync.WaitGroup
	var answers atomic.Int64
	for g := range 24 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for stop.Err() == nil && answers.Load() < enough {
				i := rng.IntN(200)
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(10) == 0 {
					time.AfterFunc(time.Duration(rng.IntN(2000))*time.Microsecond, cancel)
				}
				err := r.Check(ctx, tokenOf(fmt.Sprint(i)))
				cancel()
				var revoked *RevokedError
				switch {
				case errors.As(err, &revoked):
					assert.True(t, dead(i), "%d is live", i)
					assert.Equal(t, fmt.Sprint(i), revoked.Entry.ID)
				case err == nil:
					assert.False(t, dead(i), "%d is dead", i)
				default:
					assert.ErrorIs(t, err, ErrUnavailable)
					continue
				}
				answers.Add(1)
			}
		})
	}
	all.Wait()
	r.landed(t)
	return answers.Load() > 0
}

// TestShare_AnswersBelongToQuestions: whatever becomes of replies and
// connections, each caller gets the answer to its own question or none.
func TestShare_AnswersBelongToQuestions(t *testing.T) {
	t.Parallel()
	dead := func(i int) bool { return i%3 == 0 }
	for name, partitions := range map[string]int{"1 partition": 1, "16 partitions": 16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			proxy := redistest.NewProxy(t, s)
			o := proxy.Client().Options()
			var late atomic.Int64 // one reply in so many
			o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return &lateConn{Conn: c, late: func() time.Duration {
					if n := late.Load(); n == 0 || rand.Int64N(n) > 0 {
						return 0
					}
					return time.Duration(rand.IntN(400)) * time.Millisecond
				}}, err
			}
			r := storeOver(t, o, RedisOptions{Prefix: s.Prefix(), Partitions: partitions, CheckTimeout: 200 * time.Millisecond,
				WriteTimeout: 10 * time.Second})
			var entries []Entry
			for i := range 200 {
				if dead(i) {
					entries = append(entries, SessionEntry(testIssuer, fmt.Sprint(i), time.Time{}))
				}
			}
			_, err := r.Revoke(t.Context(), entries...)
			require.NoError(t, err)

			stop, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var trouble sync.WaitGroup
			trouble.Go(func() {
				for i := 0; stop.Err() == nil; i++ {
					late.Store(int64(i % 2 * 20))
					if i%3 == 0 {
						proxy.LoseReplies("mget", 3)
					}
					if i%7 == 0 {
						proxy.Cut()
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
			assert.True(t, r.verdicts(t, stop, 1000, dead), "answers come through")
			cancel()
			trouble.Wait()
			late.Store(0)
			proxy.LoseReplies("", 0)
			assert.NoError(t, eventually(t, func() error { return r.Check(t.Context(), tokenOf("1")) }))
		})
	}
}

// TestR14_ShareHung: of many callers of a Redis that hangs each has an error
// when its time is over, and nothing is left of them; then service resumes.
func TestR14_ShareHung(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{CheckTimeout: 100 * time.Millisecond, WriteTimeout: 10 * time.Second})
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), tokenOf("s")) }))
	s.Stop()
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			for range 3 {
				err := r.Check(t.Context(), tokenOf(fmt.Sprint(i)))
				assert.ErrorIs(t, err, ErrUnavailable)
			}
		})
	}
	all.Wait()
	r.landed(t)
	assert.Zero(t, r.authority.flying.Load())
	s.Continue()
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), tokenOf("s")) }))
}

// TestShare_OnePartitionFails: who asks nothing of a partition that cannot
// tell is answered; a denial by another stands.
func TestShare_OnePartitionFails(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{Partitions: 16})
	token := apart(r)
	_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, token.Session, time.Time{}))
	require.NoError(t, err)
	places := r.keys.places(token)
	bad := places[0].partition // of the token's own entry
	broken := errors.New("CLUSTERDOWN")
	w.close(func(cmd redis.Cmder) error {
		if key, ok := cmd.Args()[1].(*string); ok && (*key)[:len(r.keys.heads[bad])] == r.keys.heads[bad] {
			return broken
		}
		return nil
	})
	var all sync.WaitGroup
	all.Go(func() { assert.ErrorIs(t, r.Check(t.Context(), token), ErrRevoked, "by its session") })
	for i := range 100 {
		other := tokenOf(fmt.Sprint("other", i))
		touched := false
		for _, p := range r.keys.places(other) {
			touched = touched || p.partition == bad
		}
		all.Go(func() {
			err := r.Check(t.Context(), other)
			if touched {
				assert.ErrorIs(t, err, broken)
				assert.ErrorIs(t, err, ErrUnavailable)
			} else {
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	r.landed(t)
}

// TestShare_HookPanics: a hook that panics where a round trip is shared is an
// error of those who share it; nobody hangs, and the next are answered.
func TestShare_HookPanics(t *testing.T) {
	t.Parallel()
	for name, probed := range map[string]bool{"in a command": false, "in a pipeline": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _, w := crowd(t, RedisOptions{})
			_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
			require.NoError(t, err)
			for range 3 * defaultCheckFlights {
				if probed {
					r.authority.doubted(0)
				}
				w.close(func(redis.Cmder) error { panic("the hook's own fault") })
				var all sync.WaitGroup
				for i := range 20 {
					all.Go(func() {
						err := r.Check(t.Context(), tokenOf(fmt.Sprint(i)))
						assert.ErrorIs(t, err, errPanic)
						assert.ErrorIs(t, err, ErrUnavailable)
						assert.ErrorContains(t, err, "the hook's own fault")
					})
				}
				all.Wait()
				w.close(func(redis.Cmder) error { return nil })
				assert.NoError(t, r.Check(t.Context(), tokenOf("live")))
				assert.ErrorIs(t, r.Check(t.Context(), tokenOf("dead")), ErrRevoked)
			}
			r.landed(t)
		})
	}
}

// TestShare_HookEndsGoroutine: nor do those hang who come after a hook that has
// ended the goroutines of round trips, more of them than may be under way.
func TestShare_HookEndsGoroutine(t *testing.T) {
	t.Parallel()
	r, _, w := crowd(t, RedisOptions{})
	for range 3 * defaultCheckFlights {
		w.close(func(redis.Cmder) error { runtime.Goexit(); return nil })
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				assert.ErrorIs(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i))), ErrUnavailable)
			})
		}
		all.Wait()
		w.close(func(redis.Cmder) error { return nil })
		for i := range 20 {
			all.Go(func() { assert.NoError(t, r.Check(t.Context(), tokenOf(fmt.Sprint(i)))) })
		}
		all.Wait()
	}
	r.landed(t)
}
