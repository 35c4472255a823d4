package scenario

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Knobs are the workload. [Defaults] has the values that a run without wishes
// takes. The zero value of a knob is its default too, but where nothing is a
// sensible wish: Revoked and Entries are then none.
type Knobs struct {
	Seed       uint64
	Algorithms map[verifier.Algorithm]int // weights; default ES256 alone
	Tokens     int                        // in the population; default 10,000, at most 10 million
	Zipf       float64                    // popularity: 0 is uniform, else the exponent, over 1 and at most 10
	Revoked    float64                    // the share of the population that is revoked, rounded up to a token
	Entries    int                        // other entries in the denylist; at most 10 million
	Lifetime   time.Duration              // of the tokens, in whole seconds; default 1 h, at most 24 h
	Delay      time.Duration              // added to each reply of Redis; at most 10 s
	MaxShare   float64                    // of one core of Redis that the set-up takes, as a bench.Plan has it; 0: no bound
	Runs       time.Duration              // how long the whole run takes: tokens that live less are refused; 0: not known

	Redis      RedisKnobs
	URLs       []string    // of http-verify; each is a contender of its own
	RawTokens  []string    // of http-verify, instead of tokens of our own making
	KeysDir    string      // of http-verify: the server's key ring, to sign with
	Issuer     string      // of http-verify's tokens
	Audience   []string    // of http-verify's tokens; default "rescind"
	ServerCPU  []string    // of http-verify: the URL of Prometheus metrics, or a process id; one of all URLs, or one of each
	Client     ClientKnobs // of introspect: who asks
	Follower   []string    // of propagation: the command that calls Follow, on its standard input and output
	Concurrent int         // the most workers that will be asked for; default 1

	Sizes       []int   // of cold-start: entries of its denylists, each a contender of its own; default 10,000; at most 10 million
	Revocations float64 // of fleet: a second; default 10; 0.1 to 1000

	Outage OutageKnobs
	Calm   time.Duration // of outage and storm, before and after what happens; default 2 s; at most 10 min
	Storm  int           // revocations; default 20,000; at most 10 million
}

// RedisKnobs name the Redis to measure.
type RedisKnobs struct {
	URL, Password          string // as denylist.OpenURL takes them; empty: none
	Prefix                 string // default "rescind-bench"; the run's own name is added
	Partitions             int    // 1 (default) or 16
	SkewMargin             time.Duration
	CheckTimeout           time.Duration // default 5 s
	InsecureSkipInspection bool
}

// Defaults of the knobs, and the most that they take: a population is kept in
// memory, where a token has about a kilobyte.
const (
	defaultTokens       = 10_000
	defaultEntries      = 10_000
	defaultRevoked      = 0.01
	defaultLifetime     = time.Hour
	defaultPrefix       = "rescind-bench"
	defaultCheckTimeout = 5 * time.Second

	maxCount      = 10_000_000
	maxZipf       = 10
	maxWeight     = 1_000_000
	maxDelay      = 10 * time.Second
	maxLifetime   = 24 * time.Hour // the longest that a verifier takes by default
	maxConcurrent = 100_000
)

// Defaults are the knobs of a run without wishes.
func Defaults() Knobs {
	return Knobs{
		Algorithms: map[verifier.Algorithm]int{verifier.ES256: 1},
		Tokens:     defaultTokens,
		Revoked:    defaultRevoked,
		Entries:    defaultEntries,
		Lifetime:   defaultLifetime,
		Audience:   []string{audience},
		Concurrent: 1,

		Sizes: []int{defaultSize}, Revocations: defaultRevocations,
		Outage: OutageKnobs{Faults: defaultFaults()}, Calm: defaultCalm, Storm: defaultStorm,

		Redis: RedisKnobs{
			Prefix:       defaultPrefix,
			Partitions:   1,
			CheckTimeout: defaultCheckTimeout,
		},
	}
}

// complete puts the defaults in and refuses what makes no sense.
func (k *Knobs) complete() error {
	d := Defaults()
	orDefault(&k.Tokens, d.Tokens)
	orDefault(&k.Lifetime, d.Lifetime)
	orDefault(&k.Concurrent, d.Concurrent)
	orDefault(&k.Revocations, d.Revocations)
	orDefault(&k.Calm, d.Calm)
	orDefault(&k.Storm, d.Storm)
	orDefault(&k.Redis.Prefix, d.Redis.Prefix)
	orDefault(&k.Redis.Partitions, d.Redis.Partitions)
	orDefault(&k.Redis.CheckTimeout, d.Redis.CheckTimeout)
	if len(k.Algorithms) == 0 {
		k.Algorithms = d.Algorithms
	}
	if len(k.Sizes) == 0 {
		k.Sizes = d.Sizes
	}
	if len(k.Outage.Faults) == 0 {
		k.Outage.Faults = d.Outage.Faults
	}
	if len(k.Audience) == 0 {
		k.Audience = d.Audience
	}
	for _, check := range []func() error{k.checkPopulation, k.checkMix, k.checkTimes, k.checkRedis, k.checkURLs, k.checkRevocations, k.checkSizes, k.checkOutage} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func orDefault[T comparable](value *T, otherwise T) {
	if *value == *new(T) {
		*value = otherwise
	}
}

func badKnob(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrKnob, fmt.Sprintf(format, args...))
}

