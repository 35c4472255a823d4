package denylist_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// lister is a store that keeps inventories.
type lister interface {
	denylist.Store
	denylist.Spender
	denylist.Inventory
}

func eachInventory(t *testing.T, test func(t *testing.T, store lister)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, denylist.NewMemory(denylist.MemoryOptions{}))
	})
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint("redis of ", partitions), func(t *testing.T) {
			t.Parallel()
			s := redistest.Shared(t)
			test(t, newRedis(t, s.Client(), denylist.RedisOptions{Prefix: s.Prefix(), Partitions: partitions}))
		})
	}
}

// listedAt is a session that begins at an instant and has tokens for an hour.
func listedAt(session string, begun time.Time) denylist.Listed {
	begun = time.UnixMilli(begun.UnixMilli()).UTC()
	return denylist.Listed{
		Issuer: "us", Subject: "sub", Session: session, Label: "the " + session + " %",
		Begun: begun, Ends: begun.Add(24 * time.Hour), IdleUntil: begun.Add(time.Hour),
	}
}

func enlist(t *testing.T, store denylist.Inventory, sessions ...denylist.Listed) {
	t.Helper()
	for _, s := range sessions {
		require.NoError(t, store.Enlist(t.Context(), s))
	}
}

// listed are the ids of a subject's sessions, as they are listed.
func listed(t *testing.T, store denylist.Inventory) []string {
	t.Helper()
	list, err := store.Sessions(t.Context(), "us", "sub")
	require.NoError(t, err)
	ids := []string{}
	for _, s := range list {
		ids = append(ids, s.Session)
	}
	return ids
}

func TestInventory_Life(t *testing.T) {
	eachInventory(t, func(t *testing.T, store lister) {
		now := time.Now()
		assert.Empty(t, listed(t, store))
		phone, laptop := listedAt("phone", now.Add(-time.Minute)), listedAt("laptop", now.Add(-time.Second))
		laptop.Label = ""
		other := listedAt("other", now)
		other.Subject = "another"
		theirs := listedAt("theirs", now)
		theirs.Issuer = "them"
		enlist(t, store, phone, laptop, other, theirs)
		enlist(t, store, phone) // again, as after a lost reply
		list, err := store.Sessions(t.Context(), "us", "sub")
		require.NoError(t, err)
		assert.Equal(t, []denylist.Listed{laptop, phone}, list, "the newest first")

		_, err = store.Revoke(t.Context(), denylist.SessionEntry("us", "phone", phone.Ends))
		require.NoError(t, err)
		assert.Equal(t, []string{"laptop"}, listed(t, store))
		_, err = store.Revoke(t.Context(), denylist.SubjectEntry("us", "sub", laptop.Begun))
		require.NoError(t, err)
		assert.Empty(t, listed(t, store))
		enlist(t, store, listedAt("new", laptop.Begun.Add(time.Millisecond)))
		assert.Equal(t, []string{"new"}, listed(t, store), "which began after the cutoff")
		_, err = store.Revoke(t.Context(), denylist.IssuerEntry("us", time.Now()))
		require.NoError(t, err)
		assert.Empty(t, listed(t, store))
	})
}

// What was exchanged last is read from the chain; a session whose newest token
// has expired is over.
func TestInventory_Renewals(t *testing.T) {
	eachInventory(t, func(t *testing.T, store lister) {
		now := time.Now()
		idle, ended, busy := listedAt("idle", now.Add(-2*time.Hour)), listedAt("ended", now.Add(-48*time.Hour)), listedAt("busy", now.Add(-2*time.Hour))
		spend := func(s denylist.Listed, until time.Time) denylist.Spent {
			old := denylist.Token{Issuer: "us", ID: s.Session + "/0", Session: s.Session, Subject: "sub", Login: s.Begun, ExpiresAt: now.Add(time.Minute)}
			next := denylist.Successor{ID: s.Session + "/1", IssuedAt: now, ExpiresAt: until}
			spent, err := store.Spend(t.Context(), old, next, denylist.Exchange{Keep: until})
			require.NoError(t, err)
			return spent
		}
		enlist(t, store, idle, ended, busy)
		spent := spend(busy, now.Add(time.Hour))
		list, err := store.Sessions(t.Context(), "us", "sub")
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, "busy", list[0].Session)
		assert.Equal(t, spent.At.UnixMilli(), list[0].Renewed.UnixMilli())
		assert.Equal(t, now.Add(time.Hour).UnixMilli(), list[0].IdleUntil.UnixMilli())

		over := listedAt("over", now)
		enlist(t, store, over)
		spend(over, now)
		assert.Equal(t, []string{"busy"}, listed(t, store), "its newest token has expired")
	})
}

func TestInventory_IsBounded(t *testing.T) {
	eachInventory(t, func(t *testing.T, store lister) {
		now := time.Now().Add(-time.Minute)
		for i := range denylist.MaxListed + 20 {
			enlist(t, store, listedAt(fmt.Sprintf("%03d", i), now.Add(time.Duration(i)*time.Millisecond)))
		}
		ids := listed(t, store)
		require.Len(t, ids, denylist.MaxListed)
		assert.Equal(t, "119", ids[0])
		assert.Equal(t, "020", ids[99], "the oldest are forgotten")
	})
}

