package denylist_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// marker is a store whose clock the test need not know.
type marker interface {
	denylist.Store
	denylist.Spender
	denylist.Marker
}

func eachMarker(t *testing.T, test func(t *testing.T, store marker)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, denylist.NewMemory(denylist.MemoryOptions{}))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		s := redistest.Shared(t)
		test(t, newRedis(t, s.Client(), denylist.RedisOptions{Prefix: s.Prefix()}))
	})
}

func markable(login time.Time) denylist.Token {
	return denylist.Token{
		Issuer: "us", ID: "jti", Session: "sid", Subject: "sub",
		Login: login, ExpiresAt: time.Now().Add(time.Hour),
	}
}

func TestMarks_ByEachScope(t *testing.T) {
	eachMarker(t, func(t *testing.T, store marker) {
		now, err := store.Now(t.Context())
		require.NoError(t, err)
		old := markable(now.Add(-time.Minute))
		old.Issuer = "theirs"
		for _, mark := range []denylist.Mark{
			{Scope: denylist.ScopeToken, Issuer: "us", ID: "jti", Until: old.ExpiresAt},
			{Scope: denylist.ScopeSession, Issuer: "us", ID: "sid", Until: old.ExpiresAt},
			{Scope: denylist.ScopeSubject, Issuer: "us", ID: "sub"},
			{Scope: denylist.ScopeIssuer, Issuer: "us", Lifetime: time.Hour},
		} {
			t.Run(mark.Scope.String(), func(t *testing.T) {
				mark.Issuer = "us " + mark.Scope.String()
				token := old
				token.Issuer = mark.Issuer
				at, err := store.Marked(t.Context(), token)
				require.NoError(t, err)
				assert.Zero(t, at)

				marked, err := store.Mark(t.Context(), mark)
				require.NoError(t, err)
				assert.WithinDuration(t, now, marked, time.Minute)
				at, err = store.Marked(t.Context(), token)
				require.NoError(t, err)
				assert.Equal(t, marked, at)
				require.NoError(t, store.Check(t.Context(), token), "a mark denies nothing")

				later := token
				later.Login = marked.Add(time.Millisecond)
				at, err = store.Marked(t.Context(), later)
				require.NoError(t, err)
				if mark.Scope.Wide() {
					assert.Zero(t, at, "its session began after the mark")
				} else {
					assert.Equal(t, marked, at)
				}
			})
		}
		at, err := store.Marked(t.Context(), old)
		require.NoError(t, err)
		assert.Zero(t, at, "another issuer's token")
	})
}

// Somebody who was renewed for the first of two marks is renewed for the second.
func TestMarks_EachIsLaterThanTheLast(t *testing.T) {
	eachMarker(t, func(t *testing.T, store marker) {
		mark := denylist.Mark{Scope: denylist.ScopeSubject, Issuer: "us", ID: "sub"}
		var last time.Time
		for range 20 {
			at, err := store.Mark(t.Context(), mark, denylist.Mark{Scope: denylist.ScopeSession, Issuer: "us", ID: "sid"})
			require.NoError(t, err)
			require.True(t, at.After(last))
			last = at
		}
		at, err := store.Marked(t.Context(), markable(time.Time{}))
		require.NoError(t, err)
		assert.Equal(t, last, at)
	})
}

func TestMarks_BadInputWritesNothing(t *testing.T) {
	eachMarker(t, func(t *testing.T, store marker) {
		good := denylist.Mark{Scope: denylist.ScopeSubject, Issuer: "us", ID: "sub"}
		for name, marks := range map[string][]denylist.Mark{
			"no scope":           {good, {Issuer: "us", ID: "sub"}},
			"no id":              {good, {Scope: denylist.ScopeToken, Issuer: "us"}},
			"no issuer":          {good, {Scope: denylist.ScopeToken, ID: "jti"}},
			"an id of an issuer": {good, {Scope: denylist.ScopeIssuer, Issuer: "us", ID: "x"}},
			"negative lifetime":  {good, {Scope: denylist.ScopeToken, Issuer: "us", ID: "jti", Lifetime: -1}},
			"too many":           make([]denylist.Mark, 101),
		} {
			_, err := store.Mark(t.Context(), marks...)
			assert.ErrorIs(t, err, denylist.ErrInvalid, name)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := store.Mark(gone, good)
		require.ErrorIs(t, err, denylist.ErrUnavailable)
		_, err = store.Marked(gone, markable(time.Time{}))
		require.ErrorIs(t, err, denylist.ErrUnavailable)
		_, err = store.Marked(t.Context(), denylist.Token{})
		require.ErrorIs(t, err, denylist.ErrInvalid)
		at, err := store.Marked(t.Context(), markable(time.Time{}))
		require.NoError(t, err)
		assert.Zero(t, at)
	})
}

func TestR5_MarksAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1772366400123)
	store := denylist.NewMemory(denylist.MemoryOptions{Now: func() time.Time { return now }})
	token := markable(now.Add(-time.Minute))
	_, err := store.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeToken, Issuer: "us", ID: "jti", Until: now.Add(time.Hour)})
	require.NoError(t, err)
	now = now.Add(time.Hour + denylist.MaxLeeway + time.Minute - time.Millisecond)
	at, err := store.Marked(t.Context(), token)
	require.NoError(t, err)
	require.NotZero(t, at)
	now = now.Add(time.Millisecond)
	at, err = store.Marked(t.Context(), token)
	require.NoError(t, err)
	assert.Zero(t, at)
}

