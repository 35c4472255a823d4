package bench

import (
	"context"
	"slices"
	"time"

	"github.com/rescindhq/rescind/bench/wait"
)

// Overhead is what measuring itself costs, in a closed loop on this machine: an
// operation that does nothing, timed and recorded.
type Overhead struct {
	Operation time.Duration `json:"operation_ns"` // the generator's share of each timed operation
	Wake      time.Duration `json:"wake_ns"`      // how late a waiting worker wakes in an open loop, median
	WakeP99   time.Duration `json:"wake_p99_ns"`
}

// nothing is a scenario that costs nothing.
type nothing struct{}

func (nothing) Operation(int, int) (Operation, error) {
	return func(context.Context) error { return nil }, nil
}

// MeasureOverhead takes a fraction of a second.
func MeasureOverhead(ctx context.Context) (Overhead, error) {
	operation, err := measureOperation(ctx, 100*time.Millisecond)
	if err != nil {
		return Overhead{}, err
	}
	late, err := measureWake(ctx, 200, time.Millisecond)
	if err != nil {
		return Overhead{}, err
	}
	return Overhead{
		Operation: operation,
		Wake:      late[len(late)/2],
		WakeP99:   late[len(late)*99/100],
	}, nil
}

// measureOperation is what timing an operation takes: the median of the best
// slice, as whatever disturbs one makes it only longer. A mean would be several
// times that where the processor is shared, and notes would say so of operations
// whose own median is not disturbed. Where the clock is too coarse for a median
// it has to be the mean.
func measureOperation(ctx context.Context, duration time.Duration) (time.Duration, error) {
	var each []float64
	plan := Plan{
		Contenders:  []Contender{{Name: "nothing", Scenario: nothing{}}},
		Concurrency: []int{1}, Duration: duration, Slice: minSlice,
	}
	_, err := carryOut(ctx, plan, wait.New, func(s Slice) error {
		took := float64(s.Latency.ValueAtQuantile(50))
		if took == 0 {
			took = float64(s.Wall) / float64(max(s.Operations, 1))
		}
		each = append(each, took)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return time.Duration(slices.Min(each)), nil
}

// measureWake is how late a worker woke, sorted, each time it waited.
func measureWake(ctx context.Context, times int, d time.Duration) ([]time.Duration, error) {
	w := wait.New()
	defer w.Close()
	stop := context.AfterFunc(ctx, w.Interrupt)
	defer stop()
	late := make([]time.Duration, times)
	for i := range late {
		began := time.Now()
		if !w.Wait(d) {
			return nil, interrupted(ctx)
		}
		late[i] = time.Since(began) - d
	}
	slices.Sort(late)
	return late, nil
}
