package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// TestEntriesWithoutNames: what a mirror gave back is shown by its digest, and
// comes through a server as it was.
func TestEntriesWithoutNames(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, scope := range denylist.Scopes() {
		e := denylist.Entry{
			Scope: scope, Digest: "f0i4oC_jPuUZFbQ4jxSoGg", ExpiresAt: now.Add(time.Hour), Revoked: &denylist.Revoked{At: now},
		}
		assert.Equal(t, "(digest f0i4oC_jPuUZFbQ4jxSoGg)", nameOf(e))
		same, err := rowOf(e).entry()
		require.NoError(t, err)
		assert.Equal(t, e, same)
	}
	assert.Equal(t, "s", nameOf(denylist.SessionEntry("i", "s", now)))
	assert.Equal(t, "i", nameOf(denylist.IssuerEntry("i", now)))
}
