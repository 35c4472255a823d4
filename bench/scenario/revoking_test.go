package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// While tokens are revoked, a mirror with few wakes reads less often than one with
// many: each is told apart, and none breaks its promise.
func TestRevoking(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Revocations = 200
	s, err := Open(t.Context(), []string{"verify"}, k, nil)
	require.NoError(t, err)
	require.NoError(t, s.Revoking(t.Context()))
	heard := map[int]*Candidate{}
	for _, wakes := range []int{4, 512} {
		heard[wakes], err = s.Candidate(t.Context(), "one", Settings{Mirror: true, MirrorWakes: wakes})
		require.NoError(t, err)
	}
	strict, err := s.Candidate(t.Context(), "one", Settings{})
	require.NoError(t, err)
	_, ok := strict.Lag()
	assert.False(t, ok, "which has no mirror")

	lags := map[int]*Lag{4: {Took: newLagTimes()}, 512: {Took: newLagTimes()}}
	assert.Eventually(t, func() bool {
		for wakes, c := range heard {
			said, ok := c.Lag()
			require.True(t, ok)
			assert.Zero(t, said.Wrong)
			lags[wakes].Took.Merge(said.Took)
			lags[wakes].Reads += said.Reads
		}
		return min(lags[4].Took.TotalCount(), lags[512].Took.TotalCount()) >= 100
	}, time.Minute, 100*time.Millisecond)
	assert.Less(t, lags[4].Reads, lags[512].Reads)
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}

// A mirror that vouches for what was revoked long ago is told of, once.
func TestLag_BrokenPromise(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"verify", "check-mirror"}, small(server, server.Prefix()))
	m, err := s.mirror(t.Context())
	require.NoError(t, err)
	l := newLag(time.Second)
	l.mirror = m.Mirror
	longAgo := time.Now().Add(-2 * time.Second)
	good, late := &expected{token: s.population.tokens[s.population.living[0]].known}, &expected{token: s.population.tokens[s.population.living[0]].known}
	late.acknowledged.Store(&longAgo)
	l.expect(late)
	l.expect(good) // nobody has acknowledged it
	assert.Equal(t, 1, l.look())
	assert.Equal(t, int64(1), l.take().Wrong)
	assert.Zero(t, l.take().Wrong)
}

// Revocations that alone take more of Redis than is allowed are refused.
func TestRevoking_TooMany(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Revocations, k.MaxShare = 1000, 0.01
	s, err := Open(t.Context(), []string{"verify"}, k, nil)
	require.NoError(t, err)
	err = s.Revoking(t.Context())
	require.ErrorIs(t, err, ErrKnob)
	assert.ErrorContains(t, err, "1000 revocations a second took")
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}
