package denylist

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRedisOptions: what is out of range is refused, with what is wanted; 0 is
// the default.
func TestRedisOptions(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	for _, row := range []struct {
		opts RedisOptions
		want string
	}{
		{RedisOptions{CheckTimeout: -1}, "negative duration -1ns"},
		{RedisOptions{CheckFlights: -1}, "-1 check flights: want 1 to 64"},
		{RedisOptions{CheckFlights: 65}, "65 check flights: want 1 to 64"},
		{RedisOptions{CheckBatch: 3}, "a check batch of 3 keys: want 4 to 16384"},
		{RedisOptions{CheckBatch: -1}, "a check batch of -1 keys"},
		{RedisOptions{CheckBatch: 16385}, "a check batch of 16385 keys"},
		{RedisOptions{CheckWindow: -1}, "a check window of -1ns: want more than 0 and at most the check timeout, 50ms"},
		{RedisOptions{CheckWindow: 51 * time.Millisecond}, "a check window of 51ms"},
		{RedisOptions{CheckWindow: 2 * time.Millisecond, CheckTimeout: time.Millisecond}, "at most the check timeout, 1ms"},
	} {
		_, err := NewRedis(client, row.opts)
		require.ErrorIs(t, err, ErrInvalid, row.want)
		assert.ErrorContains(t, err, row.want)
	}
	for _, row := range []struct {
		opts           RedisOptions
		flights, batch int
		window         time.Duration
	}{
		{RedisOptions{}, 4, 1024, 2 * time.Millisecond},
		{RedisOptions{CheckFlights: 1, CheckBatch: 4, CheckWindow: 1}, 1, 4, 1},
		{RedisOptions{CheckFlights: 64, CheckBatch: 16384, CheckWindow: 50 * time.Millisecond}, 64, 16384, 50 * time.Millisecond},
		{RedisOptions{CheckTimeout: time.Millisecond}, 4, 1024, time.Millisecond},
	} {
		r, err := NewRedis(client, row.opts)
		require.NoError(t, err)
		assert.Equal(t, row.flights, r.flights[0].most)
		assert.Equal(t, row.batch, r.flights[0].batch)
		assert.Equal(t, row.window, r.flights[0].window)
	}
}
