package denylist

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A flood of names leaves Memory no larger than it may be, and the counts that
// would last longest.
func TestThrottle_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1772366400123)
	store := NewMemory(MemoryOptions{Now: func() time.Time { return now }})
	attempt := Trial{Issuer: "us", Account: "alice", Limits: Limits{Account: 2}}
	require.NoError(t, store.Try(t.Context(), attempt))
	require.NoError(t, store.Try(t.Context(), attempt))
	for i := range maxCounts + 1000 {
		require.NoError(t, store.Try(t.Context(), Trial{Issuer: "us", Account: strconv.Itoa(i), Limits: Limits{Account: 2}}))
	}
	assert.Len(t, store.logins.rows, maxCounts)
	assert.ErrorIs(t, store.Try(t.Context(), attempt), ErrThrottled)
}

// Who can log in from many addresses makes as many homes. They take no place
// away from the counts.
func TestThrottle_HomesLeavePlaceForCounts(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1772366400123)
	store := NewMemory(MemoryOptions{Now: func() time.Time { return now }})
	for i := range maxCounts + 1000 {
		at := Trial{Issuer: "us", Account: "mallory", Address: strconv.Itoa(i), Limits: Limits{Account: 2}}
		require.NoError(t, store.Try(t.Context(), at))
		require.NoError(t, store.Admit(t.Context(), at))
	}
	assert.Len(t, store.homes.rows, maxCounts)
	attempt := Trial{Issuer: "us", Account: "alice", Limits: Limits{Account: 2}}
	require.NoError(t, store.Try(t.Context(), attempt))
	require.NoError(t, store.Try(t.Context(), attempt))
	assert.ErrorIs(t, store.Try(t.Context(), attempt), ErrThrottled)
}
