package quota_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/quota"
)

// fakeRedis is a process of which others use a share, too.
type fakeRedis struct {
	began  time.Time
	others float64
	work   atomic.Int64 // nanoseconds
}

func (r *fakeRedis) read(context.Context) (time.Duration, error) {
	return time.Duration(r.work.Load()) + time.Duration(r.others*float64(time.Since(r.began))), nil
}

// most is the largest share of a second that work used, looked at every 10 ms.
func (r *fakeRedis) most(ctx context.Context) float64 {
	var looks []int64
	var most int64
	for ctx.Err() == nil {
		looks = append(looks, r.work.Load())
		if n := len(looks); n > 100 {
			most = max(most, looks[n-1]-looks[n-101])
		}
		time.Sleep(10 * time.Millisecond)
	}
	return float64(most) / float64(time.Second)
}

// kept is what workers use that do as much as they may: in the busiest second,
// and in the mean. Each piece of work says what it costs.
func kept(t *testing.T, k *quota.Keeper, r *fakeRedis, workers int, piece func(since time.Duration) time.Duration) (most, mean float64) {
	const lasts = 8 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var working sync.WaitGroup
	working.Go(func() { assert.NoError(t, k.Run(ctx)) })
	for range workers {
		working.Go(func() {
			for k.Acquire(ctx) == nil {
				costs := piece(time.Since(r.began))
				time.Sleep(costs)
				r.work.Add(int64(costs))
				k.Release()
			}
		})
	}
	most = r.most(ctx)
	working.Wait()
	return most, float64(r.work.Load()) / float64(lasts)
}

func steady(costs time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return costs }
}

// TestWorkKeepsToItsShare: in every second, and hardly less than that.
func TestWorkKeepsToItsShare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, others float64
		workers       int
		piece         func(time.Duration) time.Duration
	}{
		"small pieces":  {limit: 0.25, workers: 64, piece: steady(50 * time.Microsecond)},
		"a small share": {limit: 0.02, workers: 64, piece: steady(50 * time.Microsecond)},
		"large pieces":  {limit: 0.5, workers: 4, piece: steady(5 * time.Millisecond)},
		"others busy":   {limit: 0.2, others: 0.7, workers: 8, piece: steady(100 * time.Microsecond)},
		"one worker":    {limit: 0.1, workers: 1, piece: steady(100 * time.Microsecond)},
		"dearer by time": {limit: 0.25, workers: 16, piece: func(since time.Duration) time.Duration {
			return time.Duration(1+since/time.Second) * 40 * time.Microsecond
		}},
		"cheaper by time": {limit: 0.25, workers: 16, piece: func(since time.Duration) time.Duration {
			return time.Millisecond / time.Duration(1+since/time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &fakeRedis{began: time.Now(), others: c.others}
				background, err := quota.Background(t.Context(), r.read)
				require.NoError(t, err)
				assert.InDelta(t, c.others, background, 1e-6)
				k := quota.New(c.limit, background, r.read)
				most, mean := kept(t, k, r, c.workers, c.piece)
				assert.LessOrEqual(t, most, c.limit*1.001)
				assert.GreaterOrEqual(t, mean, c.limit*0.75, "more was held back than had to be")
				assert.InDelta(t, most, k.Most(), 0.05*c.limit, "what the Keeper has seen")
			})
		})
	}
}

// TestAJumpOfCostIsPaidBack: where pieces suddenly cost a hundred times as much
// the share is exceeded once, by what was under way, and kept in the mean.
func TestAJumpOfCostIsPaidBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRedis{began: time.Now()}
		k := quota.New(0.25, 0, r.read)
		most, mean := kept(t, k, r, 4, func(since time.Duration) time.Duration {
			if since > 4*time.Second {
				return 5 * time.Millisecond
			}
			return 50 * time.Microsecond
		})
		assert.Less(t, most, 1.5)
		assert.LessOrEqual(t, mean, 0.25)
	})
}

// TestWorkThatBecomesCheaperIsTrustedSlowly: one cheap piece does not let many
// dear ones begin.
func TestWorkThatBecomesCheaperIsTrustedSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRedis{began: time.Now()}
		k := quota.New(0.25, 0, r.read)
		n := 0
		most, _ := kept(t, k, r, 1, func(time.Duration) time.Duration {
			if n++; n%40 < 20 {
				return 2 * time.Microsecond
			}
			return 4 * time.Millisecond
		})
		assert.LessOrEqual(t, most, 0.3)
	})
}

