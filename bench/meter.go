package bench

import (
	"context"
	"time"
)

// The names of processes whose CPU time is measured.
const (
	Client = "client" // this process
	Redis  = "redis"
	Server = "server" // behind a URL
)

// Meter reads how much CPU time a process has used since it began. What it
// reads besides the contender's own work is in the figure too: on a Redis that
// others use, their commands.
type Meter struct {
	Of   string // Redis, Server
	Read func(ctx context.Context) (time.Duration, error)
}
