package scenario

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/internal/redistest"
)

// Both ways to start tell a revoked token from a good one, on each kind of Redis,
// and each size is a contender that is compared with its like.
func TestColdStart(t *testing.T) {
	t.Parallel()
	for name, setup := range setups(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := setup(t)
			k.Sizes = []int{50, 2000}
			s := openStand(t, []string{"cold-start", "cold-start-scan"}, k)
			var names, baselines []string
			for i, c := range s.Contenders() {
				names = append(names, c.Name)
				baselines = append(baselines, s.Descriptions()[i].Baseline)
				assert.Positive(t, c.Limit)
				assert.Empty(t, exercise(t, c, 2, 2), c.Name)
				assert.Positive(t, c.Scenario.(bench.Clocked).Took(1))
			}
			assert.Equal(t, []string{"cold-start/50", "cold-start/2k", "cold-start-scan/50", "cold-start-scan/2k"}, names)
			assert.Equal(t, []string{"cold-start-scan/50", "cold-start-scan/2k", "", ""}, baselines)
			counts, err := s.sizes[2000].filler.Counts(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 2000, counts.Total())
		})
	}
}

// What the tokens are not is a wrong answer.
func TestColdStartFindsWrongAnswers(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	k := small(server, server.Prefix())
	k.Sizes = []int{20}
	s := openStand(t, []string{"cold-start", "cold-start-scan"}, k)
	side := s.sizes[20]
	good := side.good
	side.good = side.revoked
	for _, c := range s.Contenders() {
		for class := range exercise(t, c, 1, 1) {
			assert.Contains(t, class, bench.WrongAnswer, c.Name)
		}
		assert.Len(t, exercise(t, c, 1, 1), 1, c.Name)
	}
	side.good, side.revoked = good, good
	for _, c := range s.Contenders() {
		assert.Len(t, exercise(t, c, 1, 1), 1, c.Name)
	}
}

// A start that is interrupted ends, and a run of them leaves no keys.
func TestColdStartInterrupted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Sizes = []int{5000}
	s, err := Open(t.Context(), []string{"cold-start", "cold-start-scan"}, k, nil)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range s.Contenders() {
		do, err := c.Scenario.Operation(0, 1)
		require.NoError(t, err)
		assert.Error(t, do(ended), c.Name)
	}
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	plan := bench.Plan{Contenders: s.Contenders(), Concurrency: []int{1}, Duration: time.Minute, Slice: 10 * time.Millisecond * 4}
	_, err = bench.Run(ctx, plan, func(bench.Slice) error { return nil })
	assert.ErrorIs(t, err, bench.ErrInterrupted)
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))

	ctx, stop = context.WithCancel(t.Context())
	_, err = Open(ctx, []string{"cold-start"}, k, func(what string, share float64) {
		if share > 0.2 {
			stop()
		}
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, allKeys(t, server.Client()), "while it is filled, too")
}

// A denylist that nobody has room for is refused before it is filled.
func TestColdStartWithoutRoom(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := server.Client()
	require.NoError(t, c.ConfigSet(t.Context(), "maxmemory", "20mb").Err())
	for want, change := range map[string]func(*Knobs){
		"of Redis, which has": func(k *Knobs) { k.Sizes = []int{100, 100_000} },
		"there twice":         func(k *Knobs) { k.Sizes = []int{100, 100} },
		"want 2 to 10000000":  func(k *Knobs) { k.Sizes = []int{1} },
		"want at most 8":      func(k *Knobs) { k.Sizes = []int{2, 3, 4, 5, 6, 7, 8, 9, 10} },
		"here":                func(k *Knobs) { k.Sizes, k.Concurrent = []int{10_000_000}, 64 },
	} {
		k := small(server, "bench")
		change(&k)
		_, err := Open(t.Context(), []string{"cold-start"}, k, nil)
		assert.ErrorIs(t, err, ErrKnob, want)
		assert.ErrorContains(t, err, want)
	}
	assert.Empty(t, allKeys(t, c))
}

func TestSizeNames(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{2: "2", 999: "999", 10_000: "10k", 12_345: "12345", 1_000_000: "1M", 1_500_000: "1500k", 10_000_000: "10M"} {
		assert.Equal(t, want, sizeName(size))
	}
	assert.Equal(t, "382 MiB", gibibytes(400_000_000))
	assert.Equal(t, "3.7 GiB", gibibytes(4_000_000_000))
}
