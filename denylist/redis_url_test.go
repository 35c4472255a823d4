package denylist_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

func TestOpenURL(t *testing.T) {
	t.Parallel()
	single := func(url string) *redis.Options {
		t.Helper()
		c, ok := open(t, url).(*redis.Client)
		require.True(t, ok, url)
		return c.Options()
	}
	o := single("redis://someone@example.com:7000/3")
	assert.Equal(t, "example.com:7000", o.Addr)
	assert.Equal(t, "someone", o.Username)
	assert.Equal(t, 3, o.DB)
	assert.Nil(t, o.TLSConfig)
	assert.True(t, o.ContextTimeoutEnabled)
	assert.Zero(t, o.MaxRetries, "a command is sent once")
	assert.Equal(t, 1, o.DialerRetries)
	assert.Equal(t, time.Second, o.DialTimeout)

	assert.Equal(t, "localhost:6379", single("redis://").Addr)
	assert.Equal(t, "example.com", single("rediss://example.com").TLSConfig.ServerName)
	unix := single("unix:///run/redis.sock?db=2&pool_size=7&dial_timeout=250ms")
	assert.Equal(t, "unix", unix.Network)
	assert.Equal(t, "/run/redis.sock", unix.Addr)
	assert.Equal(t, 2, unix.DB)
	assert.Equal(t, 7, unix.PoolSize)
	assert.Equal(t, 250*time.Millisecond, unix.DialTimeout)
	assert.NotContains(t, single("redis+sentinel://example.com:26379?master_name=main&addr=other:26379").Addr, "example.com",
		"a sentinel says where the master is")

	cluster, ok := open(t, "rediss+cluster://a:7000?addr=b:7000").(*redis.ClusterClient)
	require.True(t, ok)
	assert.Equal(t, []string{"a:7000", "b:7000"}, cluster.Options().Addrs)
	assert.NotNil(t, cluster.Options().TLSConfig)
	assert.True(t, cluster.Options().ContextTimeoutEnabled)
}

func TestOpenURL_PasswordIsAnArgument(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://localhost", "unix:///s", "redis+cluster://localhost", "redis+sentinel://localhost?master_name=m",
	} {
		c, err := denylist.OpenURL(url, "hunter2")
		require.NoError(t, err, url)
		switch c := c.(type) {
		case *redis.Client:
			assert.Equal(t, "hunter2", c.Options().Password, url)
		case *redis.ClusterClient:
			assert.Equal(t, "hunter2", c.Options().Password, url)
		}
		require.NoError(t, c.Close())
	}
}

// refusedURLs have something wrong with them; in most of them that is a
// password, in full or in part.
func refusedURLs() []string {
	return []string{
		"redis://:hunter2@localhost", "rediss://someone:hunter2@localhost:6379/0", "redis+cluster://:hunter2@localhost",
		"redis+sentinel://:hunter2@localhost?master_name=m", "unix://:hunter2@/run/redis.sock",
		"redis://localhost?password=hunter2", "redis+sentinel://localhost?master_name=m&password=hunter2",
		"redis://:hunter2/0@localhost", "redis://:hunter2?@localhost", "redis://:hunter2#@localhost",
		"redis://:12/hunter2@localhost", "redis://:12?hunter2@localhost", "redis://:12#hunter2@localhost",
		"redis://:%hunter2@localhost", "redis://:hunter2\x7f@localhost", "redis://[hunter2", "redis://localhost/hunter2",
		"redis://localhost?pool_size=hunter2", "redis://localhost?hunter2", "redis://localhost?db=hunter2",
		"redis+cluster://localhost?addr=hunter2", "redis+cluster://localhost?read_only=hunter2",
		"hunter2", "http://localhost/hunter2", "redis+hunter2://localhost", "redis:hunter2",
		"", "redis+sentinel://localhost", "redis+sentinel://localhost?master_name=m&replica_only=1",
		"redis+cluster://localhost?read_only=1", "redis+cluster://localhost?route_randomly=1", "unix+cluster:///s", "unix://",
	}
}

