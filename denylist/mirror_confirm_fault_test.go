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

// TestConfirmed_OddRedis: whatever became of what the mirror has read, it says
// nothing that Redis would not, but for a denial that Redis has forgotten.
func TestConfirmed_OddRedis(t *testing.T) {
	t.Parallel()
	type happens = func(*Redis, *redis.Client) error
	revoke := func(r *Redis, id string) error {
		_, err := r.Revoke(context.Background(), SessionEntry(testIssuer, id, time.Time{}))
		return err
	}
	ctx := context.Background()
	forget := func(_ *Redis, c *redis.Client) error { return c.FlushAll(ctx).Err() }
	for name, c := range map[string]struct {
		happens []happens
		forgets bool // and the mirror denies what it did
		holds   bool // what the mirror has is still all
	}{
		"nothing":     {holds: true},
		"a new entry": {happens: []happens{func(r *Redis, _ *redis.Client) error { return revoke(r, "new") }}},
		"forgotten":   {happens: []happens{forget}, forgets: true},
		"forgotten, and begun again": {forgets: true, happens: []happens{forget,
			func(r *Redis, _ *redis.Client) error { return revoke(r, "new") }}},
		"restored, and come to the same number by other changes": {happens: []happens{func(r *Redis, c *redis.Client) error {
			epoch := c.HGet(ctx, r.keys.meta(0), "epoch").Val()
			_ = c.FlushAll(ctx)
			_, _ = revoke(r, "dead"), revoke(r, "new")
			return c.HSet(ctx, r.keys.meta(0), "epoch", epoch).Err()
		}}},
		"gone back": {happens: []happens{func(r *Redis, c *redis.Client) error {
			_ = c.XDel(ctx, r.keys.log(0), c.XRevRangeN(ctx, r.keys.log(0), "+", "-", 1).Val()[0].ID)
			return c.HIncrBy(ctx, r.keys.meta(0), "seq", -1).Err()
		}}},
		"a trimmed log": {happens: []happens{func(r *Redis, c *redis.Client) error {
			return c.XTrimMaxLen(ctx, r.keys.log(0), 0).Err()
		}}},
		"a log of another kind": {happens: []happens{func(r *Redis, c *redis.Client) error {
			return c.Set(ctx, r.keys.log(0), "x", 0).Err()
		}}},
		"another's record": {happens: []happens{func(r *Redis, c *redis.Client) error {
			return c.XAdd(ctx, &redis.XAddArgs{Stream: r.keys.log(0), Values: []string{"a", "b"}}).Err()
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			elsewhere, client := storeOn(t, redistest.Start(t), RedisOptions{})
			require.NoError(t, revoke(elsewhere, "dead"))
			require.NoError(t, revoke(elsewhere, "old"))
			m := standing(t, elsewhere)
			for _, happens := range c.happens {
				require.NoError(t, happens(elsewhere, client))
			}
			for _, id := range []string{"dead", "old", "new", "live"} {
				strict, got := elsewhere.Check(ctx, tokenOf(id)), m.Check(ctx, tokenOf(id))
				if known := id == "dead" || id == "old"; c.forgets && known {
					assert.NoError(t, strict)
					assert.ErrorIs(t, got, ErrRevoked, id)
				} else if strict == nil {
					assert.NoError(t, got, id)
				} else {
					assert.ErrorIs(t, got, ErrRevoked, id)
				}
			}
			s := m.Stats()
			assert.Equal(t, c.holds, s.Confirmed == 4, "%+v", s)
			assert.Equal(t, c.holds, s.Asked == 0, "%+v", s)
		})
	}
}

// TestConfirmed_IncompleteTable: a mirror that has read a part, or that misses
// something, says nothing, though nothing was written since.
func TestConfirmed_IncompleteTable(t *testing.T) {
	t.Parallel()
	elsewhere, _ := sharedStore(t, RedisOptions{})
	_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
	require.NoError(t, err)
	m := standing(t, elsewhere)
	at := m.view.Load().marks
	m.show(newMirrorTable(0, m.heardClock), time.Time{}, at, nil)
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	m.show(nil, time.Time{}, nil, nil)
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	assert.NoError(t, m.Check(t.Context(), tokenOf("live")))
	assert.Zero(t, m.Stats().Confirmed)
	assert.EqualValues(t, 3, m.Stats().Asked)
}

// TestConfirmed_AnotherTable: what was confirmed of one table is nothing that
// another could say.
func TestConfirmed_AnotherTable(t *testing.T) {
	t.Parallel()
	elsewhere, _ := sharedStore(t, RedisOptions{})
	_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
	require.NoError(t, err)
	m := standing(t, elsewhere)
	v := m.view.Load()
	m.client.AddHook(afterwards(func() { m.show(newMirrorTable(0, m.heardClock), v.since, v.marks, nil) }))
	m.confirms.ask = func(f *flight) { m.confirm(f); f.view = v }
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	assert.Zero(t, m.Stats().Confirmed)
}

// TestConfirmed_BehindByALook: a look that was sent after a question is as good
// as its answer; one that was sent before, and told more, is waited behind.
func TestConfirmed_BehindByALook(t *testing.T) {
	t.Parallel()
	elsewhere, _ := sharedStore(t, RedisOptions{})
	m := standing(t, elsewhere)
	before, looks := m.view.Load(), m.confirms.looks.Load()
	newest, err := m.newestRecords(t.Context(), m.authority.now())
	require.NoError(t, err)
	assert.Same(t, before, m.viewOf(newest, before, looks))
	ahead := *before
	ahead.marks = marks{{epoch: "e", seq: 7, id: "7-0"}}
	m.replace(&ahead)
	assert.Same(t, &ahead, m.viewOf(newest, before, looks), "Run was faster than the answer")
	assert.Nil(t, m.viewOf(newest, &ahead, looks), "nobody knows what came between")
	later := ahead
	later.look = looks + 1
	<-m.confirms.wanted // by whoever waited in vain
	time.AfterFunc(confirmPatience/8, func() { <-m.confirms.wanted; m.replace(&later) })
	if v := m.viewOf(newest, &ahead, looks); v != nil { // nil: this machine took too long
		assert.Same(t, &later, v)
	}
}

// TestR14_ConfirmedInTrouble: where Redis cannot tell, nor does the mirror,
// whatever it knows, and however fresh that is; but what Redis read stands.
func TestR14_ConfirmedInTrouble(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	opts := RedisOptions{MaxStaleness: time.Minute, CheckTimeout: 250 * time.Millisecond, WriteTimeout: time.Second}
	elsewhere, _ := storeOn(t, s, opts)
	opts.Prefix = elsewhere.opts.Prefix
	_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, "dead", time.Time{}))
	require.NoError(t, err)
	m := standing(t, elsewhere)
	check := func(id string, is ...error) {
		t.Helper()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				err := m.Check(t.Context(), tokenOf(id))
				for _, is := range is {
					assert.ErrorIs(t, err, is, id)
				}
				assert.Equal(t, len(is) == 0, err == nil, "%s: %v", id, err)
			})
		}
		all.Wait()
	}
	require.NoError(t, eventually(t, func() error { return m.Check(t.Context(), tokenOf("live")) }))
	config("maxmemory", "1")(t, s)
	m.authority.doubted(0)
	check("live", ErrUnavailable)
	check("dead", ErrRevoked)
	config("maxmemory", "0")(t, s)
	require.NoError(t, eventually(t, func() error { return m.Check(t.Context(), tokenOf("live")) }))
	confirmed := m.Stats().Confirmed
	assert.Positive(t, confirmed)
	s.Stop()
	check("live", ErrUnavailable, context.DeadlineExceeded)
	check("dead", ErrUnavailable, context.DeadlineExceeded)
	gone, leave := context.WithCancel(t.Context())
	leave()
	assert.ErrorIs(t, m.Check(gone, tokenOf("live")), context.Canceled)
	s.Continue()
	assert.Equal(t, confirmed, m.Stats().Confirmed)
	s.Kill()
	check("live", ErrUnavailable)
	check("dead", ErrUnavailable)
}

