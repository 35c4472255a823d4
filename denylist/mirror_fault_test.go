package denylist_test

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

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// ofSession is the first token of a session of its own subject.
func ofSession(id string) denylist.Token {
	t, _, _ := fresh(id)
	t.Subject = id
	return t
}

// answers reports whether the mirror itself says something of a token.
func answers(m *denylist.Mirror, t denylist.Token) (err error, known bool) {
	return m.Glance(t).Verdict(time.Now())
}

// states records the changes of a mirror's state.
type states struct {
	mu      sync.Mutex
	all     []denylist.MirrorState
	reasons []error
}

func (s *states) add(state denylist.MirrorState, reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.reasons = append(s.all, state), append(s.reasons, reason)
}

// reason is why a mirror was last in a state.
func (s *states) reason(state denylist.MirrorState) (reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.all {
		if one == state {
			reason = s.reasons[i]
		}
	}
	return reason
}

func (s *states) seen(state denylist.MirrorState) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range s.all {
		if one == state {
			n++
		}
	}
	return n
}

// trouble is something that befalls a mirror's Redis or its link.
type trouble struct {
	name        string
	cause, mend func(*testing.T, *redistest.Server, *redistest.Proxy)
	keeps       bool // Redis keeps what it had
}

func troubles() []trouble {
	set := func(name, value string) func(*testing.T, *redistest.Server, *redistest.Proxy) {
		return func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			require.NoError(t, s.Client().ConfigSet(t.Context(), name, value).Err())
		}
	}
	replica := func(of ...any) func(*testing.T, *redistest.Server, *redistest.Proxy) {
		return func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			require.NoError(t, s.Client().Do(t.Context(), append([]any{"REPLICAOF"}, of...)...).Err())
		}
	}
	return []trouble{
		{"hangs", func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Stop() },
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Continue() }, true},
		{"is killed", func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Kill() },
			func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Restart() }, false},
		{"is cut off", func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Refuse() },
			func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Allow() }, true},
		{"is full", set("maxmemory", "1"), set("maxmemory", "0"), true},
		{"lost its replicas", set("min-replicas-to-write", "1"), set("min-replicas-to-write", "0"), true},
		{"is a replica", replica("127.0.0.1", "1"), replica("NO", "ONE"), true},
	}
}

// TestR15_MirrorInTrouble: a Redis that cannot tell, or that answers and could
// not be told of a revocation, keeps no mirror fresh. The mirror notices by
// itself, and its checks are Redis's until it has a proof again.
func TestR15_MirrorInTrouble(t *testing.T) {
	t.Parallel()
	for _, trouble := range troubles() {
		t.Run(trouble.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			p := redistest.NewProxy(t, s)
			store := newRedis(t, open(t, p.URL()), denylist.RedisOptions{
				Prefix: s.Prefix(), MaxStaleness: staleness, CheckTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond,
			})
			var seen states
			m := running(t, store, denylist.MirrorOptions{OnState: seen.add})
			dead, live := ofSession("dead"), ofSession("live")
			require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
				_, err := m.Revoke(t.Context(), denylist.SessionEntry(issuer, "dead", dead.ExpiresAt))
				return err
			}))

			trouble.cause(t, s, p)
			untilState(t, m, denylist.MirrorStale)
			_, known := answers(m, live)
			assert.False(t, known, "a stale mirror says nothing")
			assert.ErrorIs(t, m.Check(t.Context(), live), denylist.ErrUnavailable)
			assert.Error(t, m.Check(t.Context(), dead))
			require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
				if seen.seen(denylist.MirrorStale) == 0 {
					return errors.New("nobody was told")
				}
				return nil
			}))
			if reason := seen.reason(denylist.MirrorStale); reason != nil { // nobody has answered yet: there is none
				assertOneLine(t, reason)
			}

			trouble.mend(t, s, p)
			untilState(t, m, denylist.MirrorFresh)
			assert.NoError(t, m.Check(t.Context(), live))
			assert.ErrorIs(t, m.Check(t.Context(), dead), denylist.ErrRevoked)
			if trouble.keeps {
				assert.EqualValues(t, 1, m.Stats().Loads, "nothing was missed")
			}
		})
	}
}

// assertOneLine: an error says each cause once, in one line.
func assertOneLine(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
	causes := strings.Split(err.Error(), "; ")
	slices.Sort(causes)
	assert.Equal(t, slices.Compact(slices.Clone(causes)), causes, "%v", err)
}

