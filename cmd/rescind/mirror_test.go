package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// A mirror that finds a Redis which it cannot mirror ends the server, with the
// reason: R17.
func TestR17_AMirrorThatCannotBeEndsTheServer(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	keys := filepath.Join(t.TempDir(), "keys")
	ring, err := rotation.OpenKeyRing(keys, rotation.KeyRingOptions{})
	require.NoError(t, err)
	_, err = ring.Generate(verifier.ES256)
	require.NoError(t, err)
	c := prepared(t, nil, "serve", "--redis", redis.URL(), "--keys", keys, "--issuer", "https://id.test",
		"--check", "mirror", "--addr", "127.0.0.1:0")
	h, err := c.openHouse(t.Context())
	require.NoError(t, err)
	defer h.close()

	// Unfit only now: openHouse has looked at it.
	client := redis.Client()
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	ended := make(chan error, 1)
	go func() { ended <- h.serve(t.Context(), c) }()
	select {
	case err := <-ended:
		assert.ErrorIs(t, err, denylist.ErrUnfit)
		assert.Equal(t, exitUsage, exitCode(err))
	case <-time.After(2 * time.Minute):
		assert.Fail(t, "the server goes on")
	}
}