// TestR19_OpenURLTellsNoSecret: no error shows any of a URL that it refuses.
func TestR19_OpenURLTellsNoSecret(t *testing.T) {
	t.Parallel()
	for _, url := range refusedURLs() {
		c, err := denylist.OpenURL(url, "swordfish")
		if !assert.ErrorIs(t, err, denylist.ErrInvalid, "OpenURL(%q) = %v", url, c) {
			continue
		}
		assert.NotContains(t, err.Error(), "hunter2", "OpenURL(%q)", url)
		assert.NotContains(t, err.Error(), "swordfish", "OpenURL(%q)", url)
	}
}

// FuzzOpenURL: whatever is around a secret, no error shows it, and a client
// that is made is one that NewRedis takes.
func FuzzOpenURL(f *testing.F) {
	const secret = "hunter2"
	for _, url := range refusedURLs() {
		if before, after, ok := strings.Cut(url, secret); ok {
			f.Add(before, after)
		}
	}
	f.Add("redis://", ":6379/0?dial_timeout=1s")
	f.Add("redis+cluster://a:1?addr=", ":2")
	f.Add("redis+sentinel://u@a:1/0?master_name=", "")
	f.Fuzz(func(t *testing.T, before, after string) {
		if url := before + after; strings.Contains(url, "pool") || strings.Contains(url, "conns") {
			return // a great pool takes great memory, and an idle one dials
		}
		c, err := denylist.OpenURL(before+secret+after, "")
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("OpenURL(%q): %v", before+secret+after, err)
			}
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := denylist.NewRedis(c, denylist.RedisOptions{}); err != nil {
			t.Errorf("NewRedis does not want what OpenURL(%q) made: %v", before+secret+after, err)
		}
	})
}

func TestNewRedis_Refuses(t *testing.T) {
	t.Parallel()
	good := &redis.Options{Addr: "localhost:1", ContextTimeoutEnabled: true}
	cluster := func(change func(*redis.ClusterOptions)) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: []string{"localhost:1"}, ContextTimeoutEnabled: true}
		change(o)
		return redis.NewClusterClient(o)
	}
	for why, client := range map[string]redis.UniversalClient{
		"a client without deadlines":  redis.NewClient(&redis.Options{Addr: "localhost:1"}),
		"a cluster without deadlines": cluster(func(o *redis.ClusterOptions) { o.ContextTimeoutEnabled = false }),
		"a cluster's replicas":        cluster(func(o *redis.ClusterOptions) { o.ReadOnly = true }),
		"the nearest node":            cluster(func(o *redis.ClusterOptions) { o.RouteByLatency = true }),
		"any node":                    cluster(func(o *redis.ClusterOptions) { o.RouteRandomly = true }),
		"a ring":                      redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "localhost:1"}, ContextTimeoutEnabled: true}),
		"nothing":                     nil,
	} {
		_, err := denylist.NewRedis(client, denylist.RedisOptions{})
		assert.ErrorIs(t, err, denylist.ErrInvalid, why)
		if client != nil {
			require.NoError(t, client.Close())
		}
	}
	client := redis.NewClient(good)
	t.Cleanup(func() { _ = client.Close() })
	for why, opts := range map[string]denylist.RedisOptions{
		"a brace in the prefix":  {Prefix: "a{b"},
		"a brace too":            {Prefix: "a}"},
		"a long prefix":          {Prefix: strings.Repeat("a", 65)},
		"two partitions":         {Partitions: 2},
		"fewer than none":        {Partitions: -1},
		"a negative margin":      {SkewMargin: -1},
		"a negative timeout":     {CheckTimeout: -time.Second},
		"a negative staleness":   {MaxStaleness: -time.Second},
		"a life that is no life": {Lifetime: -time.Second},
	} {
		_, err := denylist.NewRedis(client, opts)
		assert.ErrorIs(t, err, denylist.ErrInvalid, why)
	}
	_, err := denylist.NewRedis(client, denylist.RedisOptions{Prefix: strings.Repeat("a", 64), Partitions: 16})
	assert.NoError(t, err)
}