func TestInventory_BadInputWritesNothing(t *testing.T) {
	eachInventory(t, func(t *testing.T, store lister) {
		for name, spoil := range map[string]func(*denylist.Listed){
			"no session":      func(s *denylist.Listed) { s.Session = "" },
			"no subject":      func(s *denylist.Listed) { s.Subject = "" },
			"long id":         func(s *denylist.Listed) { s.Session = strings.Repeat("x", 257) },
			"long label":      func(s *denylist.Listed) { s.Label = strings.Repeat("x", 65) },
			"a line break":    func(s *denylist.Listed) { s.Label = "a\nb" },
			"not UTF-8":       func(s *denylist.Listed) { s.Label = "\xff" },
			"a zero byte":     func(s *denylist.Listed) { s.Label = "a\x00" },
			"turned around":   func(s *denylist.Listed) { s.Label = "a\u202eb" },
			"no beginning":    func(s *denylist.Listed) { s.Begun = time.Time{} },
			"no end":          func(s *denylist.Listed) { s.Ends = time.Time{} },
			"no idle instant": func(s *denylist.Listed) { s.IdleUntil = time.Time{} },
		} {
			s := listedAt("s", time.Now())
			spoil(&s)
			assert.ErrorIs(t, store.Enlist(t.Context(), s), denylist.ErrInvalid, name)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, store.Enlist(gone, listedAt("s", time.Now())), denylist.ErrUnavailable)
		_, err := store.Sessions(gone, "us", "sub")
		assert.ErrorIs(t, err, denylist.ErrUnavailable)
		assert.Empty(t, listed(t, store))
	})
}

func TestRedis_Inventory(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Shared(t)
	client, prefix := s.Client(), s.Prefix()
	store := newRedis(t, client, denylist.RedisOptions{Prefix: prefix})
	one, two := listedAt("one", time.Now().Add(-time.Minute)), listedAt("two", time.Now())
	one.Label = "%2D - ä \U0001F4F1"
	enlist(t, store, one, two)
	enlist(t, store, listedAt("ended", time.Now().Add(-48*time.Hour))) // is not kept
	keys := client.Keys(ctx, prefix+":{0}:n:*").Val()
	require.Len(t, keys, 1)
	assert.Regexp(t, `:\{0\}:n:[A-Za-z0-9_-]{22}$`, keys[0])
	assert.Equal(t, fmt.Sprintf("1 two %d %d %d the%%20two%%20%%25 one %d %d %d %%252D%%20-%%20%%C3%%A4%%20%%F0%%9F%%93%%B1",
		two.Begun.UnixMilli(), two.Ends.UnixMilli(), two.IdleUntil.UnixMilli(),
		one.Begun.UnixMilli(), one.Ends.UnixMilli(), one.IdleUntil.UnixMilli()), client.Get(ctx, keys[0]).Val())
	assert.Equal(t, two.Ends.UnixMilli(), client.PExpireTime(ctx, keys[0]).Val().Milliseconds(), "the latest end")
	list, err := store.Sessions(ctx, "us", "sub")
	require.NoError(t, err)
	assert.Equal(t, []denylist.Listed{two, one}, list)
	assert.Zero(t, client.Exists(ctx, prefix+":{0}:index", prefix+":{0}:log").Val(), "a session is no entry")

	t.Run("prunes itself", func(t *testing.T) {
		for _, id := range []string{"one", "two"} {
			_, err := store.Revoke(ctx, denylist.SessionEntry("us", id, one.Ends))
			require.NoError(t, err)
		}
		assert.Empty(t, listed(t, store))
		assert.Zero(t, client.Exists(ctx, keys[0]).Val())
	})
	t.Run("a value that is not ours is a doubt", func(t *testing.T) {
		for _, value := range []string{"2", "", "1 one", "1 one 1 2 x -", "1 - 1 2 3 -", "1 one 1 2 3 %0A", strings.Repeat("1 ", 1000)} {
			require.NoError(t, client.Set(ctx, keys[0], value, 0).Err())
			_, err := store.Sessions(ctx, "us", "sub")
			assert.ErrorIs(t, err, denylist.ErrUnavailable, "%.20q", value)
		}
		require.NoError(t, client.Set(ctx, keys[0], "1 one", 0).Err())
		err := store.Enlist(ctx, two)
		assert.ErrorIs(t, err, denylist.ErrUnavailable)
		assert.NotErrorIs(t, err, denylist.ErrUnknown)
	})
}

func TestR14_InventoryOfARedisThatIsDown(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	proxy := redistest.NewProxy(t, s)
	store := newRedis(t, open(t, proxy.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
	enlist(t, store, listedAt("s", time.Now()))
	proxy.LoseReply("evalsha")
	require.ErrorIs(t, store.Enlist(t.Context(), listedAt("s", time.Now())), denylist.ErrUnknown)
	proxy.Refuse()
	_, err := store.Sessions(t.Context(), "us", "sub")
	require.ErrorIs(t, err, denylist.ErrUnavailable)
}