// TestOthersThatComeLaterAreMadeRoomFor: what is used later by others counts as
// one's own, since nobody can tell.
func TestOthersThatComeLaterAreMadeRoomFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRedis{began: time.Now()}
		r.others = 0.1
		k := quota.New(0.25, 0, r.read)
		_, mean := kept(t, k, r, 4, steady(50*time.Microsecond))
		assert.InDelta(t, 0.125, mean, 0.02)
	})
}

// TestWhatCostsNothingIsNotHeldBack for long.
func TestWhatCostsNothingIsNotHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &fakeRedis{began: time.Now()}
		k := quota.New(0.01, 0, r.read)
		pieces := 0
		kept(t, k, r, 1, func(time.Duration) time.Duration {
			pieces++
			time.Sleep(100 * time.Microsecond) // of somebody else
			return 0
		})
		assert.Greater(t, pieces, 20_000, "of eighty thousand")
	})
}

// TestMeterThatFails: Run ends, nobody waits for ever, and Acquire says why.
func TestMeterThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		reads := 0
		k := quota.New(0.01, 0, func(context.Context) (time.Duration, error) {
			if reads++; reads > 3 {
				return 0, gone
			}
			return 0, nil
		})
		ended := make(chan error, 1)
		go func() { ended <- k.Run(t.Context()) }()
		require.NoError(t, k.Acquire(t.Context()))
		assert.ErrorIs(t, k.Acquire(t.Context()), gone, "the second would wait for what the first costs")
		assert.ErrorIs(t, <-ended, gone)
		assert.ErrorIs(t, k.Acquire(t.Context()), gone)
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := quota.New(0.01, 0, new(fakeRedis).read)
	assert.ErrorIs(t, k.Acquire(ctx), context.Canceled)
	assert.NoError(t, k.Run(ctx))
	var none *quota.Keeper
	assert.NoError(t, none.Acquire(ctx))
	none.Release()
}

// TestWatch: what exceeds the limit ends it as soon as a second's share is used
// up, what keeps to it never does.
func TestWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		uses, after float64
	}{"below": {uses: 0.24}, "just over": {uses: 0.28, after: 0.9}, "all": {uses: 1, after: 0.25}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				r := &fakeRedis{began: time.Now(), others: c.uses + 0.1}
				began := time.Now()
				err := quota.New(0.25, 0.1, r.read).Watch(ctx)
				if c.after == 0 {
					assert.NoError(t, err)
					return
				}
				var over *quota.Exceeded
				require.ErrorAs(t, err, &over)
				assert.InDelta(t, c.uses, over.Took, 0.01)
				assert.InDelta(t, c.after, time.Since(began).Seconds(), 0.1)
			})
		})
	}
}

// TestInsist: what uses Redis without asking is no reason to end while it leaves
// something for those who ask, who make room for it; where it does not, it is.
func TestInsist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		beside float64
		after  float64 // seconds; 0: never
	}{"leaves half": {beside: 0.1}, "leaves nothing": {beside: 0.19, after: 2}, "exceeds it": {beside: 0.5, after: 1.4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				r := &fakeRedis{began: time.Now(), others: c.beside}
				k := quota.New(0.2, 0, r.read)
				var asking sync.WaitGroup
				asking.Go(func() {
					for k.Acquire(ctx) == nil {
						r.work.Add(int64(time.Millisecond))
						time.Sleep(time.Millisecond)
						k.Release()
					}
				})
				began := time.Now()
				err := k.Insist(ctx)
				took := time.Since(began).Seconds()
				cancel()
				asking.Wait()
				if c.after == 0 {
					assert.NoError(t, err)
					assert.Greater(t, r.work.Load(), int64(500*time.Millisecond))
					return
				}
				var over *quota.Exceeded
				require.ErrorAs(t, err, &over)
				assert.InDelta(t, c.beside, over.Took, 0.02)
				assert.GreaterOrEqual(t, took, c.after-0.1)
				assert.LessOrEqual(t, took, 2*c.after)
			})
		})
	}
}

// TestWatchHandsOutWhatIsLeft to what asks, beside what does not.
func TestWatchHandsOutWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := &fakeRedis{began: time.Now(), others: 0.1}
		k := quota.New(0.25, 0, r.read)
		var asking sync.WaitGroup
		asking.Go(func() {
			time.Sleep(3 * time.Second) // what is used meanwhile is not its price
			for k.Acquire(ctx) == nil {
				r.work.Add(int64(time.Millisecond))
				time.Sleep(time.Millisecond)
				k.Release()
			}
		})
		assert.NoError(t, k.Watch(ctx))
		asking.Wait()
		assert.InDelta(t, 0.12*7, time.Duration(r.work.Load()).Seconds(), 0.2)
	})
}
