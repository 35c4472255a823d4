package denylist

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// TestMirrorRests: single writes are read at once, more of them a second than
// there may be some at a time, and a quiet second later all is as it was.
func TestMirrorRests(t *testing.T) {
	t.Parallel()
	for _, wakes := range []int{1, firstShare, 64} {
		each := time.Second / time.Duration(wakes)
		now, rests := time.Now(), newMirrorRests(wakes, time.Second)
		for range 100 * wakes {
			assert.Zero(t, rests.next(now), "a wake at a time")
			now = now.Add(each)
		}
		for burst := range 2 {
			for wake := range wakes {
				assert.Zero(t, rests.next(now), "burst %d, wake %d", burst, wake)
			}
			begun := now
			for range 10 * wakes { // each written while the one before is read
				rest := rests.next(now)
				assert.Equal(t, each, rest)
				now = now.Add(rest)
			}
			assert.Equal(t, 10*time.Second, now.Sub(begun), "so many wakes a second, and no more")
			now = now.Add(time.Second)
		}
	}
}

// TestMirrorRests_Bounded: no rest is as long as to make a proof late; and
// neither one that was cut short nor a clock that goes back makes others longer.
func TestMirrorRests_Bounded(t *testing.T) {
	t.Parallel()
	const most = time.Second / firstShare / 4
	now, rests := time.Now(), newMirrorRests(firstShare, most)
	for range 1000 * firstShare {
		rest := rests.next(now)
		assert.LessOrEqual(t, rest, most)
		now = now.Add(rest)
	}
	now = now.Add(time.Second)
	for range firstShare {
		assert.Zero(t, rests.next(now))
	}
	assert.Equal(t, most, rests.next(now.Add(-time.Hour)))
	assert.Zero(t, rests.next(now.Add(time.Second)))
}

// reads counts the pipelines that read the log: a look of the mirror's each.
type reads struct{ n *atomic.Int64 }

func (r reads) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (r reads) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (r reads) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() == "xread" {
				r.n.Add(1)
			}
		}
		return next(ctx, cmds)
	}
}

// TestMirror_RestsWhileMuchIsWritten: however much is written, a mirror reads
// the log as often as it may and no more.
func TestMirror_RestsWhileMuchIsWritten(t *testing.T) {
	t.Parallel()
	for _, opts := range []MirrorOptions{{Wakes: 16}, {Wakes: 3}} {
		server := redistest.Shared(t)
		strict, _ := storeOn(t, server, RedisOptions{MaxStaleness: time.Minute})
		m, err := NewMirror(openStore(t, server.URL(), strict.opts), opts)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		var n atomic.Int64
		m.client.AddHook(reads{&n})
		begun := time.Now()
		go func() { ended <- m.Run(ctx) }()
		untilMirror(t, m, func(s MirrorStats) bool { return s.State == MirrorFresh })
		const writes = 1000
		for i := range writes {
			_, err := strict.Revoke(t.Context(), SessionEntry(testIssuer, strconv.Itoa(i), begun.Add(time.Hour)))
			require.NoError(t, err)
		}
		untilMirror(t, m, func(s MirrorStats) bool { return s.Entries == writes })
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
		// A burst, so many a second since, what quiet asks for, and what a load does.
		took, wakes := time.Since(begun).Seconds(), float64(m.opts.Wakes)
		assert.LessOrEqual(t, float64(n.Load()), wakes+wakes*took+took/m.patience.Seconds()+5)
	}
}
