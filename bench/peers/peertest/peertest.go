// Package peertest is the test that every rival passes.
package peertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// Stands has a rival stand the trials of the harness on a real Redis, and
// answer about a population, of which a tenth is revoked, for each algorithm.
func Stands(t *testing.T, rival scenario.Rival, algorithms ...verifier.Algorithm) {
	t.Helper()
	server := redistest.StartTCP(t)
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
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
			for range 1000 {
				require.NoError(t, do(t.Context()))
			}
			require.NoError(t, stand.Close())
			keys, err := server.Client().Keys(t.Context(), "*").Result()
			require.NoError(t, err)
			assert.Empty(t, keys)
		})
	}
}
