package denylist_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

const issuer = "https://issuer.example"

// dial is a clock that a test sets.
type dial struct{ time.Time }

func (d *dial) now() time.Time { return d.Time }

// dialled returns a Memory and its clock, which stands between two
// milliseconds.
func dialled() (*denylist.Memory, *dial) {
	d := &dial{time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)}
	return denylist.NewMemory(denylist.MemoryOptions{Now: d.now}), d
}

// tokenAt is the first token of a session, alive for an hour.
func tokenAt(login time.Time) denylist.Token {
	return denylist.Token{
		Issuer: issuer, ID: "jti", Session: "sid", Subject: "sub",
		Login: login, ExpiresAt: login.Add(time.Hour),
	}
}

func next(t denylist.Token, attempt string) denylist.Successor {
	return denylist.Successor{ID: attempt, IssuedAt: t.Login, ExpiresAt: t.ExpiresAt.Add(time.Hour)}
}

func rotated(t denylist.Token) denylist.Exchange {
	return denylist.Exchange{Denies: []denylist.Entry{
		{Scope: denylist.ScopeToken, Issuer: t.Issuer, ID: t.ID, Until: t.ExpiresAt, Rotated: &denylist.Rotated{}},
	}}
}

func TestR5_MemoryForgetsAtTheMillisecond(t *testing.T) {
	m, clock := dialled()
	token := tokenAt(clock.Time)
	_, err := m.Revoke(t.Context(), denylist.TokenEntry(issuer, token.ID, token.ExpiresAt))
	require.NoError(t, err)
	end := token.ExpiresAt.Add(denylist.MaxLeeway + time.Minute).Truncate(time.Millisecond)

	clock.Time = end.Add(-time.Nanosecond)
	assert.ErrorIs(t, m.Check(t.Context(), token), denylist.ErrRevoked)
	clock.Time = end
	assert.NoError(t, m.Check(t.Context(), token))
	_, err = m.Get(t.Context(), denylist.ScopeToken, issuer, token.ID)
	assert.ErrorIs(t, err, denylist.ErrNotFound)
	counts, err := m.Counts(t.Context())
	require.NoError(t, err)
	assert.Zero(t, counts, "what has expired does not count, pruned or not")
	page, err := m.List(t.Context(), denylist.Query{})
	require.NoError(t, err)
	assert.Empty(t, page.Entries)
}

func TestR6_MemoryClockIsInMilliseconds(t *testing.T) {
	m, clock := dialled()
	now, err := m.Now(t.Context())
	require.NoError(t, err)
	assert.Equal(t, clock.Truncate(time.Millisecond), now)

	receipt, err := m.Revoke(t.Context(), denylist.SubjectEntry(issuer, "sub", time.Time{}))
	require.NoError(t, err)
	assert.Equal(t, now, receipt.At)
	assert.Equal(t, now, receipt.Results[0].Entry.Revoked.Cutoff)
	assert.ErrorIs(t, m.Check(t.Context(), tokenAt(now)), denylist.ErrRevoked, "the same millisecond")
	assert.NoError(t, m.Check(t.Context(), tokenAt(now.Add(time.Millisecond))))
}

func TestR7_MemorySpendsUntilExp(t *testing.T) {
	m, clock := dialled()
	early, late := tokenAt(clock.Time), tokenAt(clock.Time)
	late.Session = "another"
	end := early.ExpiresAt.Truncate(time.Millisecond)

	clock.Time = end.Add(-time.Nanosecond)
	require.NoError(t, m.Spendable(t.Context(), early))
	_, err := m.Spend(t.Context(), early, next(early, "a"), denylist.Exchange{})
	assert.NoError(t, err)

	clock.Time = end
	assert.ErrorIs(t, m.Spendable(t.Context(), late), denylist.ErrExpired)
	_, err = m.Spend(t.Context(), late, next(late, "a"), denylist.Exchange{})
	assert.ErrorIs(t, err, denylist.ErrExpired)
	_, err = m.Spend(t.Context(), early, next(early, "a"), denylist.Exchange{})
	assert.NoError(t, err, "a retry of the attempt that won in time")
}

// TestR11_MemoryChainOutlivesEveryTokenThatItSpent: a successor that lives
// shorter does not make the session forget its ancestors.
func TestR11_MemoryChainOutlivesEveryTokenThatItSpent(t *testing.T) {
	m, clock := dialled()
	first := tokenAt(clock.Time)
	brief := next(first, "a")
	brief.ExpiresAt = clock.Add(time.Second)
	_, err := m.Spend(t.Context(), first, brief, denylist.Exchange{})
	require.NoError(t, err)
	second := first
	second.ID, second.ExpiresAt, second.Rotation = brief.ID, brief.ExpiresAt, 1
	_, err = m.Spend(t.Context(), second, next(second, "b"), denylist.Exchange{})
	require.NoError(t, err)

	clock.Time = first.ExpiresAt.Add(-time.Millisecond)
	_, err = m.Spend(t.Context(), first, next(first, "c"), denylist.Exchange{})
	assert.ErrorIs(t, err, denylist.ErrReused)
}

