package denylist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestMemory_OneSuccessor(t *testing.T) {
	m := denylist.NewMemory(denylist.MemoryOptions{})
	now := time.Now()
	old := denylist.Token{Issuer: "i", ID: "a", Session: "s", Subject: "u", ExpiresAt: now.Add(time.Minute), Login: now}
	next := denylist.Successor{ID: "b", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	how := denylist.Exchange{Denies: []denylist.Entry{{Scope: denylist.ScopeToken, Issuer: "i", ID: "a", Until: old.ExpiresAt, Rotated: &denylist.Rotated{}}}}
	spent, err := m.Spend(t.Context(), old, next, how)
	require.NoError(t, err)
	assert.False(t, spent.Replayed)
	assert.ErrorIs(t, m.Check(t.Context(), old), denylist.ErrRevoked)
	spent, err = m.Spend(t.Context(), old, next, how)
	require.NoError(t, err)
	assert.False(t, spent.Replayed)
	_, err = m.Spend(t.Context(), old, denylist.Successor{ID: "c"}, how)
	assert.ErrorIs(t, err, denylist.ErrReused)
	rotated := old
	rotated.ID, rotated.Rotation = "b", 1
	assert.NoError(t, m.Spendable(t.Context(), rotated))
	_, err = m.Revoke(t.Context(), denylist.SessionEntry("i", "s", time.Time{}))
	require.NoError(t, err)
	assert.ErrorIs(t, m.Spendable(t.Context(), rotated), denylist.ErrRevoked)
	page, err := m.List(t.Context(), denylist.Query{})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 2)
}