func (k *Knobs) checkPopulation() error {
	switch {
	case k.Tokens < 1 || k.Tokens > maxCount:
		return badKnob("%d tokens: want 1 to %d", k.Tokens, maxCount)
	case k.Entries < 0 || k.Entries > maxCount:
		return badKnob("%d entries: want 0 to %d", k.Entries, maxCount)
	case !(k.Revoked >= 0 && k.Revoked <= 1): // a NaN is refused too
		return badKnob("%v of the tokens revoked: want a share from 0 to 1", k.Revoked)
	case k.Zipf != 0 && !(k.Zipf > 1 && k.Zipf <= maxZipf):
		return badKnob("a Zipf exponent of %v: want 0 for tokens that are all as popular, or over 1 up to %d", k.Zipf, maxZipf)
	case k.Concurrent < 1 || k.Concurrent > maxConcurrent:
		return badKnob("%d workers: want 1 to %d", k.Concurrent, maxConcurrent)
	}
	return nil
}

// revoked is how many tokens of the population are.
func (k *Knobs) revoked() int {
	// What is exact in decimal (0.29 of 100) is not in binary.
	return min(k.Tokens, int(math.Ceil(k.Revoked*float64(k.Tokens)-1e-9)))
}

func (k *Knobs) checkMix() error {
	total := 0
	for alg, weight := range k.Algorithms {
		switch {
		case !slices.Contains(verifier.Algorithms(), alg):
			return badKnob("no algorithm %.20q: want one of %v", string(alg), verifier.Algorithms())
		case weight < 0 || weight > maxWeight:
			return badKnob("%s weighs %d: want 0 to %d", alg, weight, maxWeight)
		}
		total += weight
	}
	if total == 0 {
		return badKnob("a mix of algorithms in which none has a weight")
	}
	return nil
}

func (k *Knobs) checkTimes() error {
	switch {
	case k.Lifetime < time.Second || k.Lifetime > maxLifetime || k.Lifetime%time.Second != 0:
		return badKnob("a lifetime of %v: want whole seconds up to %v", k.Lifetime, maxLifetime)
	case k.Runs < 0:
		return badKnob("a run of %v", k.Runs)
	case k.Runs >= k.Lifetime:
		return badKnob("tokens that live %v would expire in a run of %v: give them a longer lifetime, at most %v, or shorten the run",
			k.Lifetime, k.Runs, maxLifetime)
	case k.Delay < 0 || k.Delay > maxDelay:
		return badKnob("a delay of %v: want 0 to %v", k.Delay, maxDelay)
	}
	return nil
}

func (k *Knobs) checkRedis() error {
	r := k.Redis
	switch {
	case r.Partitions != 1 && r.Partitions != 16:
		return badKnob("%d partitions: want 1 or 16", r.Partitions)
	case r.SkewMargin < 0 || r.CheckTimeout < 0:
		return badKnob("a negative duration")
	case k.Delay > 0 && k.Delay >= r.CheckTimeout:
		return badKnob("a delay of %v, and checks that give up after %v: raise their timeout", k.Delay, r.CheckTimeout)
	case r.SkewMargin > denylist.MaxLeeway*30:
		return badKnob("a skew margin of %v: want at most %v", r.SkewMargin, denylist.MaxLeeway*30)
	}
	return checkPrefix(r.Prefix)
}

func (k *Knobs) checkURLs() error {
	for i, target := range k.URLs {
		if _, err := parseTarget(target); err != nil {
			return fmt.Errorf("number %d: %w", i+1, err)
		}
		if slices.Contains(k.URLs[:i], target) {
			return badKnob("URL number %d is named twice", i+1)
		}
	}
	if n := len(k.ServerCPU); n > 1 && n != len(k.URLs) {
		return badKnob("the CPU time of %d servers, and %d URLs: want that of one server, or of one for each", n, len(k.URLs))
	}
	return nil
}

// suffice reports what the scenarios need and was not given.
func (k *Knobs) suffice(kinds []kind, rivals bool) error {
	if rivals && k.Redis.URL == "" {
		return fmt.Errorf("%w: rivals measure a Redis: name one", ErrMissing)
	}
	for _, kind := range kinds {
		if slices.Contains(kind.needs, needServer) && (rivals || len(kinds) > 1) {
			return badKnob("%s breaks servers of its own, and takes no part in a run with others: measure it alone", kind.name)
		}
		if slices.Contains(kind.needs, needRedis) && k.Redis.URL == "" {
			return fmt.Errorf("%w: %s measures a Redis: name one", ErrMissing, kind.name)
		}
		if slices.Contains(kind.needs, needURL) && len(k.URLs) == 0 {
			return fmt.Errorf("%w: %s measures what is behind a URL: name one", ErrMissing, kind.name)
		}
		if kind.name == introspectName {
			if err := k.checkIntrospect(kinds); err != nil {
				return err
			}
		}
	}
	return k.checkShare(kinds, rivals)
}