func TestR11_MemoryWindowNeverSlides(t *testing.T) {
	m, clock := dialled()
	token := tokenAt(clock.Time)
	how := denylist.Exchange{Window: 10 * time.Second}
	spent, err := m.Spend(t.Context(), token, next(token, "a"), how)
	require.NoError(t, err)

	for range 9 {
		clock.Time = clock.Add(time.Second)
		again, err := m.Spend(t.Context(), token, next(token, "b"), how)
		require.NoError(t, err)
		assert.True(t, again.Replayed)
		assert.Equal(t, spent.Successor, again.Successor)
		assert.Equal(t, spent.At, again.At)
	}
	clock.Time = spent.At.Add(how.Window - time.Nanosecond)
	_, err = m.Spend(t.Context(), token, next(token, "b"), how)
	assert.NoError(t, err, "the last instant of the window")
	clock.Time = spent.At.Add(how.Window)
	_, err = m.Spend(t.Context(), token, next(token, "b"), how)
	assert.ErrorIs(t, err, denylist.ErrReused)
}

func TestR12_MemoryOverlapToTheMillisecond(t *testing.T) {
	m, clock := dialled()
	token := tokenAt(clock.Time)
	how := rotated(token)
	how.Overlap = 10 * time.Second
	spent, err := m.Spend(t.Context(), token, next(token, "a"), how)
	require.NoError(t, err)

	clock.Time = spent.At.Add(how.Overlap - time.Nanosecond)
	assert.NoError(t, m.Check(t.Context(), token))
	clock.Time = spent.At.Add(how.Overlap)
	assert.ErrorIs(t, m.Check(t.Context(), token), denylist.ErrRevoked)
}

// TestMemory_ClockStepsBack: a clock that is set back revives nothing that was
// denied and postpones nothing.
func TestMemory_ClockStepsBack(t *testing.T) {
	m, clock := dialled()
	token := tokenAt(clock.Time)
	spent, err := m.Spend(t.Context(), token, next(token, "a"), rotated(token))
	require.NoError(t, err)
	cut, err := m.Revoke(t.Context(), denylist.SubjectEntry(issuer, "sub", time.Time{}))
	require.NoError(t, err)

	clock.Time = clock.Add(-30 * time.Second)
	again, err := m.Revoke(t.Context(), denylist.SubjectEntry(issuer, "sub", time.Time{}))
	require.NoError(t, err)
	assert.Equal(t, denylist.Unchanged, again.Results[0].Outcome)
	assert.Equal(t, cut.Results[0].Entry, again.Results[0].Entry)
	_, err = m.Spend(t.Context(), token, next(token, "b"), denylist.Exchange{})
	assert.ErrorIs(t, err, denylist.ErrReused)
	assert.ErrorIs(t, m.Check(t.Context(), token), denylist.ErrRevoked)

	e, err := m.Get(t.Context(), denylist.ScopeToken, issuer, token.ID)
	require.NoError(t, err)
	assert.Equal(t, spent.At, e.Rotated.EffectiveFrom)
}

// TestMemory_ListsWhileItChanges: whatever else is written and forgotten while
// a list is read, an entry that stays is listed once.
func TestMemory_ListsWhileItChanges(t *testing.T) {
	m, clock := dialled()
	for i := range 50 {
		end := clock.Add(time.Duration(i%7) * time.Hour)
		_, err := m.Revoke(t.Context(), denylist.TokenEntry(issuer, fmt.Sprint(i), end))
		require.NoError(t, err)
	}
	seen := map[string]int{}
	q := denylist.Query{Limit: 7}
	for i := 0; ; i++ {
		page, err := m.List(t.Context(), q)
		require.NoError(t, err)
		for _, e := range page.Entries {
			seen[e.ID]++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
		_, err = m.Revoke(t.Context(), denylist.TokenEntry(issuer, fmt.Sprint("new ", i), clock.Add(time.Duration(i)*time.Hour)))
		require.NoError(t, err)
		_, err = m.Reinstate(t.Context(), denylist.ScopeToken, issuer, fmt.Sprint(i))
		require.NoError(t, err)
	}
	for i := 10; i < 50; i++ {
		assert.Equal(t, 1, seen[fmt.Sprint(i)], "entry %d", i)
	}
}
