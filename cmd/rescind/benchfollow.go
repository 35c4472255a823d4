package main

import (
	"context"
	"os"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench/scenario"
)

// benchFollow is the other process of the scenario propagation. Nobody types it:
// bench run starts it, and tells it by standard input what to do.
func benchFollow(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		if err := scenario.Follow(ctx, c.stdin, c.stdout); err != nil {
			return benchTrouble(err)
		}
		return nil
	}
}

// followerCommand is this program again, by the name that it was called by.
func followerCommand() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, cannotTell("finding this program, to start it again: %w", err)
	}
	return []string{self, "bench", "follow"}, nil
}