func TestRedis_Marks(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	client, prefix := s.Client(), s.Prefix()
	store := newRedis(t, client, denylist.RedisOptions{Prefix: prefix})
	end := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	mark := denylist.Mark{Scope: denylist.ScopeSubject, Issuer: "us", ID: "alice@example", Until: end}
	at, err := store.Mark(t.Context(), mark)
	require.NoError(t, err)
	keys, err := client.Keys(t.Context(), prefix+":{0}:m:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Regexp(t, `:\{0\}:m:u:[A-Za-z0-9_-]{22}$`, keys[0])
	value, err := client.Get(t.Context(), keys[0]).Result()
	require.NoError(t, err)
	assert.Equal(t, "1 "+strconv.FormatInt(at.UnixMilli(), 10), value)
	forgets := func() time.Time {
		ms, err := client.Do(t.Context(), "pexpiretime", keys[0]).Int64()
		require.NoError(t, err)
		return time.UnixMilli(ms)
	}
	assert.Equal(t, end.Add(denylist.MaxLeeway+time.Minute), forgets())
	entries, err := client.ZCard(t.Context(), prefix+":{0}:index").Result()
	require.NoError(t, err)
	assert.Zero(t, entries, "a mark is no entry")

	t.Run("never forgotten earlier", func(t *testing.T) {
		mark.Until = end.Add(-30 * time.Minute)
		_, err := store.Mark(t.Context(), mark)
		require.NoError(t, err)
		assert.Equal(t, end.Add(denylist.MaxLeeway+time.Minute), forgets())
	})
	t.Run("one that nobody needs is not written", func(t *testing.T) {
		_, err := store.Mark(t.Context(), denylist.Mark{Scope: denylist.ScopeToken, Issuer: "us", ID: "old", Until: time.UnixMilli(1)})
		require.NoError(t, err)
		keys, err := client.Keys(t.Context(), prefix+":{0}:m:*").Result()
		require.NoError(t, err)
		assert.Len(t, keys, 1)
	})
	t.Run("a value that is not ours is not overwritten", func(t *testing.T) {
		require.NoError(t, client.Set(t.Context(), keys[0], "2 soon", 0).Err())
		other := denylist.Mark{Scope: denylist.ScopeToken, Issuer: "us", ID: "other"}
		_, err := store.Mark(t.Context(), other, mark)
		require.ErrorIs(t, err, denylist.ErrUnavailable)
		require.NotErrorIs(t, err, denylist.ErrUnknown)
		token := denylist.Token{Issuer: "us", ID: "other", Subject: "alice@example"}
		_, err = store.Marked(t.Context(), token)
		require.ErrorIs(t, err, denylist.ErrUnavailable)
		token.Subject = ""
		at, err := store.Marked(t.Context(), token)
		require.NoError(t, err)
		assert.Zero(t, at, "all or none")
	})
	t.Run("partitions are for pairs", func(t *testing.T) {
		store := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix(), Partitions: 16})
		_, err := store.Mark(t.Context(), mark)
		require.ErrorIs(t, err, denylist.ErrInvalid)
		require.ErrorIs(t, err, denylist.ErrNoMarks)
		_, err = store.Marked(t.Context(), markable(time.Time{}))
		require.ErrorIs(t, err, denylist.ErrInvalid)
	})
}

func TestR14_MarksOfARedisThatIsDown(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	proxy := redistest.NewProxy(t, s)
	store := newRedis(t, open(t, proxy.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
	mark := denylist.Mark{Scope: denylist.ScopeSession, Issuer: "us", ID: "sid"}
	first, err := store.Mark(t.Context(), mark)
	require.NoError(t, err)
	proxy.LoseReply("evalsha")
	_, err = store.Mark(t.Context(), mark)
	require.ErrorIs(t, err, denylist.ErrUnknown)
	again, err := store.Mark(t.Context(), mark)
	require.NoError(t, err)
	assert.True(t, again.After(first))
	proxy.Refuse()
	_, err = store.Marked(t.Context(), markable(time.Time{}))
	require.ErrorIs(t, err, denylist.ErrUnavailable)
}
