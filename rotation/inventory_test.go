package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// listing are sessions on a store that keeps an inventory.
func listing(t *testing.T, store rotation.Store, opts rotation.Options) *fleet {
	t.Helper()
	inventory, ok := store.(denylist.Inventory)
	require.True(t, ok)
	opts.Inventory = inventory
	return newFleet(t, store, opts)
}

// enter begins a labelled session.
func enter(t *testing.T, s *rotation.Sessions, subject, label string) rotation.Tokens {
	t.Helper()
	at, err := s.Now(t.Context())
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), rotation.Login{At: at, Subject: subject, Label: label})
	require.NoError(t, err)
	return tokens
}

// endOthers ends the other sessions of whom tokens are.
func endOthers(t *testing.T, s *rotation.Sessions, tokens rotation.Tokens) error {
	t.Helper()
	own, err := s.Recognize(t.Context(), tokens.Access)
	require.NoError(t, err)
	return s.EndOthers(t.Context(), own)
}

// labels of a subject's sessions, in their order.
func labels(t *testing.T, s *rotation.Sessions, subject string) []string {
	t.Helper()
	list, err := s.List(t.Context(), subject)
	require.NoError(t, err)
	all := []string{}
	for _, l := range list {
		all = append(all, l.Label)
	}
	return all
}

func TestInventory(t *testing.T) {
	for name, style := range map[string]rotation.Style{"pair": rotation.Pair, "single": rotation.Single} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, store rotation.Store) {
				s := listing(t, store, rotation.Options{Style: style}).nodes[0]
				renewable := func(tokens rotation.Tokens) string {
					if style == rotation.Single {
						return tokens.Access
					}
					return tokens.Refresh
				}
				at, err := s.Now(t.Context())
				require.NoError(t, err)
				phone, err := s.Login(t.Context(), rotation.Login{At: at.Add(-time.Second), Subject: "alice", Label: "phone"})
				require.NoError(t, err)
				laptop := enter(t, s, "alice", "laptop")
				enter(t, s, "bob", "bob's")
				assert.Equal(t, []string{"laptop", "phone"}, labels(t, s, "alice"))

				next, err := s.Exchange(t.Context(), renewable(phone), rotation.Attempt{})
				require.NoError(t, err)
				list, err := s.List(t.Context(), "alice")
				require.NoError(t, err)
				assert.Zero(t, list[0].Renewed)
				assert.WithinDuration(t, time.Now(), list[1].Renewed, time.Minute)
				assert.Equal(t, phone.Session, list[1].Session)

				require.ErrorIs(t, s.End(t.Context(), "bob", phone.Session), rotation.ErrNoSession, "not his")
				require.ErrorIs(t, s.End(t.Context(), "alice", "nonsense"), rotation.ErrNoSession)
				_, err = s.Alive(t.Context(), next.Access)
				require.NoError(t, err)
				require.NoError(t, endOthers(t, s, laptop))
				_, err = s.Alive(t.Context(), next.Access)
				require.ErrorIs(t, err, denylist.ErrRevoked)
				_, err = s.Alive(t.Context(), laptop.Access)
				require.NoError(t, err)
				assert.Equal(t, []string{"laptop"}, labels(t, s, "alice"))
				require.NoError(t, endOthers(t, s, laptop), "there are none")

				require.NoError(t, s.End(t.Context(), "alice", laptop.Session))
				require.ErrorIs(t, s.End(t.Context(), "alice", laptop.Session), rotation.ErrNoSession)
				assert.Empty(t, labels(t, s, "alice"))
				assert.Equal(t, []string{"bob's"}, labels(t, s, "bob"))
			})
		})
	}
}

