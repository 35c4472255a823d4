package verifier

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// newRedis returns a store on a Redis of its own, and a function that says
// which commands that Redis has been sent since it was last asked.
func newRedis(t *testing.T) (*denylist.Redis, func() []string) {
	t.Helper()
	server := redistest.Start(t)
	store, err := denylist.NewRedis(server.Client(), denylist.RedisOptions{CheckTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second})
	require.NoError(t, err)
	probe := server.Client()
	commandStats(t, probe) // connects
	last := commandStats(t, probe)
	return store, func() (sent []string) {
		now := commandStats(t, probe)
		for command, calls := range now {
			if calls != last[command] {
				sent = append(sent, command)
			}
		}
		last = now
		return sent
	}
}

// commandStats is INFO commandstats without INFO itself.
func commandStats(t *testing.T, client *redis.Client) map[string]string {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	stats := map[string]string{}
	for line := range strings.SplitSeq(info, "\r\n") {
		command, figures, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if calls, _, _ := strings.Cut(figures, ","); ok && command != "info" {
			stats[command] = calls
		}
	}
	return stats
}

func TestR1_BadInputCostsNoRedisCommand(t *testing.T) {
	t.Parallel()
	store, sent := newRedis(t)
	f := newBadForges(t)
	v := f.verifier(store)
	for _, row := range badTokens(t) {
		_, err := v.Verify(t.Context(), row.raw)
		require.ErrorIs(t, err, row.want, row.name)
		assert.Empty(t, sent(), row.name)
	}
	_, err := v.Verify(t.Context(), f.hs.token())
	require.NoError(t, err)
	assert.NotEmpty(t, sent(), "a good token is looked up, or this test proves nothing")
}

func TestR3_TwinSignatureIsDeniedByRedis(t *testing.T) {
	t.Parallel()
	store, _ := newRedis(t)
	f := newForge(t, ES256)
	v := f.verifier(store, Options{})
	raw := f.token()
	claims, err := v.Verify(t.Context(), twin(t, raw))
	require.NoError(t, err)
	_, err = store.Revoke(t.Context(), denylist.TokenEntry(claims.Issuer(), claims.ID(), claims.ExpiresAt()))
	require.NoError(t, err)
	for _, spelling := range []string{raw, twin(t, raw)} {
		_, err := v.Verify(t.Context(), spelling)
		assert.ErrorIs(t, err, denylist.ErrRevoked)
	}
}
