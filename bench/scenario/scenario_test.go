package scenario

import (
	"errors"
	"fmt"
	"os"
	"slices"
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

// small is a workload that is set up in no time, with something of everything.
func small(server interface{ URL() string }, prefix string) Knobs {
	k := Defaults()
	k.Seed, k.Tokens, k.Entries, k.Revoked, k.Concurrent = 1, 200, 300, 0.1, 4
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 2, verifier.ES256: 2, verifier.EdDSA: 1}
	k.Sizes, k.Revocations = []int{50}, 200
	k.Redis.Prefix, k.Follower = prefix, []string{os.Args[0], "follow"}
	if server != nil {
		k.Redis.URL = server.URL()
	}
	return k
}

// withoutURL are the scenarios that need no URL.
func withoutURL() []string {
	var all []string
	for _, info := range List() {
		// What breaks servers of its own has no part in a run with others, and a
		// storm has two contenders, and a barrier takes a second: they have tests
		// of their own.
		if !slices.Contains(info.Needs, needURL) && !slices.Contains(info.Needs, needServer) && info.Name != "storm" && info.Name != "revoke-barrier" {
			all = append(all, info.Name)
		}
	}
	return all
}

func openStand(t testing.TB, names []string, k Knobs) *Stand {
	t.Helper()
	s, err := Open(t.Context(), names, k, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// exercise has each worker do n operations, and returns the errors by class. That
// Redis was asked is none: where a machine has too much to do, a mirror may be
// too old at times.
func exercise(t testing.TB, c bench.Contender, workers, n int) map[string]int {
	t.Helper()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		classes = map[string]int{}
	)
	if scaled, ok := c.Scenario.(bench.Scaled); ok {
		require.NoError(t, scaled.Scale(t.Context(), workers))
	}
	for worker := range workers {
		do, err := c.Scenario.Operation(worker, workers)
		require.NoError(t, err)
		all.Go(func() {
			for range n {
				if err := do(t.Context()); err != nil && classOf(err) != classAsked {
					mu.Lock()
					classes[classOf(err)+": "+err.Error()]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return classes
}

func classOf(err error) string {
	var c bench.Classed
	if errors.As(err, &c) {
		return c.Class()
	}
	return "error"
}

func TestEveryScenarioIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, info := range List() {
		assert.False(t, seen[info.Name], info.Name)
		seen[info.Name] = true
		assert.True(t, strings.HasSuffix(info.Means, ".") && !strings.Contains(info.Means, "\n"), "%s: %q", info.Name, info.Means)
		for _, need := range info.Needs {
			assert.Contains(t, []string{needRedis, needURL, needServer}, need, info.Name)
		}
	}
	for _, name := range []string{"signature", "check-mirror", "check-miss", "check-hit", "verify-cached", "verify-mirror", "verify",
		"verify-first", "revoke", "rotate", "propagation", "fleet", "cold-start", "cold-start-scan", "http-verify", "naive", "memory", "exists", "exists-piped", "crypto", "hash"} {
		assert.True(t, seen[name], name)
	}
}

// setups are the kinds of Redis that a run may measure.
func setups(t *testing.T) map[string]func(*testing.T) Knobs {
	return map[string]func(*testing.T) Knobs{
		"unix socket": func(t *testing.T) Knobs {
			s := redistest.Shared(t)
			return small(s, s.Prefix())
		},
		"TCP": func(t *testing.T) Knobs {
			s := redistest.StartTCP(t)
			return small(s, s.Prefix())
		},
		"16 partitions": func(t *testing.T) Knobs {
			s := redistest.Shared(t)
			k := small(s, s.Prefix())
			k.Redis.Partitions = 16
			return k
		},
		"Cluster": func(t *testing.T) Knobs {
			s := redistest.StartCluster(t)
			k := small(s, s.Prefix())
			k.Redis.Partitions = 16
			return k
		},
		"Sentinel": func(t *testing.T) Knobs {
			s := redistest.StartSentinel(t)
			return small(s, s.Prefix())
		},
		"delayed": func(t *testing.T) Knobs {
			s := redistest.Shared(t)
			k := small(s, s.Prefix())
			k.Delay = time.Millisecond
			return k
		},
	}
}

func TestEveryScenarioAnswersRight(t *testing.T) {
	t.Parallel()
	for name, setup := range setups(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStand(t, withoutURL(), setup(t))
			require.Len(t, s.Contenders(), len(withoutURL()))
			for i, c := range s.Contenders() {
				assert.Equal(t, s.Descriptions()[i].Name, c.Name)
				times := 100
				switch c.Name {
				case "propagation", "fleet", "cold-start/50", "cold-start-scan/50":
					times = 8 // each waits for another process, which rests most of the time, or loads a denylist
				}
				assert.Empty(t, exercise(t, c, 4, times), c.Name)
				// Called again, it goes on, with fewer workers too.
				assert.Empty(t, exercise(t, c, 2, times/4), c.Name)
			}
		})
	}
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	for _, alg := range verifier.Algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k := small(server, redistest.NextPrefix())
			k.Tokens, k.Algorithms = 20, map[verifier.Algorithm]int{alg: 1}
			for _, c := range openStand(t, []string{"signature", "crypto", "hash", "naive", "verify", "verify-first", "verify-cached", "verify-mirror", "rotate"}, k).Contenders() {
				assert.Empty(t, exercise(t, c, 1, 10), c.Name)
			}
		})
	}
}

