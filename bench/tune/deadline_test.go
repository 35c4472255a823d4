package tune_test

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/tune"
)

// A deadline cuts off nothing that was healthy.
func TestDeadline(t *testing.T) {
	t.Parallel()
	assert.Zero(t, tune.Deadline(nil))
	assert.Zero(t, tune.Deadline(hdrhistogram.New(1, 1000, 2)))
	for latency, want := range map[time.Duration]time.Duration{
		50 * time.Microsecond:   10 * time.Millisecond,
		5 * time.Millisecond:    20 * time.Millisecond,
		11 * time.Millisecond:   50 * time.Millisecond,
		30 * time.Millisecond:   100 * time.Millisecond,
		100 * time.Millisecond:  500 * time.Millisecond,
		1500 * time.Millisecond: 5 * time.Second,
	} {
		h := hdrhistogram.New(1, int64(time.Minute), 3)
		require.NoError(t, h.RecordValues(int64(latency), 10_000))
		assert.Equal(t, want, tune.Deadline(h), latency)
	}
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	require.NoError(t, h.RecordValues(int64(time.Millisecond), 100_000))
	require.NoError(t, h.RecordValue(int64(300*time.Millisecond)))
	assert.Equal(t, 500*time.Millisecond, tune.Deadline(h), "one that was slow was healthy, too")
}

// Only a long way to Redis raises a deadline: a machine that was busy now and
// then does not.
func TestRaise(t *testing.T) {
	t.Parallel()
	assert.Zero(t, tune.Raise(nil, time.Second))
	for _, of := range []struct{ most, some, want time.Duration }{
		{time.Millisecond, time.Millisecond, 0},
		{time.Millisecond, 150 * time.Millisecond, 0},
		{16 * time.Millisecond, 150 * time.Millisecond, 0},
		{19 * time.Millisecond, 19 * time.Millisecond, 100 * time.Millisecond},
		{19 * time.Millisecond, 900 * time.Millisecond, 200 * time.Millisecond},
		{400 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second},
	} {
		h := hdrhistogram.New(1, int64(time.Minute), 3)
		require.NoError(t, h.RecordValues(int64(of.most), 900))
		require.NoError(t, h.RecordValues(int64(of.some), 100))
		assert.Equal(t, of.want, tune.Raise(h, 50*time.Millisecond), of)
	}
}
