package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/wait"
)

// carry carries a plan out in a bubble of synctest, where what is scripted
// takes exactly as long as it says.
func carry(ctx context.Context, plan Plan) ([]Slice, *run, error) {
	var kept []Slice
	r, err := carryOut(ctx, plan, wait.NewTimer, func(s Slice) error {
		kept = append(kept, s)
		return nil
	})
	return kept, r, err
}

// scripted is a scenario that does the same in all workers.
type scripted func(ctx context.Context) error

func (s scripted) Operation(int, int) (Operation, error) { return Operation(s), nil }

// sleeps is an operation that takes so long, unless it is cut off.
func sleeps(d time.Duration) scripted {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stalling is a target that answers after 500 µs, but for a time nobody at all.
func stalling(from, until time.Duration) scripted {
	began := time.Now()
	return func(context.Context) error {
		if now := time.Since(began); now >= from && now < until {
			time.Sleep(until - now)
		}
		time.Sleep(500 * time.Microsecond)
		return nil
	}
}

// over is how many operations took longer than a limit, and how many there are.
func over(slices []Slice, limit time.Duration) (late, all int64) {
	for _, s := range slices {
		for _, bar := range s.Latency.Distribution() {
			if bar.From > int64(limit) {
				late += bar.Count
			}
			all += bar.Count
		}
	}
	return late, all
}

// TestStallIsSeen: a stall of 100 ms at 1,000 operations a second is about 100
// late operations, each by what was left of it, not one.
func TestStallIsSeen(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{16, 100} {
		synctest.Test(t, func(t *testing.T) {
			slices, _, err := carry(t.Context(), Plan{
				Contenders:  []Contender{{Name: "stalling", Scenario: stalling(330*time.Millisecond, 430*time.Millisecond)}},
				Concurrency: []int{workers}, Rate: 1000, Duration: time.Second, Slice: 250 * time.Millisecond,
			})
			require.NoError(t, err)
			assert.Len(t, slices, 4)
			late, all := over(slices, 5*time.Millisecond)
			assert.EqualValues(t, 1000, all, "every operation that was due is recorded")
			assert.InDelta(t, 100, late, 10, "%d workers", workers)
			half, _ := over(slices, 50*time.Millisecond)
			assert.InDelta(t, 50, half, 6, "half of them wait for more than half of the stall")
		})
	}
}

// TestStallInAClosedLoop: a worker that waits for its answer sees a stall once,
// which is why a closed loop must not be read as what clients see.
func TestStallInAClosedLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slices, _, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "stalling", Scenario: stalling(330*time.Millisecond, 430*time.Millisecond)}},
			Concurrency: []int{1}, Duration: time.Second,
		})
		require.NoError(t, err)
		late, all := over(slices, 5*time.Millisecond)
		assert.EqualValues(t, 1, late)
		assert.InDelta(t, 1800, all, 2, "900 ms of operations of half a millisecond")
	})
}

// TestStallAtTheEdge: what was due before the end of a turn is carried out
// after it, however late.
func TestStallAtTheEdge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slices, r, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "stalling", Scenario: stalling(950*time.Millisecond, 1050*time.Millisecond)}},
			Concurrency: []int{16}, Rate: 1000, Duration: time.Second, Slice: 500 * time.Millisecond,
		})
		require.NoError(t, err)
		late, all := over(slices, 5*time.Millisecond)
		assert.EqualValues(t, 1000, all)
		assert.InDelta(t, 50, late, 2)
		assert.Zero(t, slices[1].Unbegun)
		assert.Greater(t, slices[1].Wall, 550*time.Millisecond, "it took longer")
		assert.NotEmpty(t, r.notes())
	})
}

// TestALongWaitIsSeen: where a target is too slow for minutes, so are latencies.
func TestALongWaitIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slices, _, err := carry(t.Context(), Plan{
			Contenders:  []Contender{{Name: "slow", Scenario: sleeps(2 * time.Second)}},
			Concurrency: []int{1}, Rate: 1, Duration: 20 * time.Minute,
		})
		require.NoError(t, err)
		last := slices[len(slices)/2-1] // due 10 minutes after the beginning, and begun after 20
		assert.InDelta(t, 10*time.Minute, last.Latency.Max(), float64(20*time.Second))
	})
}

