package scenario

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/prometheus/procfs"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/denylist"
)

const (
	// memberSockets is how many connections a mirror may have: one to follow by,
	// and another for a while where two commands are under way at a time.
	memberSockets = 2
	// spareSockets are what the run has beside those of mirrors: the writer's,
	// those that look and clean, files of results.
	spareSockets = 40
	// entryBytes is what an entry takes in a mirror, and maxFleetBytes the most
	// that all mirrors together may take of this machine.
	entryBytes    = 28
	maxFleetBytes = 4 << 30

	maxRevocations     = 1000
	minRevocations     = 0.1
	defaultRevocations = 10
)

// checkRevocations refuses rates that no writer keeps, or that nobody waits for.
func (k *Knobs) checkRevocations() error {
	if r := k.Revocations; !(r >= minRevocations && r <= maxRevocations) {
		return badKnob("%v revocations a second: want %v to %d", r, minRevocations, maxRevocations)
	}
	return nil
}

// roomForFleet refuses a fleet that this process or Redis has no room for,
// before anything is filled.
func (s *Stand) roomForFleet(ctx context.Context) error {
	mirrors := s.knobs.Concurrent
	if bytes := mirrors * (s.knobs.Entries + s.knobs.revoked()) * entryBytes; bytes > maxFleetBytes {
		return badKnob("%d mirrors of %d entries take %.1f GiB here: want at most %d GiB: fewer mirrors (--concurrency), or entries",
			mirrors, s.knobs.Entries, float64(bytes)/(1<<30), maxFleetBytes>>30)
	}
	sockets := mirrors*memberSockets + spareSockets
	if most, ok := openFiles(); ok && uint64(sockets) > most { // #nosec G115 -- a few thousand
		return badKnob("%d mirrors take up to %d connections, and this process may have %d files open: raise that (ulimit -n), or take fewer",
			mirrors, sockets, most)
	}
	clients, err := s.redis.readClients(ctx)
	if err != nil || clients == nil {
		return err
	}
	if there, most := clients["connected_clients"], clients["maxclients"]; there+float64(sockets) > most {
		return badKnob("%d mirrors take up to %d connections, and Redis allows %.0f, of which %.0f are taken: "+
			"raise its maxclients, or take fewer", mirrors, sockets, most, there)
	}
	return nil
}

// readClients is what INFO says of connections, of every master together; what
// it does not say is NaN. Nil: it is forbidden.
func (r *redisSide) readClients(ctx context.Context) (map[string]float64, error) {
	all := map[string]float64{"connected_clients": 0, "maxclients": 0, "total_net_output_bytes": 0}
	var mu sync.Mutex
	err := eachMaster(ctx, r.admin, func(ctx context.Context, c *redis.Client) error {
		info, err := readInfo(ctx, c, "clients", "stats")
		mu.Lock()
		defer mu.Unlock()
		for name := range all {
			v, err := strconv.ParseFloat(info[name], 64)
			if err != nil {
				v = math.NaN()
			}
			all[name] += v
		}
		return err
	})
	switch {
	case isForbidden(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: scenario: asking Redis for its connections: %w", denylist.ErrUnavailable, err)
	}
	return all, nil
}

// machineClock is how much time the cores of this machine have spent, and on
// nothing; zero where that is not known.
type machineClock struct{ all, idle float64 }

// readMachine reads it, on Linux.
func readMachine() machineClock {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return machineClock{}
	}
	stat, err := fs.Stat()
	if err != nil {
		return machineClock{}
	}
	t := stat.CPUTotal
	idle := t.Idle + t.Iowait
	return machineClock{all: idle + t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ + t.Steal, idle: idle}
}

// busySince is the share of the cores that somebody used.
func (c machineClock) busySince(before machineClock) (float64, bool) {
	all := c.all - before.all
	if before.all == 0 || all <= 0 {
		return 0, false
	}
	return min(max(1-(c.idle-before.idle)/all, 0), 1), true
}
