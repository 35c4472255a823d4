package denylist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// confirming is a running mirror whose answers Redis confirms, in which nobody
// is alone, and a store elsewhere. A tower sees the mirror's commands.
func confirming(t *testing.T, s *redistest.Server, opts RedisOptions, with MirrorOptions) (*Mirror, *Redis, *tower) {
	t.Helper()
	elsewhere, _ := storeOn(t, s, opts)
	m := confirmed(t, openStore(t, s.URL(), elsewhere.opts), with)
	w := &tower{}
	m.client.AddHook(w)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
	untilMirror(t, m, func(MirrorStats) bool { return true })
	return m, elsewhere, w
}

// confirmed is a mirror that nothing runs yet.
func confirmed(t *testing.T, r *Redis, opts MirrorOptions) *Mirror {
	t.Helper()
	opts.Confirmed = true
	m, err := NewMirror(r, opts)
	require.NoError(t, err)
	m.Crowd()
	return m
}

// asked is how often Redis was asked what was written since, and for how many
// keys.
func (w *tower) asked() (confirms, keys int) {
	for _, n := range w.keysAsked() {
		keys += n
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cmd := range w.passed {
		if cmd.Name() == "xrange" {
			confirms++
		}
	}
	return confirms, keys
}

// TestConfirmed_OneCommand: those who come while a question is under way travel
// together in the next, whatever they are about, and nobody asks for a key.
func TestConfirmed_OneCommand(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		m, elsewhere, w := confirming(t, redistest.Shared(t), RedisOptions{Partitions: partitions}, MirrorOptions{})
		_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
		require.NoError(t, err)
		require.NoError(t, eventually(t, func() error {
			was := m.Stats().Confirmed
			assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
			if m.Stats().Confirmed == was {
				return errors.New("the mirror has not read of it")
			}
			return nil
		}))
		m.confirms.fresh()
		was := m.Stats()
		gate, open, inside := held()
		w.close(gate)
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, m.Check(t.Context(), tokenOf("ahead"))) })
		<-inside
		m.confirms.fresh()
		const n = 60
		for i := range n {
			all.Go(func() {
				if i%3 == 0 {
					assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
				} else {
					assert.NoError(t, m.Check(t.Context(), tokenOf(fmt.Sprint(i)).Prepared()))
				}
			})
		}
		m.confirms.seated(t, n)
		open()
		all.Wait()
		confirms, keys := w.asked()
		assert.Equal(t, 2*partitions, confirms)
		assert.Zero(t, keys)
		assert.EqualValues(t, 1+n, m.Stats().Confirmed-was.Confirmed)
		assert.Equal(t, was.Asked, m.Stats().Asked)
		err, known := m.Glance(tokenOf("dead")).Verdict(time.Now())
		assert.False(t, known, "what is not confirmed: %v", err)
	}
}

// TestConfirmed_Few go straight, each for its own keys.
func TestConfirmed_Few(t *testing.T) {
	t.Parallel()
	m, elsewhere, w := confirming(t, redistest.Shared(t), RedisOptions{}, MirrorOptions{})
	for range manyChecks {
		m.authority.leave()
	}
	w.close(nil)
	_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
	require.NoError(t, err)
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	assert.NoError(t, m.Check(t.Context(), tokenOf("live")))
	assert.ErrorIs(t, m.Check(t.Context(), Token{}), ErrInvalid)
	confirms, keys := w.asked()
	assert.Zero(t, confirms)
	assert.Equal(t, 8, keys)
}

// TestR16_NobodyBoardsAConfirmationUnderWay: what was asked before a revocation
// confirms nothing to a check that begins after it.
func TestR16_NobodyBoardsAConfirmationUnderWay(t *testing.T) {
	t.Parallel()
	elsewhere, _ := sharedStore(t, RedisOptions{})
	m := standing(t, elsewhere)
	token := tokenOf("s")
	answered, open := make(chan struct{}), make(chan struct{})
	m.client.AddHook(afterwards(func() { close(answered); <-open }))
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, m.Check(t.Context(), token), "asked before") })
	<-answered // by Redis, and on its way
	_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "s", time.Time{}))
	require.NoError(t, err)
	all.Go(func() { assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked) })
	time.AfterFunc(10*defaultCheckWindow, func() { close(open) })
	all.Wait()
}

// standing is a mirror of what a store has, which reads nothing more by itself.
func standing(t *testing.T, of *Redis) *Mirror {
	t.Helper()
	client, err := OpenURL("unix://"+of.client.(*redis.Client).Options().Addr, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	r, err := NewRedis(client, of.opts)
	require.NoError(t, err)
	m := stepping(t, r, MirrorOptions{Confirmed: true, Now: of.opts.Now})
	m.Crowd()
	l, err := m.load(t.Context())
	require.NoError(t, err)
	m.publish(t.Context(), l, nil)
	return m
}

// TestR16_ConfirmedSeesWhatWasAcknowledged: a check that begins once another
// process's revocation was acknowledged denies, and one that begins once that
// was taken back does not, however late the mirror reads of it, whenever the
// answers come, and whatever it has to load again meanwhile.
func TestR16_ConfirmedSeesWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		partitions, rounds int
		trim               time.Duration // how often the log is trimmed by hand; 0: never
	}{{partitions: 1, rounds: 120}, {partitions: 16, rounds: 30}, {1, 60, 40 * time.Millisecond}} {
		t.Run(fmt.Sprint(c.partitions, c.trim), func(t *testing.T) {
			t.Parallel()
			opts := RedisOptions{Partitions: c.partitions, MaxStaleness: time.Minute}
			m, elsewhere, _ := confirming(t, redistest.Shared(t), opts, MirrorOptions{Wakes: 1})
			m.client.AddHook(delayed{})
			trimming, end := context.WithCancel(t.Context())
			var all, trimmed sync.WaitGroup
			trimmed.Go(func() {
				for n := int64(0); c.trim > 0 && pause(trimming, c.trim) == nil; n++ {
					_ = elsewhere.client.XTrimMaxLen(trimming, elsewhere.keys.log(0), n%3).Err()
				}
			})
			for g := range 8 {
				all.Go(func() {
					for i := range c.rounds {
						id := fmt.Sprint(g, ".", i)
						token, by := tokenOf(id), Operator(elsewhere)
						if !assert.NoError(t, m.Check(t.Context(), token)) {
							return
						}
						var revoker Store = elsewhere
						if i%3 == 0 { // the process of the mirror itself
							revoker = m
						}
						_, err := revoker.Revoke(t.Context(), SessionEntry(testIssuer, id, time.Time{}))
						if !assert.NoError(t, err) || !assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked, id) {
							return
						}
						if i%2 == 0 {
							_, err = by.Reinstate(t.Context(), ScopeSession, testIssuer, id)
							if !assert.NoError(t, err) || !assert.NoError(t, m.Check(t.Context(), token), id) {
								return
							}
						}
					}
				})
			}
			all.Wait()
			end()
			trimmed.Wait()
			assert.Positive(t, m.Stats().Confirmed)
			assert.Positive(t, m.Stats().Asked)
		})
	}
}

// delayed has what Redis answers about its newest records come late.
type delayed struct{}

func (delayed) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (delayed) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (delayed) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if cmds[0].Name() == "xrange" && rand.IntN(4) == 0 {
			time.Sleep(rand.N(time.Millisecond))
		}
		return err
	}
}
