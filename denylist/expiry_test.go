package denylist

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestR5_InstantsNeverOverflow: an absurd exp is capped before any arithmetic.
// Milliseconds of the third one wrap to 384.
func TestR5_InstantsNeverOverflow(t *testing.T) {
	for _, c := range []struct {
		in   time.Time
		want int64
	}{
		{time.UnixMilli(1), 1},
		{time.Unix(0, int64(time.Millisecond)-1), 0},
		{time.Unix(18446744073709552, 0), maxMillis},
		{time.Unix(math.MaxInt64, 0), maxMillis},
		{time.Unix(math.MinInt64, 0), minMillis},
		{time.UnixMilli(maxMillis), maxMillis},
		{time.UnixMilli(maxMillis).Add(time.Millisecond), maxMillis},
		{time.UnixMilli(maxMillis).Add(time.Second), maxMillis},
		{time.UnixMilli(-1), -1},
		{time.Unix(0, -1), -1},
		{time.Time{}, minMillis},
		{time.Time{}.Add(-time.Nanosecond), minMillis},
	} {
		assert.Equal(t, c.want, millis(c.in), "millis(%v)", c.in)
		assert.True(t, instant(c.in).Equal(atMillis(c.want)), "instant(%v)", c.in)
	}
	assert.True(t, instant(time.Time{}).IsZero())
	absurd := newPolicy(math.MaxInt64, math.MaxInt64)
	assert.Equal(t, atMillis(maxMillis), absurd.outlive(time.UnixMilli(maxMillis)), "an expiry can be written down, whatever the margin")
	assert.True(t, absurd.outlive(time.UnixMilli(0)).After(time.UnixMilli(0)), "nor does a margin wrap")
}

// TestR6_LoginsAreRoundedDown: a login of part of a millisecond is not later
// than the cutoff of that millisecond.
func TestR6_LoginsAreRoundedDown(t *testing.T) {
	cutoff := time.Date(2026, 3, 1, 12, 0, 0, int(5*time.Millisecond), time.UTC)
	e := Entry{Scope: ScopeIssuer, Revoked: &Revoked{Cutoff: cutoff}}
	assert.True(t, e.revokes(Token{Login: cutoff}))
	assert.True(t, e.revokes(Token{Login: cutoff.Add(time.Millisecond - 1)}))
	assert.False(t, e.revokes(Token{Login: cutoff.Add(time.Millisecond)}))
	assert.True(t, e.revokes(Token{}), "a login that nobody knows")
	assert.True(t, e.revokes(Token{Login: cutoff.In(time.FixedZone("", 3600))}), "whatever its location")
}
