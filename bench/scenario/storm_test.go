package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// stormy is a small storm.
func stormy(t *testing.T) (*redistest.Server, *Stand, Knobs) {
	t.Helper()
	server := redistest.Start(t)
	k := small(server, "bench")
	k.Algorithms = map[verifier.Algorithm]int{verifier.HS256: 1}
	k.Storm, k.Calm, k.Runs = 1500, 200*time.Millisecond, 2*time.Second
	s, err := Open(t.Context(), []string{"storm"}, k, nil)
	require.NoError(t, err)
	return server, s, k
}

// All that was to be revoked is, beside those who verify, who give no wrong
// answer; and nothing of it is left.
func TestStorm(t *testing.T) {
	t.Parallel()
	server, s, k := stormy(t)
	_, err := bench.Run(t.Context(), bench.Plan{
		Contenders: s.Contenders(), Concurrency: []int{4}, Duration: k.Runs, Slice: 100 * time.Millisecond,
	}, func(slice bench.Slice) error {
		assert.Zero(t, slice.Errors[bench.WrongAnswer])
		return nil
	})
	require.NoError(t, err)
	events, notes := s.Events(), s.Notes()
	require.Len(t, events, 2)
	require.Len(t, notes, 2)
	for i, name := range []string{"storm/strict", "storm/mirror"} {
		assert.Equal(t, bench.Event{Contender: name, Concurrency: 4, Name: "storm", From: events[i].From, Until: events[i].Until}, events[i])
		assert.GreaterOrEqual(t, events[i].From, k.Calm)
		assert.Greater(t, events[i].Until, events[i].From)
		assert.Regexp(t, "^"+name+`@4: 1500 of 1500 tokens revoked in .* before, .* during, .* after`, notes[i])
	}
	assert.Contains(t, notes[1], "the mirror denied the last of them")
	require.NoError(t, s.Close())
	assert.Empty(t, allKeys(t, server.Client()))
}

// Entries that Redis loses are found out, whoever verifies.
func TestStormWhoseEntriesAreLost(t *testing.T) {
	t.Parallel()
	_, s, _ := stormy(t)
	defer func() { assert.NoError(t, s.Close()) }()
	c := s.Contenders()[0].Scenario.(*storm)
	_, err := c.Operation(0, 1)
	require.NoError(t, err)
	_, err = c.revokeAll(t.Context())
	require.NoError(t, err)
	l := c.ledger.Load()
	require.NoError(t, c.sweep(t.Context()))
	_, err = s.redis.filler.Reinstate(t.Context(), denylist.ScopeToken, issuer, l.tokens[7].known.ID)
	require.NoError(t, err)
	assert.Equal(t, bench.WrongAnswer, verdict(c.sweep(t.Context())))
}

// A turn that is over before the storm says so.
func TestStormThatNeverBegan(t *testing.T) {
	t.Parallel()
	_, s, _ := stormy(t)
	defer func() { assert.NoError(t, s.Close()) }()
	s.knobs.Calm = time.Minute
	_, err := bench.Run(t.Context(), bench.Plan{
		Contenders: s.Contenders()[:1], Concurrency: []int{1}, Duration: 50 * time.Millisecond, Slice: 50 * time.Millisecond,
	}, func(bench.Slice) error { return nil })
	require.NoError(t, err)
	assert.Empty(t, s.Events())
	assert.Contains(t, strings.Join(s.Notes(), ""), "before the storm began")
}
