package bench_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/bench"
)

// sleeper is a scenario whose operations take so long.
type sleeper time.Duration

func (s sleeper) Operation(worker, workers int) (bench.Operation, error) {
	return func(context.Context) error {
		time.Sleep(time.Duration(s))
		return nil
	}, nil
}

// Two scenarios take turns, and each pair of slices says how they compare.
func ExampleRun() {
	plan := bench.Plan{
		Contenders: []bench.Contender{
			{Name: "quick", Scenario: sleeper(time.Millisecond)},
			{Name: "slow", Scenario: sleeper(50 * time.Millisecond)},
		},
		Concurrency: []int{4},
		Duration:    500 * time.Millisecond,
		Slice:       100 * time.Millisecond,
	}
	operations := make(map[string]int64)
	notes, err := bench.Run(context.Background(), plan, func(s bench.Slice) error {
		operations[s.Contender] += s.Operations
		return nil
	})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(operations["quick"] > operations["slow"], len(notes))
	// Output: true 0
}