// TestR16_ConfirmedDeniesAttempts of its own process, whatever Redis says; and
// another process takes back what this one has written.
func TestR16_ConfirmedDeniesAttempts(t *testing.T) {
	t.Parallel()
	elsewhere, _ := sharedStore(t, RedisOptions{})
	m := standing(t, elsewhere)
	token, entry := tokenOf("s"), SessionEntry(testIssuer, "s", time.Time{})
	e := entry
	e.ExpiresAt = time.Now().Add(time.Hour)
	a := m.pending.begin(m.keys.entry(ScopeSession, testIssuer, "s").key, e, m.policy.foresee(e, time.Now()), time.Now())
	assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked)
	assert.NoError(t, m.Check(t.Context(), tokenOf("live")))
	m.pending.refused(a)
	assert.NoError(t, m.Check(t.Context(), token))

	_, err := m.Revoke(t.Context(), entry)
	require.NoError(t, err)
	assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked)
	_, err = elsewhere.Reinstate(t.Context(), ScopeSession, testIssuer, "s")
	require.NoError(t, err)
	assert.NoError(t, m.Check(t.Context(), token), "the mirror has not read of it")
	// It has now, but knows of its own write all the same.
	late := m.own.own[mirrorKeyFor(entry)]
	l, err := m.load(t.Context())
	require.NoError(t, err)
	m.publish(t.Context(), l, nil)
	m.own.note(mirrorKeyFor(entry), late)
	assert.NoError(t, m.Check(t.Context(), token))
}

// TestConfirmed_Clock: what was rotated is denied when Redis's clock has come to
// its instant, whatever the own one reads.
func TestConfirmed_Clock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		elsewhere, _ := sharedStore(t, RedisOptions{Now: func() time.Time { return time.Now().Add(ahead) }})
		m := standing(t, elsewhere)
		for overlap, denied := range map[time.Duration]bool{0: true, 10 * time.Second: false, time.Minute: false} {
			token := tokenOf("s")
			token.ID, token.Session = overlap.String(), overlap.String()
			_, err := elsewhere.Spend(t.Context(), token, successorOf(token), Exchange{Overlap: overlap, Denies: []Entry{rotatedEntry(token, token.ID)}})
			require.NoError(t, err)
			l, err := m.load(t.Context()) // which leaves it unresolved
			require.NoError(t, err)
			m.publish(t.Context(), l, nil)
			for range 2 {
				err := m.Check(t.Context(), token)
				assert.Equal(t, denied, err != nil, "%v ahead, %v: %v", ahead, overlap, err)
			}
		}
		assert.Positive(t, m.Stats().Confirmed)
	}
}
