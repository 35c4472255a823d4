package redistest

import (
	"context"
	"fmt"
	"os"

	"github.com/rescindhq/rescind/bench/lab"
)

// Find returns the server binary: REDIS_SERVER, or redis-server or
// valkey-server on the PATH.
func Find() (string, error) {
	path, err := lab.Find(os.Getenv("REDIS_SERVER"))
	if err != nil {
		return "", fmt.Errorf("%w (in REDIS_SERVER)", err)
	}
	return path, nil
}

// Poll calls try until it returns nil. When ctx ends first it returns the last
// error.
func Poll(ctx context.Context, try func() error) error { return lab.Poll(ctx, try) }
