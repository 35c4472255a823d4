package bench

import (
	"context"
	"fmt"
	"slices"
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
//
// It is read before and after each turn, while no operation is under way, and
// between the slices of a turn that goes on, where it should be quick. With a
// MaxShare that of Redis is also read twenty times a second, by somebody else.
type Meter struct {
	Of   string // Redis, Server
	Read func(ctx context.Context) (time.Duration, error)
}

// meterLimit is how long reading a meter may take.
const meterLimit = 5 * time.Second

// readCPU reads the CPU time of this process, where that is known, and by the
// contender's meters.
func (c Contender) readCPU(ctx context.Context) (map[string]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, meterLimit)
	defer cancel()
	cpu := make(map[string]time.Duration, len(c.Meters)+1)
	for _, m := range c.Meters {
		used, err := m.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("bench: reading the CPU time of %s for %s: %w", m.Of, c.Name, err)
		}
		cpu[m.Of] = used
	}
	if used, ok := clientCPU(); ok {
		cpu[Client] = used
	}
	return cpu, nil
}

// meter is the contender's meter of a process.
func (c Contender) meter(of string) (Meter, bool) {
	i := slices.IndexFunc(c.Meters, func(m Meter) bool { return m.Of == of })
	if i < 0 {
		return Meter{}, false
	}
	return c.Meters[i], true
}

// readGauges reads the figures of a Gauged scenario.
func (c Contender) readGauges(ctx context.Context) (map[string]float64, error) {
	gauged, ok := c.Scenario.(Gauged)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, meterLimit)
	defer cancel()
	gauges, err := gauged.Gauges(ctx)
	if err != nil {
		return nil, fmt.Errorf("bench: reading the gauges of %s: %w", c.Name, err)
	}
	return gauges, nil
}

// used is what was used between two readings. A process that began anew in
// between is left out.
func used(before, after map[string]time.Duration) map[string]time.Duration {
	cpu := make(map[string]time.Duration, len(after))
	for of, now := range after {
		if then, ok := before[of]; ok && now >= then {
			cpu[of] = now - then
		}
	}
	return cpu
}
