package scenario

import (
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/denylist"
)

// The dials, in the order of what they are expected to do. Each is a setting of
// rescind serve, but for pool_size, which is a parameter of the Redis URL.
const (
	DialCheck   = "check"
	DialFlights = "check-flights"
	DialWindow  = "check-window"
	DialBatch   = "check-batch"
	DialPool    = "pool_size"
	DialCache   = "cache-entries"
)

// WakesName is the setting of which [Stand.Wakes] has the values.
const WakesName = "mirror-wakes"

// boundedCost is what a mirror costs of the guarantee.
const boundedCost = "a revocation is denied at most max-staleness later, 1s by default, instead of by every check that begins after it"

// Defaults of the engine, as users read them.
const (
	defaultFlights = 4
	defaultWindow  = 2 * time.Millisecond
	defaultBatch   = 1024
	defaultCache   = 1 << 15
)

// Dials are the settings that can be tuned on the stand's Redis, with the values
// that are worth a try there.
func (s *Stand) Dials() tune.Dials {
	mirrored := func(at tune.Point) bool { return at[0] == 1 }
	keyless := func(at tune.Point) bool { return at[0] != 0 } // what Redis confirms is no matter of keys
	pool := s.poolSize()
	return tune.Dials{
		{Name: DialCheck, Values: []string{"strict", "mirror", "confirmed"}, Weakens: map[int]string{1: boundedCost}},
		// Not 1, fast as it is: behind one answer that is late everybody would wait.
		{Name: DialFlights, Values: []string{"2", "4", "8", "16", "32"}, Default: 1, Idle: mirrored},
		{Name: DialWindow, Values: []string{"100us", "250us", "500us", "1ms", "2ms", "5ms"}, Default: 4, Idle: mirrored},
		{Name: DialBatch, Values: []string{"64", "256", "1024", "4096"}, Default: 2, Idle: keyless},
		{Name: DialPool, Values: []string{strconv.Itoa(pool), strconv.Itoa(2 * pool), strconv.Itoa(4 * pool)}, Idle: mirrored},
		s.cacheDial(),
	}
}

// Wakes are the values of a mirror's wakes that are worth a try where so much is
// revoked; the first, 0, is the default, which adapts to how many mirrors there
// are. What is over the rate never rests, as all that is over it.
func (s *Stand) Wakes() []int {
	wakes := []int{0}
	restless := float64(denylist.MirrorWakes(1)) >= s.knobs.Revocations
	for n := 4; n <= 256; n *= 4 {
		over := float64(n) >= s.knobs.Revocations
		if !over || !restless {
			wakes = append(wakes, n)
		}
		if over {
			break
		}
	}
	return wakes
}

// cacheDial has larger caches only where there are more tokens than the default
// has room for.
func (s *Stand) cacheDial() tune.Dial {
	d := tune.Dial{Name: DialCache, Values: []string{strconv.Itoa(defaultCache)}}
	for size := 2 * defaultCache; size < 4*s.knobs.Tokens && len(d.Values) < 4; size *= 4 {
		if s.knobs.Tokens > defaultCache {
			d.Values = append(d.Values, strconv.Itoa(size))
		}
	}
	return d
}

// Starts are points of several changes: what a distant Redis may want, and what
// a near one.
func (s *Stand) Starts() []tune.Point {
	dials := s.Dials()
	at := func(changes map[string]string) tune.Point {
		p := dials.Defaults()
		for i, d := range dials {
			if value, ok := changes[d.Name]; ok {
				p[i] = slices.Index(d.Values, value)
			}
		}
		return p
	}
	return []tune.Point{
		at(map[string]string{DialFlights: "8", DialWindow: "500us"}),
		at(map[string]string{DialFlights: "16", DialWindow: "250us"}),
		at(map[string]string{DialFlights: "32", DialWindow: "100us", DialPool: dials[4].Values[1]}),
	}
}

// SettingsAt are those of a point of the stand's dials. What is at its default
// is left zero, so that the engine's own default is what is measured.
func (s *Stand) SettingsAt(p tune.Point) Settings {
	var of Settings
	for i, d := range s.Dials() {
		if p[i] == d.Default {
			continue
		}
		number, _ := strconv.Atoi(d.Values[p[i]]) // of our own values, above
		switch d.Name {
		case DialCheck:
			of.Mirror, of.Confirmed = true, d.Values[p[i]] == "confirmed"
		case DialFlights:
			of.CheckFlights = number
		case DialWindow:
			of.CheckWindow, _ = time.ParseDuration(d.Values[p[i]])
		case DialBatch:
			of.CheckBatch = number
		case DialPool:
			of.PoolSize = number
		case DialCache:
			of.CacheEntries = number
		}
	}
	return of
}

// poolSize is how many connections the URL, or go-redis, gives a client.
func (s *Stand) poolSize() int {
	switch c := s.redis.client.(type) {
	case *redis.Client:
		return c.Options().PoolSize
	case *redis.ClusterClient:
		return c.Options().PoolSize
	}
	return 0
}
