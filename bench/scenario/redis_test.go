package scenario

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// allKeys are the keys of one server.
func allKeys(t testing.TB, client *redis.Client) []string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	return keys
}

// plantForeign sets keys that are somebody else's, with names that look like a
// run's, and returns a check that they are all there and nothing else is.
func plantForeign(t *testing.T, client *redis.Client, prefix string) (untouched func()) {
	t.Helper()
	names := []string{
		"rescind:{0}:meta", "rescind:{0}:index", "session:1", prefix, prefix + ":", prefix + ":x", prefix + "-", prefix + "-:x",
		prefix + "-000000000000:{0}:index", prefix + "-00000000000*", prefix + "x-000000000000:revoked:a", "x" + prefix + "-000000000000:a",
	}
	for _, name := range names {
		require.NoError(t, client.Set(t.Context(), name, "somebody's", 0).Err())
	}
	return func() { assert.ElementsMatch(t, names, allKeys(t, client)) }
}

func TestOnlyItsOwnKeysAreRemoved(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{
		"plain": "bench", "a star": "be*", "a question mark": "b?nch", "a class": "b[a-z]nch", "a backslash": `b\ench`, "unfinished class": "b[",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			client := server.Client()
			for _, alike := range []string{"bench-000000000000:a", "beench-000000000000:revoked:a"} {
				require.NoError(t, client.Set(t.Context(), alike, "", 0).Err())
			}
			untouched := plantForeign(t, client, prefix)
			before := len(allKeys(t, client))
			s, err := Open(t.Context(), withoutURL(), small(server, prefix), nil)
			require.NoError(t, err)
			for _, c := range s.Contenders() {
				require.Empty(t, exercise(t, c, 2, 20))
			}
			for _, key := range allKeys(t, client) {
				if strings.HasPrefix(key, s.redis.prefix+":") {
					before++
				}
			}
			assert.Len(t, allKeys(t, client), before, "keys that are neither foreign nor under the prefix")
			require.NoError(t, s.Close())
			require.NoError(t, client.Del(t.Context(), "bench-000000000000:a", "beench-000000000000:revoked:a").Err())
			untouched()
			assert.NoError(t, s.Close(), "a second time")
		})
	}
}

// Two runs of one seed on one Redis do not meet.
func TestRunsDoNotMeet(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	one := openStand(t, withoutURL(), small(server, "bench"))
	two, err := Open(t.Context(), withoutURL(), small(server, "bench"), nil)
	require.NoError(t, err)
	require.NoError(t, two.Close())
	for _, c := range one.Contenders() {
		assert.Empty(t, exercise(t, c, 2, 50), c.Name)
	}
}

// Ctrl-C at any moment of the set-up leaves nothing behind.
func TestInterruptedSetUpIsCleaned(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"opening Redis", "minting tokens", "filling the denylist", "setting plain keys", "filling the memory", "loading the mirror", "starting another process", "warming the cache"} {
		for _, share := range []float64{0, 0.3} {
			t.Run(at, func(t *testing.T) {
				t.Parallel()
				server := redistest.Start(t)
				client := server.Client()
				untouched := plantForeign(t, client, "bench")
				k := small(server, "bench")
				k.Entries = 5000
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := Open(ctx, withoutURL(), k, func(what string, done float64) {
					if what == at && done >= share {
						cancel()
					}
				})
				if err == nil { // what ended was over too soon to be interrupted
					err = errors.Join(s.Close(), context.Canceled)
				}
				assert.ErrorIs(t, err, context.Canceled)
				untouched()
			})
		}
	}
}

// The context of a run has ended when it is cleaned up after, with commands
// that may still be on their way.
func TestInterruptedRunIsCleaned(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, []string{"revoke", "rotate"}, small(server, "bench"), nil)
	require.NoError(t, err)
	ended := make(chan struct{})
	for worker := range 8 {
		do, err := s.Contenders()[worker%2].Scenario.Operation(worker, 8)
		require.NoError(t, err)
		go func() {
			for ctx.Err() == nil {
				_ = do(ctx)
			}
			ended <- struct{}{}
		}()
	}
	require.NoError(t, redistest.Poll(t.Context(), func() error {
		if len(allKeys(t, client)) < 1000 {
			return errors.New("hardly begun")
		}
		return nil
	}))
	cancel()
	for range 8 {
		<-ended
	}
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, client))
}

// A later scenario that cannot be set up takes the keys of the earlier with it.
func TestFailedSetUpIsCleaned(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Revoked = 0
	s, err := Open(t.Context(), []string{"naive", "check-miss", "check-hit"}, k, nil)
	assert.ErrorIs(t, err, ErrKnob)
	assert.Nil(t, s)
	assert.Empty(t, allKeys(t, server.Client()))
}

// When Redis is gone, the error says what it will find when it is back.
func TestWhatIsLeftIsNamed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, err := Open(t.Context(), []string{"check-miss"}, small(server, "bench"), nil)
	require.NoError(t, err)
	server.Kill()
	err = s.Close()
	assert.ErrorContains(t, err, s.redis.prefix+":")
}

func TestUnfitRedisIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru")
	k := small(server, "bench")
	_, err := Open(t.Context(), []string{"verify"}, k, nil)
	assert.ErrorIs(t, err, denylist.ErrUnfit)
	assert.Empty(t, allKeys(t, server.Client()))
}

