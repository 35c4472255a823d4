package denylist_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

var errEnough = errors.New("enough")

// follow returns the first n changes after a position.
func follow(t *testing.T, f denylist.Follower, after string, n int) (changes []denylist.Change) {
	t.Helper()
	err := f.Follow(within(t, time.Minute), after, func(c denylist.Change) error {
		if changes = append(changes, c); len(changes) == n {
			return errEnough
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	return changes
}

// TestMemory_FollowGap: who falls behind what is remembered hears of it.
func TestMemory_FollowGap(t *testing.T) {
	m := denylist.NewMemory(denylist.MemoryOptions{})
	at, err := m.Position(t.Context())
	require.NoError(t, err)
	write := func(n int) {
		for i := range n {
			_, err := m.Revoke(t.Context(), denylist.TokenEntry(issuer, strconv.Itoa(i), time.Now().Add(time.Duration(i+1)*time.Hour)))
			require.NoError(t, err)
		}
	}
	write(1024)
	told := follow(t, m, at, 1024)
	for i, c := range told {
		require.Equal(t, strconv.Itoa(i), c.Entry.ID)
	}
	_, err = m.Revoke(t.Context(), denylist.TokenEntry(issuer, "one more", time.Now().Add(time.Hour)))
	require.NoError(t, err)
	assert.ErrorIs(t, m.Follow(t.Context(), at, func(denylist.Change) error { return errEnough }), denylist.ErrGap)
	assert.Equal(t, "one more", follow(t, m, told[1023].Position, 1)[0].Entry.ID)

	other, err := denylist.NewMemory(denylist.MemoryOptions{}).Position(t.Context())
	require.NoError(t, err)
	assert.ErrorIs(t, m.Follow(t.Context(), other, nil), denylist.ErrGap, "another store's position")
}

// TestMemory_FollowFromNow: without a position nothing earlier is told, and a
// follower that waits is woken.
func TestMemory_FollowFromNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := denylist.NewMemory(denylist.MemoryOptions{})
		revoke := func(id string) {
			_, err := m.Revoke(t.Context(), denylist.SessionEntry(issuer, id, time.Now().Add(time.Hour)))
			require.NoError(t, err)
		}
		revoke("earlier")
		ctx, stop := context.WithCancel(t.Context())
		var told []string
		ended := make(chan error)
		go func() {
			ended <- m.Follow(ctx, "", func(c denylist.Change) error { told = append(told, c.Entry.ID); return nil })
		}()
		synctest.Wait()
		revoke("a")
		revoke("b")
		synctest.Wait()
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
		assert.Equal(t, []string{"a", "b"}, told)
	})
}
