package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/internal/redistest"
)

// A run of everything at once: each scenario is measured, at each level, with
// the CPU time of Redis where it takes part, and no answer is wrong.
func TestRunOfEverything(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	s := openStand(t, withoutURL(), small(server, "bench"))
	answered := map[string]int64{}
	plan := bench.Plan{
		Contenders: s.Contenders(), Concurrency: []int{1, 4},
		Duration: 50 * time.Millisecond, Slice: 50 * time.Millisecond, // of a barrier it is a second
	}
	_, err := bench.Run(t.Context(), plan, func(slice bench.Slice) error {
		answered[slice.Contender] += slice.Operations
		delete(slice.Errors, classAsked) // of which a busy machine may have some
		assert.Empty(t, slice.Errors, slice.Contender)
		used, metered := slice.CPU[bench.Redis]
		assert.True(t, metered, slice.Contender)
		assert.Equal(t, needsRedis(slice.Contender), used > 0, "%s: %v", slice.Contender, used)
		return nil
	})
	require.NoError(t, err)
	for _, c := range s.Contenders() {
		assert.Positive(t, answered[c.Name], c.Name)
	}
}

func needsRedis(name string) bool {
	name, _, _ = strings.Cut(name, "/") // of a size
	kinds, err := find([]string{name})
	return err == nil && len(kinds[0].needs) > 0
}

// A run that ends early leaves nothing behind either.
func TestInterruptedRunOfTheEngineIsCleaned(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, err := Open(t.Context(), []string{"revoke", "rotate"}, small(server, "bench"), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	plan := bench.Plan{
		Contenders: s.Contenders(), Concurrency: []int{4},
		Duration: time.Minute, Slice: 50 * time.Millisecond,
	}
	slices := 0
	_, err = bench.Run(ctx, plan, func(bench.Slice) error {
		if slices++; slices == 4 {
			cancel()
		}
		return nil
	})
	assert.ErrorIs(t, err, bench.ErrInterrupted)
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}
