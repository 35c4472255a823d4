package denylist_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

var (
	_ denylist.Follower = (*denylist.Memory)(nil)
	_ denylist.Follower = (*denylist.Redis)(nil)
)

// followed is a store that can be followed and changed.
type followed interface {
	denylist.Store
	denylist.Operator
	denylist.Follower
}

func TestFollow(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	for name, store := range map[string]followed{
		"memory":        denylist.NewMemory(denylist.MemoryOptions{}),
		"redis":         newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: redistest.NextPrefix()}),
		"16 partitions": newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: redistest.NextPrefix(), Partitions: 16}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			followSession(t, store)
		})
	}
}

// followSession follows a session that is revoked, twice, and reinstated.
func followSession(t *testing.T, store followed) {
	ctx := within(t, 20*time.Second)
	const issuer = "https://issuer.example"
	_, err := store.Revoke(ctx, denylist.SessionEntry(issuer, "earlier", time.Time{}))
	require.NoError(t, err)

	changes, ended := make(chan denylist.Change, 100), make(chan error, 1)
	following, stop := context.WithCancel(ctx)
	go func() {
		ended <- store.Follow(following, func(c denylist.Change) error { changes <- c; return nil })
	}()
	next := func() denylist.Change {
		t.Helper()
		select {
		case c := <-changes:
			return c
		case <-ctx.Done():
			require.FailNow(t, "no change was told")
			return denylist.Change{}
		}
	}
	// Until one is told nobody knows that Follow has begun.
	first := func() denylist.Change {
		for {
			_, err := store.Revoke(ctx, denylist.IssuerEntry(issuer, time.Time{}))
			require.NoError(t, err)
			select {
			case c := <-changes:
				return c
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	assert.Equal(t, denylist.ScopeIssuer, first.Scope)

	expires := time.Now().Add(time.Hour)
	receipt, err := store.Revoke(ctx, denylist.SessionEntry(issuer, "s", expires).WithReason("logout"))
	require.NoError(t, err)
	_, err = store.Revoke(ctx, denylist.SessionEntry(issuer, "s", expires)) // unchanged
	require.NoError(t, err)
	c := next()
	for c.Scope == denylist.ScopeIssuer {
		c = next()
	}
	require.NotNil(t, c.Entry)
	assert.Equal(t, receipt.Results[0].Entry.Revoked, c.Entry.Revoked)
	assert.Equal(t, "s", c.Entry.ID)
	assert.Len(t, c.Digest, 22)
	assert.False(t, c.Reinstated || c.Missed)

	_, err = store.Reinstate(ctx, denylist.ScopeSession, issuer, "s")
	require.NoError(t, err)
	assert.Equal(t, denylist.Change{Scope: denylist.ScopeSession, Digest: c.Digest, Reinstated: true}, next())

	stop()
	assert.ErrorIs(t, <-ended, context.Canceled)
	enough := errors.New("enough")
	go func() { ended <- store.Follow(ctx, func(denylist.Change) error { return enough }) }()
	require.NoError(t, redistest.Poll(ctx, func() error {
		_, err := store.Revoke(ctx, denylist.IssuerEntry(issuer, time.Time{}))
		require.NoError(t, err)
		select {
		case err := <-ended:
			assert.ErrorIs(t, err, enough)
			return nil
		default:
			return errors.New("it still follows")
		}
	}))
}
