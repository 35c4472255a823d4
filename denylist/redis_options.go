package denylist

import (
	"cmp"
	"fmt"
	"time"
)

// RedisOptions are the settings of a [Redis]. The zero value is safe.
type RedisOptions struct {
	Prefix       string        // of every key; default "rescind"; no braces
	Partitions   int           // 1 (default) or 16: docs/redis-schema.md
	SkewMargin   time.Duration // how far clocks may be apart; default 60 s
	MaxStaleness time.Duration // of the fleet's mirrors; default 1 s
	Lifetime     time.Duration // of tokens whose exp is not known; default 90 days
	CheckTimeout time.Duration // of one check; default 50 ms
	WriteTimeout time.Duration // of one write; default 1 s, or CheckTimeout where that is longer

	// CheckFlights is how many commands that checks share may be under way to a
	// partition at once, each on a connection of its own: default 4, 1 to 64.
	// More get past a slow or distant Redis sooner; fewer ask less of one that
	// hangs, and carry more checks each.
	CheckFlights int
	// CheckBatch is the most keys of one such command: default 1024, 4 to 16384;
	// a check asks for up to four. More cost less each; whatever else Redis has
	// to do waits for a whole command, some 0.3 ms for 1024.
	CheckBatch int
	// CheckWindow is how long checks that wait rely on the command under way,
	// before a further one is sent beside it: default 2 ms, or CheckTimeout where
	// that is shorter, which is the most. Longer makes fewer and larger commands;
	// shorter helps where a round trip takes longer than this.
	CheckWindow time.Duration

	// InsecureSkipInspection lets Inspect pass where the server forbids INFO:
	// whoever sets it vouches for the rest of R17.
	InsecureSkipInspection bool

	Now func() time.Time // default time.Now
}

// Defaults and limits of RedisOptions.
const (
	defaultMaxStaleness = time.Second
	defaultCheckTimeout = 50 * time.Millisecond
	defaultWriteTimeout = time.Second

	defaultCheckFlights, mostCheckFlights = 4, 64
	defaultCheckBatch, mostCheckBatch     = 1024, 16384
	leastCheckBatch                       = 4 // the keys of one token
	// defaultCheckWindow is longer than a command takes, far shorter than a
	// check may.
	defaultCheckWindow = 2 * time.Millisecond
)

// settled returns the options with their defaults, and refuses what is out of
// range.
func (o RedisOptions) settled() (RedisOptions, error) {
	for _, d := range []time.Duration{o.SkewMargin, o.MaxStaleness, o.Lifetime, o.CheckTimeout, o.WriteTimeout} {
		if d < 0 {
			return o, fmt.Errorf("%w: negative duration %v", ErrInvalid, d)
		}
	}
	o.SkewMargin = cmp.Or(o.SkewMargin, defaultSkewMargin)
	o.MaxStaleness = cmp.Or(o.MaxStaleness, defaultMaxStaleness)
	o.CheckTimeout = cmp.Or(o.CheckTimeout, defaultCheckTimeout)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, max(defaultWriteTimeout, o.CheckTimeout))
	o.CheckFlights = cmp.Or(o.CheckFlights, defaultCheckFlights)
	o.CheckBatch = cmp.Or(o.CheckBatch, defaultCheckBatch)
	o.CheckWindow = cmp.Or(o.CheckWindow, min(defaultCheckWindow, o.CheckTimeout))
	switch {
	case o.CheckFlights < 1 || o.CheckFlights > mostCheckFlights:
		return o, fmt.Errorf("%w: %d check flights: want 1 to %d", ErrInvalid, o.CheckFlights, mostCheckFlights)
	case o.CheckBatch < leastCheckBatch || o.CheckBatch > mostCheckBatch:
		return o, fmt.Errorf("%w: a check batch of %d keys: want %d to %d", ErrInvalid, o.CheckBatch, leastCheckBatch, mostCheckBatch)
	case o.CheckWindow < 0 || o.CheckWindow > o.CheckTimeout:
		return o, fmt.Errorf("%w: a check window of %v: want more than 0 and at most the check timeout, %v",
			ErrInvalid, o.CheckWindow, o.CheckTimeout)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}
