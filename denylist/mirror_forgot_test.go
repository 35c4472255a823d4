package denylist

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// stepping is a mirror that a test takes step by step, instead of Run.
func stepping(t *testing.T, store *Redis, opts MirrorOptions) *Mirror {
	t.Helper()
	m, err := NewMirror(store, opts)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		for ctx.Err() == nil {
			select {
			case <-m.events:
			case <-ctx.Done():
			}
		}
	}()
	m.own.follow(true)
	return m
}

// lose notes a write of the mirror's process that Redis has lost.
func (m *Mirror) lose(e Entry, now time.Time) {
	m.own.note(mirrorKeyFor(e), ownWrite{hit: recordOf(e).hit(e.Scope), acked: now})
}

func sessionFor(id string, now time.Time) (Entry, Token) {
	e := SessionEntry(testIssuer, id, now.Add(time.Hour))
	e.ExpiresAt = now.Add(2 * time.Hour)
	return e, Token{Issuer: testIssuer, ID: "x", Session: id, Login: now, ExpiresAt: now.Add(time.Hour)}
}

// TestR18_MirrorLosesNothingOfItsOwn: what Redis acknowledged to this process
// and forgot before the mirror had read of it is denied and given back too, also
// if it was the first that this Redis was ever told.
func TestR18_MirrorLosesNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]int{"the first of all": 0, "a later one": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t)
			store, _ := storeOn(t, s, RedisOptions{Prefix: s.Prefix()})
			m, ctx, now := stepping(t, store, MirrorOptions{}), t.Context(), time.Now()
			for range before {
				_, err := store.Revoke(ctx, SessionEntry(testIssuer, "before", now.Add(time.Hour)))
				require.NoError(t, err)
			}
			l, err := m.load(ctx)
			require.NoError(t, err)
			m.publish(ctx, l, nil)
			e, token := sessionFor("lost", now)
			m.lose(e, m.opts.Now())
			require.NoError(t, s.Client().FlushAll(ctx).Err())
			require.ErrorIs(t, m.step(ctx, l, nil), errForgot)
			since, _ := l.proto.since()
			m.retire(l.table, since)
			m.drop()
			require.ErrorIs(t, m.Check(ctx, token), ErrRevoked, "while it loads")
			l, err = m.load(ctx)
			require.NoError(t, err)
			m.publish(ctx, l, nil)
			require.NoError(t, m.step(ctx, l, nil))
			assert.Zero(t, m.own.size.Load(), "it was acknowledged before what was read")
			require.ErrorIs(t, m.Check(ctx, token), ErrRevoked)
			require.NoError(t, m.step(ctx, l, nil))
			assert.EqualValues(t, 1+before, m.Stats().GivenBack)
			assert.ErrorIs(t, store.Check(ctx, token), ErrRevoked)
		})
	}
}

// TestR18_MirrorDeniesBesideWhatItAsks: a token that Redis has to be asked
// about, since another of its entries was reinstated, is denied by what that
// Redis forgot.
func TestR18_MirrorDeniesBesideWhatItAsks(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{})
	m, now := stepping(t, store, MirrorOptions{}), time.Now()
	former := newMirrorTable(0, m.heardClock)
	e, token := sessionFor("forgotten", now)
	require.NoError(t, former.put(mirrorKeyFor(e), recordOf(e)))
	m.retire(former, now)
	_, err := m.Reinstate(t.Context(), ScopeIssuer, testIssuer, "")
	require.ErrorIs(t, err, ErrNotFound)
	assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked)
}

// TestR18_MirrorUndoesWhatItHasNotRead: of what was reinstated while Redis had
// all, the mirror has read. It may have been revoked again, and only that be
// forgotten.
func TestR18_MirrorUndoesWhatItHasNotRead(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{})
	m, ctx, now := stepping(t, store, MirrorOptions{}), t.Context(), time.Now()
	e, _ := sessionFor("s", now)
	_, err := store.Revoke(ctx, e)
	require.NoError(t, err)
	_, err = store.Reinstate(ctx, e.Scope, e.Issuer, e.ID)
	require.NoError(t, err)
	former := newMirrorTable(0, m.heardClock)
	require.NoError(t, former.put(mirrorKeyFor(e), recordOf(e)))
	m.retire(former, now)
	for _, c := range []struct {
		since time.Time
		kept  bool
	}{{now.Add(time.Minute), true}, {now.Add(-time.Minute), false}} {
		whole, err := m.undo(ctx, c.since)
		require.NoError(t, err)
		assert.True(t, whole)
		assert.Equal(t, c.kept, m.formerHit(mirrorKeyFor(e)).found())
	}
}

// TestR1_ShadowOfAVerdict: of a token about which nobody wants to know, since it
// has expired, Redis hears nothing.
func TestR1_ShadowOfAVerdict(t *testing.T) {
	t.Parallel()
	store, _ := storeOn(t, redistest.Shared(t), RedisOptions{})
	m := stepping(t, store, MirrorOptions{Shadow: 1})
	l, err := m.load(t.Context())
	require.NoError(t, err)
	m.publish(t.Context(), l, nil)
	_, token := sessionFor("s", time.Now())
	g := m.Glance(token)
	assert.Empty(t, m.shadowed)
	err, known := g.Verdict(m.opts.Now())
	assert.NoError(t, err)
	assert.True(t, known)
	assert.Len(t, m.shadowed, 1)
}
