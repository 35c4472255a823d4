package denylist

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// after does something after the next command of a name.
type after struct {
	command string
	once    *sync.Once
	do      func()
}

func (a after) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a after) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a after) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == a.command {
			a.once.Do(a.do)
		}
		return err
	}
}

// forgetful is a mirror that a test takes step by step, and its Redis.
type forgetful struct {
	*Mirror
	server *redistest.Server
	strict *Redis
	entry  Entry
	token  Token // which it denies
}

func newForgetful(t *testing.T) *forgetful {
	t.Helper()
	s := redistest.Start(t)
	strict, _ := storeOn(t, s, RedisOptions{Prefix: s.Prefix()})
	f := &forgetful{server: s, strict: strict, Mirror: stepping(t, openStore(t, s.URL(), RedisOptions{Prefix: strict.opts.Prefix}), MirrorOptions{})}
	f.entry, f.token = sessionFor("s", time.Now())
	_, err := strict.Revoke(t.Context(), f.entry)
	require.NoError(t, err)
	return f
}

// loaded is a load that is published.
func (f *forgetful) loaded(t *testing.T) *mirrorLoad {
	t.Helper()
	l, err := f.load(t.Context())
	require.NoError(t, err)
	f.Mirror.kept = nil
	f.publish(t.Context(), l, nil)
	return l
}

func (f *forgetful) flush(t *testing.T) {
	require.NoError(t, f.server.Client().FlushAll(context.Background()).Err())
}

// gap has the mirror miss a change.
func (f *forgetful) gap(t *testing.T, l *mirrorLoad) {
	t.Helper()
	_, err := f.strict.Revoke(t.Context(), SessionEntry(testIssuer, "missed", time.Now().Add(time.Hour)))
	require.NoError(t, err)
	require.NoError(t, f.server.Client().XTrimMaxLen(t.Context(), f.strict.keys.log(0), 0).Err())
	err = f.step(t.Context(), l, nil)
	require.ErrorIs(t, err, ErrGap)
	f.keep(l, err)
}

// givesBack: the next load and some steps bring back to Redis what it forgot.
func (f *forgetful) givesBack(t *testing.T) {
	t.Helper()
	l := f.loaded(t)
	for range 3 {
		require.ErrorIs(t, f.Check(t.Context(), f.token), ErrRevoked)
		require.NoError(t, f.step(t.Context(), l, nil))
	}
	assert.ErrorIs(t, f.strict.Check(t.Context(), f.token), ErrRevoked, "it was given back")
	assert.False(t, f.looksBack())
}

// TestR18_MirrorNoticesWhileItLoads: what a mirror had read before it missed
// something is denied, and given back, if Redis forgets before the mirror has
// read it all again; and so is what its first load has read by then.
func TestR18_MirrorNoticesWhileItLoads(t *testing.T) {
	t.Parallel()
	t.Run("before it loads again", func(t *testing.T) {
		t.Parallel()
		f := newForgetful(t)
		f.gap(t, f.loaded(t))
		_, known := f.Glance(f.token).Verdict(time.Now())
		assert.False(t, known, "what is kept proves nothing")
		_, ok := f.Freshness()
		assert.False(t, ok)
		assert.NoError(t, f.Check(t.Context(), tokenOf("other")))
		f.flush(t)
		require.ErrorIs(t, f.Check(t.Context(), f.token), ErrRevoked)
		f.givesBack(t)
		assert.EqualValues(t, 1, f.Stats().Forgotten)
	})
	for name, first := range map[string]bool{"while it loads again": false, "while it loads first": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForgetful(t)
			if !first {
				f.gap(t, f.loaded(t))
			}
			f.client.AddHook(after{"zrange", new(sync.Once), func() {
				f.flush(t)
				_, err := f.strict.Revoke(t.Context(), SessionEntry(testIssuer, "new", time.Now().Add(time.Hour)))
				assert.NoError(t, err)
			}})
			l, err := f.load(t.Context())
			require.ErrorIs(t, err, errForgot)
			f.keep(l, err)
			f.givesBack(t)
		})
	}
	t.Run("after a load that failed", func(t *testing.T) {
		t.Parallel()
		f := newForgetful(t)
		l, err := f.load(t.Context())
		require.NoError(t, err)
		f.keep(l, ErrUnavailable)
		f.flush(t)
		f.givesBack(t)
	})
}

// TestR18_MirrorKeepsWithinItsMemory: what is kept while a mirror loads again
// gives way where there is no room for both.
func TestR18_MirrorKeepsWithinItsMemory(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	f.gap(t, f.loaded(t))
	assert.NotNil(t, f.kept)
	f.opts.MaxBytes = f.kept.table.bytes() + entryBytes
	l, err := f.load(t.Context())
	require.NoError(t, err)
	assert.Nil(t, f.kept)
	assert.EqualValues(t, 2, l.table.len())
}

// TestR18_MirrorHearsLateOfItsOwn: a write that Redis acknowledged and forgot,
// of which this process hears after the mirror has noticed, is denied and given
// back like all others.
func TestR18_MirrorHearsLateOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	l := f.loaded(t)
	begun := f.own.begin(f.opts.Now())
	late, token := sessionFor("late", time.Now())
	f.flush(t)
	err := f.step(t.Context(), l, nil)
	require.ErrorIs(t, err, errForgot)
	f.keep(l, err)
	f.own.note(mirrorKeyFor(late), ownWrite{hit: recordOf(late).hit(ScopeSession), acked: f.opts.Now(), begun: begun})
	assert.ErrorIs(t, f.Check(t.Context(), token), ErrRevoked, "at once")
	f.entry, f.token = late, token
	f.givesBack(t)
	assert.Zero(t, f.own.size.Load())
}