// TestTooLongIsRecordedAtTheTop: it is not lost.
func TestTooLongIsRecordedAtTheTop(t *testing.T) {
	t.Parallel()
	worker := newTally(minTop)
	worker.succeeded(time.Hour)
	worker.succeeded(-1)
	worker.succeeded(minTop)
	tally := newTotal(minTop)
	tally.add(worker)
	assert.EqualValues(t, 3, tally.operations)
	assert.EqualValues(t, 3, tally.latency.TotalCount())
	assert.GreaterOrEqual(t, tally.latency.Max(), int64(minTop))
	assert.Zero(t, tally.latency.Min())
}

// refusal is an error that knows its class.
type refusal string

func (r refusal) Error() string { return "refused" }
func (r refusal) Class() string { return string(r) }

func TestErrorsAreClassed(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"http_503":  fmt.Errorf("asking: %w", refusal("http_503")),
		WrongAnswer: refusal(WrongAnswer),
		"timeout":   fmt.Errorf("reading: %w", context.DeadlineExceeded),
		"error":     errors.New("something"),
	} {
		assert.Equal(t, want, class(err))
	}
	tally := newTally(minTop)
	for i := range 10 * maxClasses {
		tally.failed(refusal(fmt.Sprint("class ", i)))
	}
	tally.failed(refusal(""))
	assert.LessOrEqual(t, len(tally.errors), maxClasses+1)
	assert.EqualValues(t, 10*maxClasses+1, sum(tally.errors))
	assert.Zero(t, tally.operations)
	assert.Empty(t, tally.few, "a failure has no latency")
	assert.Nil(t, tally.latency)
}

// TestHandOver: whatever is collected while a worker goes from part to part,
// nothing is lost and nothing lands in another part.
func TestHandOver(t *testing.T) {
	t.Parallel()
	const parts, most = 200, 2 * fewLatencies
	each := func(part int) int { return part * most / parts } // with a histogram and without
	r := recorder{top: time.Second, tally: newTally(time.Second)}
	all := make(map[int]*tally)
	total := func(part int) *tally {
		if all[part] == nil {
			all[part] = newTotal(time.Second)
		}
		return all[part]
	}
	var worker sync.WaitGroup
	worker.Go(func() {
		for part := range parts {
			if part > 0 {
				r.enter(part)
			}
			for range each(part) {
				r.tally.succeeded(time.Duration(part))
			}
		}
	})
	ended := meanwhile(func() bool { worker.Wait(); return true })
	for waiting := true; waiting; {
		select {
		case <-ended:
			waiting = false
		default:
			left := int(r.part.Load())
			r.collect(total)
			for part := range left {
				assert.EqualValues(t, each(part), total(part).operations, "part %d is whole", part)
			}
		}
	}
	r.finish(total)
	for part := range parts {
		h := total(part).latency
		assert.EqualValues(t, each(part), h.TotalCount())
		assert.EqualValues(t, each(part), total(part).operations)
		if part > 0 {
			assert.EqualValues(t, part, h.Max())
			assert.EqualValues(t, part, h.Min())
		}
	}
	assert.Zero(t, r.tally.operations, "ready for the next turn")
}

// TestABacklogIsSmall: many workers with short slices hand over faster than
// anybody collects, of a handful of operations each.
func TestABacklogIsSmall(t *testing.T) {
	const parts = 50
	r := recorder{top: minTop, tally: newTally(minTop)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for part := range parts {
		r.enter(part + 1)
		for range 10 {
			r.tally.succeeded(time.Millisecond)
		}
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/parts, uint64(20<<10), "bytes for each part")
	assert.False(t, r.behind())
	for range 2 * maxQueued {
		r.enter(r.tally.part + 1)
	}
	assert.True(t, r.behind(), "it is bounded all the same")
	r.collect(func(int) *tally { return newTotal(minTop) })
	assert.False(t, r.behind())
}

// meanwhile does something meanwhile.
func meanwhile(do func() bool) <-chan bool {
	done := make(chan bool, 1)
	go func() { done <- do() }()
	return done
}
