package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// redisCPU is what a Redis has used, and how much time has passed, since it was
// asked first.
func redisCPU(t *testing.T, server *redistest.Server) func() (used, passed time.Duration) {
	t.Helper()
	r := &redisSide{admin: redis.NewClient(server.Options())}
	t.Cleanup(func() { _ = r.admin.Close() })
	read := func() (time.Duration, time.Time) {
		total, err := r.cpu(context.WithoutCancel(t.Context()))
		require.NoError(t, err)
		return total, time.Now()
	}
	total, began := read()
	return func() (used, passed time.Duration) {
		now, at := read()
		return now - total, at.Sub(began)
	}
}

// busiest is the largest share of a core that a Redis used within a second until
// it is called.
func busiest(t *testing.T, server *redistest.Server) func() float64 {
	t.Helper()
	since := redisCPU(t, server)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan float64)
	go func() {
		var used []time.Duration // each twentieth of a second
		most := 0.0
		for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
			now, _ := since()
			used = append(used, now)
			if n := len(used); n > 20 {
				most = max(most, (now - used[n-21]).Seconds())
			}
			if ctx.Err() != nil {
				ended <- most
				return
			}
		}
	}()
	return func() float64 { stop(); return <-ended }
}

// The revocations of a storm keep to the share with those who verify: 5,000 of
// them take a fifth of a second of Redis otherwise, at once.
func TestMaxShareOfAStorm(t *testing.T) {
	t.Parallel()
	const limit = 0.04
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	k.Storm, k.Calm, k.MaxShare, k.Entries = 5000, 100*time.Millisecond, limit, 100
	s := openStand(t, []string{"storm"}, k)
	most := busiest(t, server)
	notes, err := bench.Run(t.Context(), bench.Plan{
		Contenders: s.Contenders()[:1], Concurrency: []int{4}, Duration: 1500 * time.Millisecond, Slice: 100 * time.Millisecond,
		MaxShare: limit, Background: s.Background(),
	}, func(slice bench.Slice) error {
		assert.Zero(t, slice.Errors[bench.WrongAnswer])
		return nil
	})
	require.NoError(t, err)
	assert.Less(t, most(), 2.5*limit, "%q", notes)
	said := strings.Join(s.Notes(), "\n")
	assert.Regexp(t, "storm/strict@4: [1-9][0-9]* of 5000 tokens revoked in .* \\(16 a call, 1 at once\\)", said)
	assert.Contains(t, said, "the revocations, too, were held back")
	assert.Contains(t, said, "not all of them fitted")
}

// What a run takes of Redis keeps to a share, from its first entry to the last
// key that it removes; without a share it takes several times as much.
func TestMaxShareOfARealRedis(t *testing.T) {
	t.Parallel()
	const limit = 0.05
	took, done := map[float64]float64{}, map[float64]int64{}
	for _, share := range []float64{0, limit} {
		server := redistest.Start(t)
		k := small(server, "bench")
		k.Entries, k.MaxShare = 2000, share
		since := redisCPU(t, server)
		s, err := Open(t.Context(), []string{"revoke", "exists", "check-mirror"}, k, nil)
		require.NoError(t, err)
		plan := bench.Plan{
			Contenders:  s.Contenders()[:2], // a mirror is only loaded
			Concurrency: []int{8}, Duration: 400 * time.Millisecond, Slice: 100 * time.Millisecond,
			MaxShare: share, Background: s.Background(),
		}
		notes, err := bench.Run(t.Context(), plan, func(slice bench.Slice) error {
			done[share] += slice.Operations
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		assert.Empty(t, allKeys(t, server.Client()))
		assert.Positive(t, done[share])
		assert.Equal(t, share > 0, strings.Contains(strings.Join(notes, " "), "held back"), "%q", notes)
		used, passed := since()
		took[share] = float64(used) / float64(passed)
		t.Logf("at most %v: %v in %v, %d operations", share, used, passed, done[share])
	}
	assert.LessOrEqual(t, took[limit], limit+0.02)
	// By operations: a machine that is busy lets Redis have little without a share, too.
	assert.Greater(t, done[0], 2*done[limit])
}

// The denylists of cold starts are filled within the share, too: where nobody can
// tell any more what that costs, they are not.
func TestMaxShareOfColdStarts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client()
	k := small(server, "bench")
	k.Sizes, k.MaxShare, k.Redis.InsecureSkipInspection = []int{3000}, 0.2, true
	_, err := Open(t.Context(), []string{"check-miss", "cold-start"}, k, func(what string, share float64) {
		if what == "filling the denylist" && share == 1 {
			assert.NoError(t, client.Do(t.Context(), "acl", "setuser", "default", "-info").Err())
		}
	})
	require.ErrorContains(t, err, "reading how much CPU time is used")
	assert.Empty(t, allKeys(t, client))
}

// A share that nobody can tell is refused before anything is written.
func TestMaxShareIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client()
	blind := redistest.Start(t)
	require.NoError(t, blind.Client().Do(t.Context(), "acl", "setuser", "default", "-info").Err())
	for name, c := range map[string]struct {
		names  []string
		change func(k *Knobs)
		want   string
	}{
		"too small":     {[]string{"verify"}, func(k *Knobs) { k.MaxShare = 0.001 }, "want a share"},
		"over a core":   {[]string{"verify"}, func(k *Knobs) { k.MaxShare = 1.5 }, "want a share"},
		"no Redis":      {[]string{"signature", "memory"}, func(k *Knobs) { k.MaxShare = 0.5 }, "asks none"},
		"another Redis": {[]string{"verify", "http-verify"}, func(k *Knobs) { k.MaxShare, k.URLs = 0.5, []string{"http://127.0.0.1:1/"} }, "asks another one"},
		"no INFO": {[]string{"verify"}, func(k *Knobs) {
			k.MaxShare, k.Redis.InsecureSkipInspection = 0.5, true
			k.Redis.URL = blind.URL()
		}, "forbids INFO"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := small(server, "bench")
			c.change(&k)
			_, err := Open(t.Context(), c.names, k, nil)
			require.ErrorIs(t, err, ErrKnob)
			assert.ErrorContains(t, err, c.want)
			assert.Empty(t, allKeys(t, client))
			assert.Empty(t, allKeys(t, blind.Client()))
		})
	}
}
