package scenario

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// A latency ends when the other process was refused: later than Redis had the
// entry, and before this process heard of it.
func TestPropagationIsTheOtherProcess(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"propagation"}, small(server, server.Prefix()))
	c := s.Contenders()[0]
	do, err := c.Scenario.Operation(3, 4)
	require.NoError(t, err)
	clocked, ok := c.Scenario.(bench.Clocked)
	require.True(t, ok)
	for range 5 {
		began := time.Now()
		require.NoError(t, do(t.Context()))
		took := clocked.Took(3)
		assert.Positive(t, took)
		assert.Less(t, took, time.Since(began))
	}
	assert.Empty(t, c.Scenario.(*propagation).follower.awaited.of, "nobody waits any more")
}

// The other process ends with the stand, and leaves no keys.
func TestPropagationEndsWithTheStand(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, err := Open(t.Context(), []string{"propagation"}, small(server, "bench"), nil)
	require.NoError(t, err)
	f := s.Contenders()[0].Scenario.(*propagation).follower
	require.Empty(t, exercise(t, s.Contenders()[0], 2, 5))
	require.NoError(t, s.Close())
	<-f.ended
	assert.True(t, f.process.ProcessState.Success(), f.process.ProcessState)
	assert.Empty(t, allKeys(t, server.Client()))
}

// Whoever asks does not wait for a process that has died, or for longer than it
// wants to.
func TestPropagationWithoutTheOtherProcess(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s, err := Open(t.Context(), []string{"propagation"}, small(server, server.Prefix()), nil)
	require.NoError(t, err)
	do, err := s.Contenders()[0].Scenario.Operation(0, 1)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, do(ended), context.Canceled)
	f := s.Contenders()[0].Scenario.(*propagation).follower
	require.NoError(t, f.process.Process.Kill())
	<-f.ended
	assert.Equal(t, classConnection, classOf(do(t.Context())))
	assert.ErrorContains(t, s.Close(), "killed", "what happened to it is said")
}

func TestPropagationThatCannotBegin(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, of := range map[string]struct {
		command []string
		waits   time.Duration
		want    string
	}{
		"none named": {nil, time.Minute, "name one"},
		"no such":    {[]string{"no-such-program"}, time.Minute, "starting another process"},
		"another":    {[]string{"cat"}, time.Second, "deadline exceeded"}, // which never says that it is ready
		"ends":       {[]string{"false"}, time.Minute, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := small(server, "bench-"+strings.ReplaceAll(name, " ", "-"))
			k.Follower = of.command
			ctx, cancel := context.WithTimeout(t.Context(), of.waits)
			defer cancel()
			_, err := Open(ctx, []string{"propagation"}, k, nil)
			assert.ErrorContains(t, err, of.want)
		})
	}
}

// What the other process loads keeps to the share: it looks all the time how much
// that takes.
func TestMaxShareOfTheOtherProcess(t *testing.T) {
	t.Parallel()
	const limit = 0.02
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Algorithms, k.Entries = map[verifier.Algorithm]int{verifier.HS256: 1}, 30_000
	s := openStand(t, []string{"check-miss"}, k)
	looks := map[float64]int{}
	for _, share := range []float64{0, limit} {
		require.NoError(t, server.Client().ConfigResetStat(t.Context()).Err())
		since := redisCPU(t, server)
		f, err := startFollower(t.Context(), k.Follower, followed{
			Redis: s.knobs.Redis, Prefix: s.redis.prefix, ExpiresAt: s.population.expiresAt, MaxShare: share,
		})
		require.NoError(t, err)
		used, passed := since()
		require.NoError(t, f.close())
		calls := server.Client().InfoMap(t.Context(), "commandstats").Val()["Commandstats"]["cmdstat_info"]
		var n int
		_, err = fmt.Sscanf(calls, "calls=%d,", &n)
		require.NoError(t, err, calls)
		looks[share] = n
		if share > 0 {
			assert.Less(t, float64(used)/float64(passed), 2*limit)
		}
	}
	assert.Greater(t, looks[limit], looks[0]+5)
}

func TestFollowRefusesWhatItIsNotTold(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	assert.ErrorIs(t, Follow(t.Context(), strings.NewReader(""), &said), ErrMissing)
	assert.ErrorIs(t, Follow(t.Context(), strings.NewReader("hello\n"), &said), ErrKnob)
	assert.ErrorIs(t, Follow(t.Context(), strings.NewReader("{}\n"), &said), denylist.ErrInvalid)
	assert.Empty(t, said.String())
}

// A process whose Redis hangs hears of a revocation when that is over: the run
// shows the fault, all of it, as how long that took.
func TestPropagationAcrossAFault(t *testing.T) {
	t.Parallel()
	const hung = 700 * time.Millisecond
	server := redistest.Start(t)
	s := openStand(t, []string{"propagation"}, small(server, "bench"))
	var from, until time.Time
	var faulty sync.WaitGroup
	var worst time.Duration
	_, err := bench.Run(t.Context(), bench.Plan{
		Contenders: s.Contenders(), Concurrency: []int{1}, Rate: 20, Duration: 2 * time.Second, Slice: 100 * time.Millisecond,
	}, func(slice bench.Slice) error {
		if from.IsZero() { // after the first slice
			server.Stop()
			from = time.Now()
			faulty.Go(func() {
				time.Sleep(hung)
				until = time.Now()
				server.Continue()
			})
		}
		assert.Empty(t, slice.Errors)
		worst = max(worst, time.Duration(slice.Latency.Max()))
		return nil
	})
	require.NoError(t, err)
	faulty.Wait()
	// The next one was due a twentieth of a second after it began, at the latest.
	assert.GreaterOrEqual(t, worst, until.Sub(from)-hung/5)
}
