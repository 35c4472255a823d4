package denylist

import (
	"context"
	"fmt"
	"slices"
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
		holds   int  // of how many tokens of four the mirror has all
	}{
		"nothing":     {holds: 4},
		"a new entry": {holds: 3, happens: []happens{func(r *Redis, _ *redis.Client) error { return revoke(r, "new") }}},
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
		"a log whose end was deleted": {happens: []happens{func(r *Redis, c *redis.Client) error {
			_ = revoke(r, "new")
			return c.XDel(ctx, r.keys.log(0), c.XRevRangeN(ctx, r.keys.log(0), "+", "-", 1).Val()[0].ID).Err()
		}}},
		"no number": {happens: []happens{func(r *Redis, c *redis.Client) error {
			return c.HSet(ctx, r.keys.meta(0), "seq", "x").Err()
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
			assert.EqualValues(t, c.holds, s.Confirmed, "%+v", s)
			assert.EqualValues(t, 4-c.holds, s.Asked, "%+v", s)
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
	m.confirms.ask = func(f *flight) { m.confirm(f); f.told = confirmation{view: v} }
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	assert.Zero(t, m.Stats().Confirmed)
}

// TestConfirmed_Behind: what was written since the mirror has read is asked for
// by keys, and nothing else, until that is too much to tell it apart.
func TestConfirmed_Behind(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		elsewhere, _ := sharedStore(t, RedisOptions{Partitions: partitions})
		for i := range 4 * partitions { // of each partition, or nearly
			_, err := elsewhere.Revoke(t.Context(), SessionEntry(testIssuer, fmt.Sprint(i), time.Time{}))
			require.NoError(t, err)
		}
		m := standing(t, elsewhere)
		subject := SubjectEntry(testIssuer, "new's", time.Now().Add(time.Second))
		for i, e := range slices.Repeat([]Entry{subject}, mostBehind+1) {
			e.Revoked.Cutoff = e.Revoked.Cutoff.Add(time.Duration(i) * time.Millisecond)
			_, err := elsewhere.Revoke(t.Context(), e)
			require.NoError(t, err)
			if last := i + 1; last == 1 || last >= behind-1 && last <= behind || last >= mostBehind {
				was := m.Stats()
				assert.ErrorIs(t, m.Check(t.Context(), tokenOf("new")), ErrRevoked)
				assert.NoError(t, m.Check(t.Context(), tokenOf("live")))
				far := uint64(last / (mostBehind + 1))
				assert.Equal(t, 1-far, m.Stats().Confirmed-was.Confirmed, "%d", last)
				assert.Equal(t, 1+far, m.Stats().Asked-was.Asked, "%d", last)
				assert.Equal(t, last >= behind, len(m.confirms.wanted) == 1, "%d", last)
			}
		}
	}
}

// TestMark_Behind: only records that go on from the mark's own, without a hole,
// are what was written since.
func TestMark_Behind(t *testing.T) {
	t.Parallel()
	record := func(id string, seq int) redis.XMessage {
		member := fmt.Sprintf("s:%021dA", seq)
		return redis.XMessage{ID: id, Values: map[string]any{"n": fmt.Sprint(seq), "m": member, "r": "+", "e": "-", "x": "9"}}
	}
	at, none := mark{"e", 4, "4-0"}, mark{"e", 0, noRecord}
	own, next, foreign := record("4-0", 4), record("4-1", 5), redis.XMessage{ID: "5-0"}
	for name, c := range map[string]struct {
		at      mark
		read    []redis.XMessage
		written int
		fails   bool
	}{
		"nothing":                           {at, []redis.XMessage{own}, 0, false},
		"two":                               {at, []redis.XMessage{own, next, record("9-0", 6)}, 2, false},
		"nothing ever":                      {none, nil, 0, false},
		"the first":                         {none, []redis.XMessage{record("1-0", 1)}, 1, false},
		"no log":                            {at, nil, 0, true},
		"no log, which had records":         {mark{"e", 4, noRecord}, nil, 0, true},
		"not the mark's own":                {at, []redis.XMessage{next}, 0, true},
		"another of its number":             {at, []redis.XMessage{record("4-9", 4), next}, 0, true},
		"another of its instant":            {at, []redis.XMessage{record("4-0", 3), record("4-1", 4)}, 0, true},
		"a hole":                            {at, []redis.XMessage{own, record("9-0", 6)}, 0, true},
		"a hole at the beginning":           {none, []redis.XMessage{record("9-0", 2)}, 0, true},
		"the same twice":                    {at, []redis.XMessage{own, own}, 0, true},
		"no record":                         {at, []redis.XMessage{own, foreign}, 0, true},
		"no record in the place of its own": {at, []redis.XMessage{foreign, next}, 0, true},
	} {
		end := c.at.seq + uint64(c.written)
		written, err := c.at.behind(c.read, end, nil)
		assert.Equal(t, c.fails, err != nil, "%s: %v", name, err)
		assert.Len(t, written, c.written, name)
		_, err = c.at.behind(c.read, end+1, nil)
		assert.Error(t, err, "%s, and its end is gone", name)
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
	e := SessionEntry(testIssuer, "tried", time.Now().Add(time.Hour))
	m.pending.begin(m.keys.entry(ScopeSession, testIssuer, "tried").key, e, m.policy.foresee(e, time.Now()), time.Now())
	check("tried", ErrRevoked)
	gone, leave := context.WithCancel(t.Context())
	leave()
	assert.ErrorIs(t, m.Check(gone, tokenOf("live")), context.Canceled)
	s.Continue()
	assert.Equal(t, confirmed, m.Stats().Confirmed)
	s.Kill()
	check("live", ErrUnavailable)
	check("dead", ErrUnavailable)
}

// TestR18_ConfirmedRemembers: what Redis has forgotten is denied by those who
// know it, however many ask, and beside a Redis that hangs.
func TestR18_ConfirmedRemembers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	elsewhere, _ := storeOn(t, s, RedisOptions{CheckTimeout: 250 * time.Millisecond})
	m := standing(t, elsewhere)
	v, key := m.view.Load(), mirrorKeyFor(SessionEntry(testIssuer, "dead", time.Time{}))
	former := newMirrorTable(0, m.heardClock)
	require.NoError(t, former.put(key, mirrorRecord{revoked: true, expiresAt: time.Now().Add(time.Hour)}))
	m.show(v.table, v.since, v.marks, formerList{former})
	for range 2 {
		assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
		assert.NoError(t, m.Check(t.Context(), tokenOf("live")))
		for range manyChecks {
			m.authority.leave()
		}
	}
	m.Crowd()
	m.Crowd()
	s.Stop()
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("dead")), ErrRevoked)
	assert.ErrorIs(t, m.Check(t.Context(), tokenOf("live")), ErrUnavailable)
	s.Continue()
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
