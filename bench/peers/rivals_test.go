package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// Each stands the trials of the harness on a real Redis, and answers about a
// population, of which a tenth is revoked, for each algorithm. Once Redis is
// gone, whatever it says must not be a wrong answer.
func TestRivalsStand(t *testing.T) {
	t.Parallel()
	for _, rival := range rivals() {
		t.Run(rival.Name, func(t *testing.T) {
			t.Parallel()
			stands(t, rival, verifier.HS256, verifier.ES256)
		})
	}
}

func stands(t *testing.T, rival scenario.Rival, algorithms ...verifier.Algorithm) {
	server := redistest.StartTCP(t)
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			stand, do := open(t, server, rival, alg)
			for range 1000 {
				require.NoError(t, do(t.Context()))
			}
			require.NoError(t, stand.Close())
			keys, err := server.Client().Keys(t.Context(), "*").Result()
			require.NoError(t, err)
			assert.Empty(t, keys)
		})
	}
	t.Run("no Redis", func(t *testing.T) {
		stand, do := open(t, server, rival, algorithms[0])
		server.Kill()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // which some do not heed
		defer cancel()
		var said bench.Classed
		if err := do(ctx); errors.As(err, &said) { // what is in memory may be answered still
			assert.Equal(t, "denylist_unavailable", said.Class(), "%v", err)
		}
		server.Restart()
		require.NoError(t, stand.Close())
	})
}

// open makes the rival ready, on the side of naive.
func open(t *testing.T, server *redistest.Server, rival scenario.Rival, alg verifier.Algorithm) (*scenario.Stand, bench.Operation) {
	t.Helper()
	knobs := scenario.Defaults()
	knobs.Tokens, knobs.Entries, knobs.Revoked, knobs.Concurrent = 200, 300, 0.1, 2
	knobs.Algorithms = map[verifier.Algorithm]int{alg: 1}
	knobs.Redis.URL = server.URL()
	stand, err := scenario.OpenWith(t.Context(), []string{"naive"}, []scenario.Rival{rival}, knobs, nil)
	require.NoError(t, err)
	require.Empty(t, stand.LeftOut())
	require.Len(t, stand.Contenders(), 2)
	do, err := stand.Contenders()[1].Scenario.Operation(0, 1)
	require.NoError(t, err)
	return stand, do
}
