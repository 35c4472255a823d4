package denylist

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

func TestR17_Inspect(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "noeviction")
	r, _ := storeOn(t, s, RedisOptions{MaxStaleness: 2 * time.Second})
	found, err := r.Inspect(t.Context())
	require.NoError(t, err)
	require.Len(t, found.Servers, 1)
	server := found.Servers[0]
	_, addr := s.Addr()
	assert.Equal(t, addr, server.Addr)
	assert.Contains(t, []string{"redis", "valkey"}, server.Product)
	assert.NotEmpty(t, server.Version)
	assert.Equal(t, "master", server.Role)
	assert.Equal(t, "noeviction", server.Eviction)
	assert.EqualValues(t, 100<<20, server.MaxMemory)
	assert.Positive(t, server.UsedMemory)
	assert.Less(t, server.ClockOffset.Abs(), 5*time.Second)
	assert.Empty(t, found.Epoch, "nothing is written yet")
	assert.Equal(t, Inspection{Servers: found.Servers, Partitions: 1, MaxLeeway: MaxLeeway, SkewMargin: time.Minute,
		MaxStaleness: 2 * time.Second}, found)

	_, err = r.Revoke(t.Context(), SessionEntry(testIssuer, "s", time.Time{}))
	require.NoError(t, err)
	token := tokenOf("t")
	_, err = r.Spend(t.Context(), token, successorOf(token), Exchange{})
	require.NoError(t, err)
	found, err = r.Inspect(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, found.Epoch)
	assert.EqualValues(t, 1, found.Seq)
	assert.EqualValues(t, 1, found.Spends)
}

// TestR17_Refusals: each says what to change.
func TestR17_Refusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		args       []string
		opts       RedisOptions
		prepare    func(*testing.T, *Redis, *redis.Client)
	}{
		{name: "evicts", args: []string{"--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"}, says: "CONFIG SET maxmemory-policy noeviction"},
		{name: "replica", args: []string{"--replicaof", "127.0.0.1", "1"}, says: "connect to the master"},
		{name: "clock ahead", opts: RedisOptions{Now: func() time.Time { return time.Now().Add(2 * time.Minute) }}, says: "clock"},
		{name: "clock behind", opts: RedisOptions{Now: func() time.Time { return time.Now().Add(-2 * time.Minute) }}, says: "clock"},
		{name: "INFO forbidden", says: "+info", prepare: forbidInfo},
		{name: "partitions", says: "partitions", prepare: onRecord("partitions", "16")},
		{name: "schema", says: "schema", prepare: onRecord("schema", "2")},
		{name: "max_leeway", says: "max_leeway", prepare: onRecord("max_leeway", "1")},
		{name: "skew_margin", says: "skew_margin", prepare: onRecord("skew_margin", "30000")},
		{name: "max_staleness", says: "max_staleness", prepare: onRecord("max_staleness", "5000")},
		{name: "garbage on record", says: "meta", prepare: onRecord("seq", "many")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, client := storeOn(t, redistest.Start(t, c.args...), c.opts)
			if c.prepare != nil {
				c.prepare(t, r, client)
			}
			_, err := r.Inspect(t.Context())
			require.ErrorIs(t, err, ErrUnfit)
			assert.Contains(t, err.Error(), c.says)
		})
	}
}

func forbidInfo(t *testing.T, _ *Redis, c *redis.Client) {
	require.NoError(t, c.Do(t.Context(), "ACL", "SETUSER", "default", "-info").Err())
}

func onRecord(field, value string) func(*testing.T, *Redis, *redis.Client) {
	return func(t *testing.T, r *Redis, c *redis.Client) {
		_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "s", time.Time{}))
		require.NoError(t, err)
		require.NoError(t, c.HSet(t.Context(), r.keys.meta(0), field, value).Err())
	}
}

func TestR17_SkipInspection(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, c := storeOn(t, s, RedisOptions{InsecureSkipInspection: true})
	forbidInfo(t, r, c)
	_, err := r.Inspect(t.Context())
	assert.NoError(t, err)
	config("maxmemory", "1")(t, s)
	_, err = r.Inspect(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable, "that it accepts writes is proved all the same")
	assert.NotErrorIs(t, err, ErrUnfit)
}

func TestR17_InspectCannotTell(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{})
	s.Kill()
	_, err := r.Inspect(t.Context())
	assert.ErrorIs(t, err, ErrUnavailable)
	assert.NotErrorIs(t, err, ErrUnfit)
}

func TestServerInfo_Faults(t *testing.T) {
	t.Parallel()
	const fit = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"
	for _, c := range []struct {
		name, info string
		cluster    bool
		says       string // empty: fit
	}{
		{name: "no memory limit", info: fit},
		{name: "7.0", info: strings.Replace(fit, "7.0.15", "7.0.0", 1)},
		{name: "8.2", info: strings.Replace(fit, "7.0.15", "8.2.1", 1)},
		{name: "10.0", info: strings.Replace(fit, "7.0.15", "10.0", 1)},
		{name: "6.2", info: strings.Replace(fit, "7.0.15", "6.2.14", 1), says: "too old"},
		{name: "no version", info: strings.Replace(fit, "7.0.15", "", 1), says: "too old"},
		{name: "valkey 8.0", info: strings.Replace(fit, "7.0.15", "7.2.4\r\nvalkey_version:8.0.1", 1)},
		{name: "valkey 7.2", info: strings.Replace(fit, "7.0.15", "7.2.4\r\nvalkey_version:7.2.5", 1)},
		{name: "valkey 7.1", info: strings.Replace(fit, "7.0.15", "7.2.4\r\nvalkey_version:7.1.0", 1), says: "valkey 7.1.0 is too old"},
		{name: "evicts", info: strings.Replace(fit, "maxmemory:0", "maxmemory:1", 1), says: "noeviction"},
		{name: "no policy", info: strings.Replace(fit, "maxmemory_policy", "x", 1), says: "maxmemory-policy"},
		{name: "replica", info: strings.Replace(fit, "role:master", "role:slave", 1), says: "master"},
		{name: "no role", info: strings.Replace(fit, "role:master", "", 1), says: "master"},
		{name: "sentinel", info: strings.Replace(fit, "standalone", "sentinel", 1), says: "redis+sentinel://"},
		{name: "node", info: strings.Replace(fit, "standalone", "cluster", 1), says: "redis+cluster://"},
		{name: "cluster", info: strings.Replace(fit, "standalone", "cluster", 1), cluster: true},
		{name: "nothing", info: "", says: "too old"},
	} {
		var s ServerInfo
		info := parseInfo(c.info)
		info.describe(&s)
		got := strings.Join(info.faults(s, c.cluster), "; ")
		if c.says == "" {
			assert.Empty(t, got, c.name)
		} else {
			assert.Contains(t, got, c.says, c.name)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n")
	f.Add("redis_version:7\nvalkey_version:\nrole")
	f.Add(":::\n#:\n")
	f.Fuzz(func(t *testing.T, text string) {
		var s ServerInfo
		info := parseInfo(text)
		info.describe(&s)
		if len(info.faults(s, false)) == 0 && (s.Role != "master" || s.MaxMemory > 0 && s.Eviction != "noeviction") {
			t.Errorf("%q is fit", text)
		}
	})
}
