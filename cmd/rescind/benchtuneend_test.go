package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/internal/redistest"
)

// cancelAt ends a context when a text is written.
type cancelAt struct {
	text   string
	cancel context.CancelFunc
}

func (c cancelAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.text) {
		c.cancel()
	}
	return len(p), nil
}

// Ctrl-C keeps what was found so far, says that it is unfinished, and leaves
// nothing behind.
func TestTune_Interrupted(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for at, want := range map[string]string{
		"filling the denylist":   `^$`,
		"trying check-flights=2": `(?s)^UNFINISHED: .*What was tried beside.*check-flights=8 check-window=500us\n.*not tried yet, or not to the end: check-flights, .*Again: rescind`,
	} {
		c, f := tuneCall(t, nil, "--redis", server.URL(), "--tokens", "50", "--entries", "10", "--concurrency", "4", "--budget", "30s")
		require.NoError(t, f.settle())
		ctx, cancel := context.WithCancel(t.Context())
		tu := &tuning{c: c, flags: f, began: time.Now(), watch: &watch{out: cancelAt{at, cancel}}}
		err := tu.answer(tu.run(ctx))
		assert.Equal(t, exitCannotTell, exitCode(err), at)
		assert.ErrorContains(t, err, "interrupted", at)
		assert.Regexp(t, want, c.stdout.(*bytes.Buffer).String(), at)
		assert.NotContains(t, c.stdout.(*bytes.Buffer).String(), "Nothing to change", at)
		assert.Empty(t, server.Client().Keys(t.Context(), "*").Val(), at)
	}
}

// A set-up that takes longer than all of it may is ended by then, and leaves
// nothing behind.
func TestTune_SlowSetUp(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c, f := tuneCall(t, nil, "--redis", server.URL(), "--tokens", "100000", "--budget", "3s")
	require.NoError(t, f.settle())
	f.budget = 50 * time.Millisecond
	tu := &tuning{c: c, flags: f, began: time.Now(), watch: c.newWatch()}
	err := tu.answer(tu.run(t.Context()))
	assert.Equal(t, exitUsage, exitCode(err))
	assert.ErrorContains(t, err, "too little is left to measure")
	assert.Empty(t, c.stdout.(*bytes.Buffer).String())
	assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
}

// What an interrupted search lacks is said as it is.
func TestTune_Unfinished(t *testing.T) {
	t.Parallel()
	tu := &tuning{flags: &tuneFlags{budget: time.Minute}, began: time.Now()}
	assert.ErrorContains(t, tu.trouble(bench.ErrInterrupted), "nothing was found yet")
	tu.outcome = &tune.Outcome{Trials: []tune.Trial{{}}}
	assert.ErrorContains(t, tu.trouble(bench.ErrInterrupted), "is not proven")
	tu.outcome.Complete = true
	assert.ErrorContains(t, tu.trouble(bench.ErrInterrupted), "all was found, but how long a check takes")
}

// Short turns of one point count together: a share that none of them could show
// is found out after half a second of them, or at the end of a run.
func TestShares(t *testing.T) {
	t.Parallel()
	turn := func(redis, wall time.Duration) bench.Slice {
		return bench.Slice{Contender: "a", Wall: wall, CPU: map[string]time.Duration{bench.Redis: redis}}
	}
	for name, c := range map[string]struct {
		of    shares
		each  bench.Slice
		turns int // that go well
		ends  bool
	}{
		"over":          {shares{limit: 0.01, rate: 200}, turn(2*time.Millisecond, 100*time.Millisecond), 4, true},
		"at the end":    {shares{limit: 0.01, rate: 200}, turn(time.Millisecond, 20*time.Millisecond), 10, true},
		"within":        {shares{limit: 0.03, rate: 200}, turn(2*time.Millisecond, 100*time.Millisecond), 10, false},
		"of others":     {shares{limit: 0.01, background: 0.015, rate: 200}, turn(2*time.Millisecond, 100*time.Millisecond), 10, false},
		"a closed loop": {shares{limit: 0.01}, turn(2*time.Millisecond, 100*time.Millisecond), 10, false},
		"no limit":      {shares{rate: 200}, turn(2*time.Millisecond, 100*time.Millisecond), 10, false},
	} {
		c.of.used = map[string]*shareUsed{}
		var err error
		turns := 0
		for ; turns < 10 && err == nil; turns++ {
			err = c.of.add(c.each)
		}
		if err == nil {
			err = c.of.over("a")
		} else {
			turns--
		}
		assert.Equal(t, c.turns, turns, name)
		assert.Equal(t, c.ends, errors.Is(err, bench.ErrShare), name)
		assert.NoError(t, c.of.over("of which there was no turn"), name)
	}
}

// The rate of the defaults stands beside that of another answer, and not beside
// itself.
func TestTune_Rates(t *testing.T) {
	t.Parallel()
	at := tune.Point{0, 1, 4, 2, 0, 0}
	tu := foundAmong(t, 10, at, nil)
	limit, err := tune.ParseLimit("p50=5ms")
	require.NoError(t, err)
	o := tu.outcome
	o.Aim.Limits, o.Rate, o.DefaultsRate = []bench.Limit{limit}, 950, 1000
	kept := tune.Standing{Metric: bench.MetricP50, Figure: 0.004, Kept: true}
	o.Proof = &tune.Proof{Rival: tune.Point{0, 2, 4, 2, 0, 0}, Defaults: kept, Comparison: tune.Comparison{Stands: kept}}
	assert.Equal(t, "Kept: the highest rate with p50=5ms: 950/s; p50 4ms.\n", tu.aimed())
	o.Best, o.Rate = o.Proof.Rival, 2000
	assert.Equal(t, "Kept: the highest rate with p50=5ms: 2,000/s; with the defaults 1,000/s; p50 4ms.\n", tu.aimed())
}
