package docs_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestMemorySum measures what things cost in Redis, by what its used_memory
// grows by: with key, value, expiry and the tables that hold them. With -v it
// prints them. The README's table may promise no less than that, on any version
// of Redis: a fifth is left for what versions differ by.
func TestMemorySum(t *testing.T) {
	t.Parallel()
	promised := promisedBytes(t)
	for _, m := range measurements {
		client := redistest.Start(t).Client()
		store, err := denylist.NewRedis(client, denylist.RedisOptions{WriteTimeout: time.Minute})
		require.NoError(t, err)
		m.write(t, client, store, 1) // what is made once: meta, scripts, the log
		before := used(t, client)
		m.write(t, client, store, measured)
		logged := m.logged(t, client)
		bytes := (used(t, client) - before - logged) / measured
		t.Logf("%s: %d bytes", m.what, bytes)
		if logged > 0 {
			t.Logf("%s: %d bytes of log", m.what, logged/measured)
			assert.LessOrEqual(t, logged/measured, promised["its log record, for 10 minutes"]*6/5, m.what)
		}
		if assert.Contains(t, promised, m.what) {
			assert.LessOrEqual(t, bytes, promised[m.what]*6/5, m.what)
		}
	}
}

// measured is how many of each are written.
const measured = 10_000

// measurement is something that Redis keeps, n of which are written.
type measurement struct {
	what  string
	write func(t *testing.T, c *redis.Client, s *denylist.Redis, n int)
}

var measurements = []measurement{
	{"a plain key with an expiry, for comparison", func(t *testing.T, c *redis.Client, _ *denylist.Redis, n int) {
		pipe := c.Pipeline()
		for range n {
			pipe.Set(t.Context(), "revoked:"+uuid.NewString(), "1", time.Hour)
		}
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}},
	{"a revoked token", revokeMany(func(id string) denylist.Entry {
		return denylist.TokenEntry(memoryIssuer, id, time.Now().Add(time.Hour)).WithReason("logout")
	})},
	{"a revoked session", revokeMany(func(id string) denylist.Entry {
		return denylist.SessionEntry(memoryIssuer, id, time.Now().Add(time.Hour)).WithReason("logout")
	})},
	{"a revoked subject", revokeMany(func(id string) denylist.Entry {
		return denylist.SubjectEntry(memoryIssuer, id, time.Time{}).WithReason("logout-all")
	})},
	{"a session's chain", func(t *testing.T, _ *redis.Client, s *denylist.Redis, n int) {
		for range n {
			exchange(t, s)
		}
	}},
	{"an exchanged access token", func(t *testing.T, _ *redis.Client, s *denylist.Redis, n int) {
		for i := range n {
			// One chain for all, so that only the entries grow.
			exchangeOf(t, s, "session", int64(i), denylist.Entry{
				Scope: denylist.ScopeToken, Issuer: memoryIssuer, ID: uuid.NewString(),
				Until: time.Now().Add(time.Hour), Rotated: &denylist.Rotated{},
			})
		}
	}},
}

const memoryIssuer = "https://id.example"

// revokeMany writes entries in a few large steps.
func revokeMany(entry func(id string) denylist.Entry) func(*testing.T, *redis.Client, *denylist.Redis, int) {
	return func(t *testing.T, _ *redis.Client, s *denylist.Redis, n int) {
		for n > 0 {
			batch := make([]denylist.Entry, min(n, 500))
			for i := range batch {
				batch[i] = entry(uuid.NewString())
			}
			_, err := s.Revoke(t.Context(), batch...)
			require.NoError(t, err)
			n -= len(batch)
		}
	}
}

// exchange is the first exchange of a session of its own.
func exchange(t *testing.T, s *denylist.Redis) { exchangeOf(t, s, uuid.NewString(), 0) }

// exchangeOf makes an exchange as the server does, UUIDs and note included.
func exchangeOf(t *testing.T, s *denylist.Redis, session string, rotation int64, denies ...denylist.Entry) {
	now := time.Now()
	id := func(n int64) string { return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Append(nil, session, n)).String() }
	token := denylist.Token{
		Issuer: memoryIssuer, ID: id(rotation), Session: session, Subject: "alice",
		ExpiresAt: now.Add(time.Hour), Login: now, Rotation: rotation,
	}
	next := denylist.Successor{ID: id(rotation + 1), IssuedAt: now, ExpiresAt: now.Add(time.Hour), Note: fmt.Sprintf("1 %d", now.Unix())}
	_, err := s.Spend(t.Context(), token, next, denylist.Exchange{Denies: denies})
	require.NoError(t, err)
}

// logged is the size of the log, which keeps what it has for 10 minutes only.
func (m measurement) logged(t *testing.T, c *redis.Client) int64 {
	t.Helper()
	bytes, err := c.MemoryUsage(t.Context(), "rescind:{0}:log", 0).Result()
	if err == redis.Nil {
		return 0
	}
	require.NoError(t, err)
	return bytes
}

func used(t *testing.T, c *redis.Client) int64 {
	t.Helper()
	info, err := c.Info(context.WithoutCancel(t.Context()), "memory").Result()
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^used_memory:(\d+)`).FindStringSubmatch(info)
	require.NotNil(t, found)
	n, err := strconv.ParseInt(found[1], 10, 64)
	require.NoError(t, err)
	return n
}

// promisedBytes are the rows of the README's table of memory.
func promisedBytes(t *testing.T) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for _, found := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d+) \|`).FindAllStringSubmatch(read(t, "README.md").prose(), -1) {
		n, err := strconv.ParseInt(found[2], 10, 64)
		require.NoError(t, err)
		rows[strings.TrimSpace(found[1])] = n
	}
	require.NotEmpty(t, rows)
	return rows
}