// A user who may do no more than a denylist needs, and clean up.
func TestForbiddenCommands(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	require.NoError(t, server.Client().Do(t.Context(), "acl", "setuser", "default", "-info", "-config").Err())
	k := small(server, "bench")
	_, err := Open(t.Context(), []string{"verify"}, k, nil)
	assert.ErrorIs(t, err, denylist.ErrUnfit)
	k.Redis.InsecureSkipInspection = true
	s := openStand(t, []string{"verify", "naive"}, k)
	for _, c := range s.Contenders() {
		assert.Empty(t, c.Meters)
		assert.Empty(t, exercise(t, c, 2, 20), c.Name)
	}
	assert.NotContains(t, s.Redis(), "version")
}

func TestRedisIsDescribed(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t, "--requirepass", "a-secret", "--hz", "20")
	k := small(server, "bench")
	k.Redis.URL = strings.Replace(server.URL(), "redis://", "redis://default@", 1) + "?pool_size=7"
	k.Redis.Password = "a-secret"
	about := openStand(t, []string{"check-miss"}, k).Redis()
	for name, want := range map[string]string{"mode": "standalone", "maxmemory-policy": "noeviction", "appendonly": "no", "hz": "20", "io-threads": "1"} {
		assert.Equal(t, want, about[name], name)
	}
	assert.NotEmpty(t, about["version"])
	assert.Equal(t, server.URL(), about["address"]+strings.TrimPrefix(server.URL(), about["address"]))
	for _, value := range about {
		assert.NotContains(t, value, "a-secret")
		assert.NotContains(t, value, "default@")
		assert.NotContains(t, value, "pool_size")
	}
	assert.Nil(t, openStand(t, []string{"signature"}, small(nil, "")).Redis())
}

// Redis's own CPU time grows with what it has to do.
func TestRedisCPU(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := openStand(t, []string{"revoke"}, small(server, "bench")).Contenders()[0]
	require.Len(t, c.Meters, 1)
	assert.Equal(t, bench.Redis, c.Meters[0].Of)
	before, err := c.Meters[0].Read(t.Context())
	require.NoError(t, err)
	require.Empty(t, exercise(t, c, 4, 1000))
	after, err := c.Meters[0].Read(t.Context())
	require.NoError(t, err)
	assert.Greater(t, after-before, time.Millisecond)
	assert.Less(t, after, time.Minute)
}

func TestClusterCPUIsTheSum(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	k := small(cluster, cluster.Prefix())
	k.Redis.Partitions = 16
	s := openStand(t, []string{"check-miss"}, k)
	assert.Equal(t, "3", s.Redis()["masters"])
	assert.Equal(t, "cluster", s.Redis()["mode"])
	var sum time.Duration
	for _, master := range cluster.Masters {
		one := &redisSide{admin: master.Client()}
		alone, err := one.cpu(t.Context())
		require.NoError(t, err)
		assert.Positive(t, alone)
		sum += alone
	}
	total, err := s.redis.cpu(t.Context())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, total, sum)
}

func TestClusterIsCleaned(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	k := small(cluster, "bench")
	k.Redis.Partitions = 16
	s, err := Open(t.Context(), []string{"check-hit", "naive", "rotate"}, k, nil)
	require.NoError(t, err)
	require.NoError(t, cluster.Client().Set(t.Context(), "bench:a", "somebody's", 0).Err())
	require.NoError(t, s.Close())
	var left []string
	for _, master := range cluster.Masters {
		left = append(left, allKeys(t, master.Client())...)
	}
	assert.Equal(t, []string{"bench:a"}, left)
}

// What is asked for is late; what prepares the run is not.
func TestDelay(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Delay = 40 * time.Millisecond
	s := openStand(t, []string{"check-miss", "naive", "exists", "verify", "verify-first", "revoke", "rotate"}, k)
	for _, c := range s.Contenders() {
		do, err := c.Scenario.Operation(0, 1)
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, do(t.Context()))
		assert.GreaterOrEqual(t, time.Since(began), k.Delay, c.Name)
	}
	began := time.Now()
	for range 100 {
		require.NoError(t, s.redis.admin.Ping(t.Context()).Err())
	}
	assert.Less(t, time.Since(began), 100*k.Delay)
}

// The rival has what go-redis sets by itself.
func TestRivalIsNoStrawMan(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	s := openStand(t, []string{"naive"}, small(server, "bench"))
	_, addr := server.Addr()
	fresh := redis.NewClient(&redis.Options{Addr: addr})
	defer fresh.Close()
	got, want := *s.redis.plain.(*redis.Client).Options(), *fresh.Options()
	got.Dialer, want.Dialer, got.Network, want.Network = nil, nil, "", ""
	got.OnConnect, want.OnConnect = nil, nil
	got.MaintNotificationsConfig, want.MaintNotificationsConfig = nil, nil
	assert.Equal(t, want.Protocol, got.Protocol)
	assert.Equal(t, want.PoolSize, got.PoolSize)
	assert.Equal(t, want.PipelinePoolSize, got.PipelinePoolSize)
	assert.Equal(t, want.MaxRetries, got.MaxRetries)
	assert.Equal(t, want.ReadTimeout, got.ReadTimeout)
	assert.Equal(t, want.ContextTimeoutEnabled, got.ContextTimeoutEnabled)
	assert.Equal(t, want.DisableIdentity, got.DisableIdentity)
}

func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	last := map[string]float64{}
	s, err := Open(t.Context(), withoutURL(), small(server, server.Prefix()), func(what string, share float64) {
		assert.GreaterOrEqual(t, share, last[what], what)
		last[what] = share
	})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Equal(t, map[string]float64{
		"opening Redis": 0, "minting tokens": 1, "filling the denylist": 1, "filling a denylist of 50, some 1 MiB of Redis,": 1, "setting plain keys": 1, "filling the memory": 1,
		"loading the mirror": 1, "loading the mirror that Redis confirms": 1, "starting another process": 1, "warming the cache": 1,
	}, last)
}
