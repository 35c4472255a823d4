package scenario

import (
	"context"
	"strings"
	"sync"
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

// What goes on beside operations keeps to the share with them: the revocations of
// a storm, 15,000 of which would take a third of a second of Redis at once, and
// those of a fleet, which take it three times the share. Where mirrors leave
// nothing of it no further one is started.
func TestMaxShareOfWhatHappens(t *testing.T) {
	t.Parallel()
	const limit = 0.03
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	k.Storm, k.Calm, k.Revocations, k.MaxShare, k.Entries = 15_000, 100*time.Millisecond, 1000, limit, 100
	s := openStand(t, []string{"storm", "fleet"}, k)
	contenders := s.Contenders()
	fleet := contenders[2].Scenario.(*fleet)
	keeper := s.redis.keeper
	s.redis.keeper = nil // these start at once
	require.NoError(t, fleet.Scale(t.Context(), 40))
	s.redis.keeper = keeper
	results := bench.Results{Header: bench.Header{Settings: map[string]string{"revocations": "1000"}}}
	most := busiest(t, server)
	notes, err := bench.Run(t.Context(), bench.Plan{
		Contenders: []bench.Contender{contenders[0], contenders[2]}, Concurrency: []int{40},
		Duration: time.Second, Slice: 100 * time.Millisecond, MaxShare: limit, Background: s.Background(),
	}, func(slice bench.Slice) error {
		assert.Zero(t, slice.Errors[bench.WrongAnswer])
		results.Slices = append(results.Slices, slice)
		return nil
	})
	require.NoError(t, err)
	assert.Less(t, most(), 2.5*limit, "%q", notes)

	said := strings.Join(s.Notes(), "\n")
	assert.Regexp(t, "storm/strict@40: [1-9][0-9]* of 15000 tokens revoked in .* \\(12 a call, 1 at once\\)", said)
	assert.Contains(t, said, "the revocations, too, were held back")
	assert.Contains(t, said, "not all of them fitted")
	f, ok := results.Fleet()
	require.True(t, ok)
	assert.True(t, f.Points[0].Slowed)
	assert.Positive(t, f.Points[0].Revocations)
	assert.Contains(t, f.Notes()[0], "fleet with 40 mirrors: ")
	noMoreMirrors(t, server, fleet, 40)
}

// noMoreMirrors has something use far more than the share, as a thousand mirrors
// would.
func noMoreMirrors(t *testing.T, server *redistest.Server, f *fleet, there int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var using sync.WaitGroup
	using.Go(func() {
		client := server.Client()
		for ctx.Err() == nil {
			_ = client.Eval(ctx, "for i = 1, 2000000 do end", nil).Err()
		}
	})
	defer using.Wait()
	defer stop()
	var over *bench.ShareError
	require.ErrorAs(t, f.Scale(t.Context(), there+1), &over)
	assert.Equal(t, there, over.Mirrors)
	assert.Greater(t, over.Took, over.Limit)
	assert.Less(t, over.Fits(), float64(there))
	assert.Len(t, f.members, there)
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
