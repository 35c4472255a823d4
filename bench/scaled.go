package bench

import (
	"context"
	"fmt"
)

// Scaled is a Scenario that has to make ready for a number of workers, such as
// to start as many servers. It is told before any of their operations is asked
// for, at each level of concurrency, and may take its time: nothing is measured
// meanwhile. ctx is the run's.
type Scaled interface {
	Scenario
	Scale(ctx context.Context, workers int) error
}

// scale makes the contenders ready for a level of concurrency.
func (r *run) scale(ctx context.Context, workers int) error {
	for _, c := range r.plan.Contenders {
		scaled, ok := c.Scenario.(Scaled)
		if !ok {
			continue
		}
		if err := scaled.Scale(ctx, workers); err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return fmt.Errorf("bench: making %s ready for %d worker%s: %w", c.Name, workers, plural(int64(workers)), err)
		}
	}
	return nil
}