// TestR15_MirrorGaps: what the mirror missed it reads again, all of it. Where
// Redis has forgotten, it goes on denying what it knows (R18).
func TestR15_MirrorGaps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose   func(ctx context.Context, c *redis.Client, head string)
		forgot bool
	}{
		"trimmed": {lose: func(ctx context.Context, c *redis.Client, head string) { c.XTrimMaxLen(ctx, head+"log", 0) }},
		"flushed": {lose: func(ctx context.Context, c *redis.Client, _ string) { c.FlushAll(ctx) }, forgot: true},
		"went back": {lose: func(ctx context.Context, c *redis.Client, head string) {
			c.HSet(ctx, head+"meta", "seq", "1")
			dropNewest(ctx, c, head+"log", 2)
		}, forgot: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			p := redistest.NewProxy(t, s)
			opts := denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: staleness}
			m := running(t, newRedis(t, open(t, p.URL()), opts), denylist.MirrorOptions{})
			behind := newRedis(t, open(t, s.URL()), opts)
			before, missed, after := ofSession("before"), ofSession("missed"), ofSession("after")
			revokeSession(t, m, "before")
			revokeSession(t, m, "a second one")
			untilEntries(t, m, 2)

			p.Refuse()
			revokeSession(t, behind, "missed")
			c.lose(t.Context(), s.Client(), s.Prefix()+":{0}:")
			if !c.forgot {
				revokeSession(t, behind, "after")
			}
			p.Allow()
			require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
				if m.Stats().Loads < 2 {
					return errors.New("it was not read again")
				}
				return nil
			}))
			untilState(t, m, denylist.MirrorFresh)
			assert.ErrorIs(t, m.Check(t.Context(), before), denylist.ErrRevoked)
			if !c.forgot {
				untilKnown(t, m, missed)
				untilKnown(t, m, after)
				assert.EqualValues(t, 1, m.Stats().Gaps)
				return
			}
			assert.NotZero(t, m.Stats().Forgotten)
			err, known := answers(m, before)
			assert.True(t, known)
			assert.ErrorIs(t, err, denylist.ErrRevoked)
		})
	}
}

// untilEntries waits until a mirror's table has so many entries, as of a proof
// that was sent since: what this process wrote is denied before that.
func untilEntries(t *testing.T, m *denylist.Mirror, n int64) {
	t.Helper()
	now := time.Now()
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		if s := m.Stats(); s.Entries != n || !s.FreshAt.After(now) {
			return fmt.Errorf("%d entries at %v", s.Entries, s.FreshAt)
		}
		return nil
	}))
}

// untilKnown waits until the mirror itself denies a token.
func untilKnown(t *testing.T, m *denylist.Mirror, token denylist.Token) {
	t.Helper()
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		if err, known := answers(m, token); !known || err == nil {
			return fmt.Errorf("not denied: %v, known %v", err, known)
		}
		return nil
	}))
}

// TestR18_MirrorDeniesBeforeItNotices: a Redis that comes back empty is asked
// by a mirror that is stale and has not noticed yet. What the mirror knew is
// not allowed for that.
func TestR18_MirrorDeniesBeforeItNotices(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: staleness, WriteTimeout: time.Second})
	m := running(t, store, denylist.MirrorOptions{})
	var tokens []denylist.Token
	for i := range 50 {
		id := fmt.Sprint("s", i)
		revokeSession(t, m, id)
		tokens = append(tokens, ofSession(id))
	}
	untilEntries(t, m, int64(len(tokens)))
	s.Kill()
	untilState(t, m, denylist.MirrorStale)
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := m.Check(context.Background(), tokens[i%len(tokens)]); err == nil {
					t.Error("allowed what the mirror knew was revoked")
					return
				}
			}
		})
	}
	s.Restart()
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		if m.Stats().Forgotten == 0 || m.State() != denylist.MirrorFresh {
			return errors.New("not noticed")
		}
		return nil
	}))
	close(done)
	asking.Wait()
	assert.NoError(t, m.Check(t.Context(), ofSession("never revoked")))
}

// TestR15_MirrorPaused: a process that stopped between two steps of a check
// reads the clock when it goes on.
func TestR15_MirrorPaused(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	var asleep atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(asleep.Load())) }
	m := running(t, newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: time.Minute}),
		denylist.MirrorOptions{Now: clock, MaxStaleness: 10 * time.Second})
	g := m.Glance(ofSession("s"))
	err, known := g.Verdict(clock())
	assert.NoError(t, err)
	assert.True(t, known)
	_, known = g.Verdict(clock().Add(-time.Hour))
	assert.False(t, known, "a clock that went back")
	asleep.Store(int64(11 * time.Second))
	_, known = g.Verdict(clock())
	assert.False(t, known, "the stamp is too old by now")
	_, known = g.Verdict(clock().Round(0))
	assert.False(t, known, "by the wall clock alone")
	untilState(t, m, denylist.MirrorFresh)
	assert.NoError(t, m.Check(t.Context(), ofSession("s")))
}

// TestR16_MirrorReadsItsOwnWrites: whatever the log has yet to say, this
// process denies what it revoked, and lets pass what it reinstated.
func TestR16_MirrorReadsItsOwnWrites(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			opts := denylist.RedisOptions{Prefix: s.Prefix(), Partitions: partitions, MaxStaleness: time.Second}
			m := running(t, newRedis(t, open(t, s.URL()), opts), denylist.MirrorOptions{})
			other := newRedis(t, open(t, s.URL()), opts)
			var work sync.WaitGroup
			for i := range 8 {
				work.Go(func() {
					for n := range 40 {
						id := fmt.Sprintf("%d/%d", i, n%5)
						token := ofSession(id)
						revokeSession(t, m, id)
						assert.ErrorIs(t, m.Check(t.Context(), token), denylist.ErrRevoked, "after Revoke")
						if n%3 == 0 {
							_, err := other.Reinstate(t.Context(), denylist.ScopeSession, issuer, id)
							assert.NoError(t, err)
							revokeSession(t, m, id)
							assert.ErrorIs(t, m.Check(t.Context(), token), denylist.ErrRevoked, "after it was reinstated and revoked")
						}
						_, err := m.Reinstate(t.Context(), denylist.ScopeSession, issuer, id)
						assert.NoError(t, err)
						assert.NoError(t, m.Check(t.Context(), token), "after Reinstate")
					}
				})
			}
			work.Wait()
		})
	}
}