// What a run would have to find out is found out: an answer that is not what
// the population says is a wrong one.
func TestWrongAnswersAreSeen(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, withoutURL(), small(server, server.Prefix()))
	p := s.population
	for i := range p.tokens { // the lie: every token is what it is not
		p.tokens[i].revoked = !p.tokens[i].revoked
	}
	for _, c := range s.Contenders() {
		switch c.Name {
		case "signature", "crypto", "hash", "revoke", "rotate", "propagation", "fleet", "cold-start/50", "cold-start-scan/50":
			continue // which know nothing of revoked tokens
		case "verify-cached":
			continue // which has a copy: see TestVerifyCached_WrongAnswersAreSeen
		}
		n := 0
		for class, times := range exercise(t, c, 1, 50) {
			assert.True(t, strings.HasPrefix(class, bench.WrongAnswer), class)
			n += times
		}
		assert.Equal(t, 50, n, c.Name)
	}
}

func TestAStoreThatCannotTell(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, server.Prefix())
	k.Redis.CheckTimeout = time.Second
	s, err := Open(t.Context(), []string{"check-miss", "check-hit", "verify", "verify-first", "revoke", "rotate", "naive", "exists"}, k, nil)
	require.NoError(t, err)
	do := map[string]bench.Operation{}
	for _, c := range s.Contenders() {
		do[c.Name], err = c.Scenario.Operation(0, 1)
		require.NoError(t, err)
	}
	server.Kill()
	for name, do := range do {
		assert.Equal(t, classUnavailable, classOf(do(t.Context())), name)
	}
	server.Restart()
	require.NoError(t, s.Close())
}

// A token that was spent without anybody hearing of it is not presented again:
// that would be a replay.
func TestRotationGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server)
	k := small(proxy, server.Prefix())
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	s := openStand(t, []string{"rotate"}, k)
	do, err := s.Contenders()[0].Scenario.Operation(0, 1)
	require.NoError(t, err)
	require.NoError(t, do(t.Context()))
	proxy.LoseReplies(s.redis.prefix+":{0}:c:", 3) // as often as rotation asks
	require.Equal(t, classUnavailable, classOf(do(t.Context())))
	require.Zero(t, proxy.Pending())
	for range 50 {
		require.NoError(t, do(t.Context()))
	}
}

func TestClasses(t *testing.T) {
	t.Parallel()
	for class, err := range map[string]error{
		classUnavailable:  fmt.Errorf("a: %w", denylist.ErrUnknown),
		classExpired:      fmt.Errorf("a: %w", verifier.ErrExpired),
		bench.WrongAnswer: fmt.Errorf("a: %w", denylist.ErrReused),
	} {
		got := classify(err)
		assert.Equal(t, class, classOf(got))
		assert.ErrorIs(t, got, err)
	}
	assert.NoError(t, judge(nil, false))
	assert.NoError(t, judge(denylist.ErrRevoked, true))
	assert.Equal(t, bench.WrongAnswer, classOf(judge(nil, true)))
	assert.Equal(t, bench.WrongAnswer, classOf(judge(denylist.ErrRevoked, false)))
	assert.Equal(t, classUnavailable, classOf(judge(denylist.ErrUnavailable, true)))
}