// A session that is renewed stays listed beyond the life of its first tokens,
// and one that is not drops out.
func TestInventory_Idle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	store := denylist.NewMemory(denylist.MemoryOptions{Now: clock})
	ring, err := rotation.NewKeyRing("ES256", rotation.KeyRingOptions{Now: clock})
	require.NoError(t, err)
	s, err := rotation.New(ring, store, rotation.Options{Issuer: "us", RefreshTTL: time.Hour, Inventory: store, Now: clock})
	require.NoError(t, err)
	busy := enter(t, s, "alice", "busy")
	enter(t, s, "alice", "idle")
	now = now.Add(59 * time.Minute)
	busy, err = s.Exchange(t.Context(), busy.Refresh, rotation.Attempt{})
	require.NoError(t, err)
	// The token that was spent has been dead for long, and so would be its chain.
	now = now.Add(59 * time.Minute)
	assert.Equal(t, []string{"busy"}, labels(t, s, "alice"))
	now = now.Add(2 * time.Minute)
	assert.Empty(t, labels(t, s, "alice"))
	_, err = s.Exchange(t.Context(), busy.Refresh, rotation.Attempt{})
	assert.Error(t, err)
}

func TestInventory_Refuses(t *testing.T) {
	t.Parallel()
	store := denylist.NewMemory(denylist.MemoryOptions{})
	without := newFleet(t, store, rotation.Options{}).nodes[0]
	assert.False(t, without.KeepsInventory())
	_, err := without.List(t.Context(), "alice")
	assert.ErrorIs(t, err, rotation.ErrInvalid)
	assert.ErrorIs(t, without.EndOthers(t.Context(), verifier.Claims{}), rotation.ErrInvalid)

	s := listing(t, store, rotation.Options{}).nodes[0]
	assert.True(t, s.KeepsInventory())
	at, err := s.Now(t.Context())
	require.NoError(t, err)
	for _, label := range []string{"a\nb", "\xff", "\x00", strings.Repeat("x", 65)} {
		_, err := s.Login(t.Context(), rotation.Login{At: at, Subject: "alice", Label: label})
		assert.ErrorIs(t, err, rotation.ErrInvalid, "%q", label)
	}
	assert.Empty(t, labels(t, s, "alice"))
}

// A session that cannot be listed does not begin.
func TestR14_InventoryThatCannotTell(t *testing.T) {
	t.Parallel()
	store, server := newRedis(t, denylist.RedisOptions{})
	s := listing(t, store, rotation.Options{}).nodes[0]
	first := enter(t, s, "alice", "first")
	client := server.Client()
	keys := client.Keys(t.Context(), server.Prefix()+":{0}:n:*").Val()
	require.Len(t, keys, 1)
	require.NoError(t, client.Set(t.Context(), keys[0], "foreign", 0).Err())
	at, err := s.Now(t.Context())
	require.NoError(t, err)
	tokens, err := s.Login(t.Context(), rotation.Login{At: at, Subject: "alice"})
	require.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.Zero(t, tokens)
	err = endOthers(t, s, first)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.NotErrorIs(t, err, rotation.ErrNoSession)
}

// A thief who begins sessions until his first is in no list any more has it
// ended all the same, by whoever is listed.
func TestInventory_EndsWhatItForgot(t *testing.T) {
	eachStore(t, func(t *testing.T, store rotation.Store) {
		s := listing(t, store, rotation.Options{}).nodes[0]
		at, err := s.Now(t.Context())
		require.NoError(t, err)
		login := func(before time.Duration) rotation.Tokens {
			tokens, err := s.Login(t.Context(), rotation.Login{At: at.Add(-before), Subject: "alice"})
			require.NoError(t, err)
			return tokens
		}
		forgotten, unlisted := login(time.Hour), login(time.Hour-time.Millisecond)
		var newest rotation.Tokens
		for i := range denylist.MaxListed {
			newest = login(time.Minute - time.Duration(i)*time.Millisecond)
		}
		assert.Len(t, labels(t, s, "alice"), denylist.MaxListed)
		require.ErrorIs(t, endOthers(t, s, unlisted), rotation.ErrUnlisted)
		_, err = s.Alive(t.Context(), forgotten.Access)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		_, err = s.Alive(t.Context(), newest.Access)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		_, err = s.Alive(t.Context(), unlisted.Access)
		require.NoError(t, err)

		last := login(0)
		require.NoError(t, endOthers(t, s, last))
		_, err = s.Alive(t.Context(), unlisted.Access)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		_, err = s.Alive(t.Context(), last.Access)
		assert.NoError(t, err)
	})
}
