package denylist_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestScope_Text(t *testing.T) {
	for _, s := range denylist.Scopes() {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		var back denylist.Scope
		require.NoError(t, json.Unmarshal(text, &back))
		assert.Equal(t, s, back)
		assert.True(t, s.Valid())
		assert.Equal(t, `"`+s.String()+`"`, string(text))
	}
	for _, name := range []string{"", "Token", "token ", "scope(0)", "tokens", "\x00"} {
		_, err := denylist.ParseScope(name)
		assert.ErrorIs(t, err, denylist.ErrInvalid, "ParseScope(%q)", name)
	}
	for _, s := range []denylist.Scope{0, 5, 255} {
		_, err := s.MarshalText()
		assert.ErrorIs(t, err, denylist.ErrInvalid, s.String())
		assert.False(t, s.Valid(), s.String())
	}
}

func TestEntry_WithReasonLeavesTheOriginal(t *testing.T) {
	plain := denylist.TokenEntry(issuer, "jti", time.Time{})
	assert.Equal(t, "stolen", plain.WithReason("stolen").Revoked.Reason)
	assert.Empty(t, plain.Revoked.Reason)
	assert.Nil(t, denylist.Entry{}.WithReason("of nothing").Revoked)
}

func TestOutcome_String(t *testing.T) {
	assert.Equal(t, "recorded", denylist.Recorded.String())
	assert.Equal(t, "obsolete", denylist.Obsolete.String())
	assert.Equal(t, "unknown", denylist.Outcome(0).String())
	assert.Equal(t, "unknown", denylist.Outcome(9).String())
}

func TestErrors_Branch(t *testing.T) {
	assert.ErrorIs(t, denylist.ErrUnknown, denylist.ErrUnavailable)
	assert.NotErrorIs(t, denylist.ErrUnavailable, denylist.ErrUnknown)
	for _, half := range []denylist.Entry{
		denylist.TokenEntry(issuer, "secret-jti", time.Time{}),
		{Rotated: &denylist.Rotated{}, ID: "secret-jti"},
	} {
		err := error(&denylist.RevokedError{Entry: half})
		assert.ErrorIs(t, err, denylist.ErrRevoked)
		assert.NotContains(t, err.Error(), "secret-jti")
	}
}
