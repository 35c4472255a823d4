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
