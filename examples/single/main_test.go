package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

func TestClientKeepsItsTokenYoung(t *testing.T) {
	t.Parallel()
	sessions, api, err := newService(denylist.NewMemory(denylist.MemoryOptions{}))
	require.NoError(t, err)
	tokens, err := sessions.Login(t.Context(), rotation.Login{At: time.Now(), Subject: "alice"})
	require.NoError(t, err)
	lost := 0
	clock := time.Now()
	c := client{raw: tokens.Access, renewAt: halfway(tokens), now: func() time.Time { return clock }}
	c.exchange = func(ctx context.Context, raw string, a rotation.Attempt) (rotation.Tokens, error) {
		next, err := sessions.Exchange(ctx, raw, a)
		if lost > 0 {
			lost--
			return rotation.Tokens{}, denylist.ErrUnavailable
		}
		return next, err
	}
	good := func(rotation int64) {
		t.Helper()
		raw, err := c.token(t.Context())
		require.NoError(t, err)
		claims, err := api.Verify(t.Context(), raw)
		require.NoError(t, err)
		assert.Equal(t, rotation, claims.Rotation())
	}

	good(0)
	clock = c.renewAt
	lost = 2
	good(0) // the answer is lost; the token is good for a while
	good(0)
	good(1) // and the same answer comes after all
	clock = c.renewAt
	good(2)

	require.NoError(t, sessions.Logout(t.Context(), c.raw))
	clock = c.renewAt
	_, err = c.token(t.Context())
	assert.ErrorIs(t, err, denylist.ErrRevoked)
}
