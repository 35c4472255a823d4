package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/verifier"
)

// maxPassword is the most bytes that a file with a password may have.
const maxPassword = 4 << 10

// settings are the arguments of a run; those that rescind bench run has too mean
// the same, and have its defaults.
type settings struct {
	set       *pflag.FlagSet
	scenarios []string // rescind's own
	rivals    []scenario.Rival

	redis, password string
	only, leftOut   []string
	algorithms      []string
	concurrency     []int
	tokens, entries int
	duration        time.Duration
	warmup, slice   time.Duration
	sample          int
	delay           time.Duration
	seed            uint64
	baseline, out   string
}

func newSettings() *settings {
	usual := scenario.Defaults()
	s := &settings{set: pflag.NewFlagSet("bench-peers", pflag.ContinueOnError)}
	fs := s.set
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.StringVar(&s.redis, "redis", "", "URL of one Redis; default RESCIND_REDIS, its password in RESCIND_REDIS_PASSWORD or …_FILE")
	fs.StringSliceVar(&s.only, "only", nil, "rivals that take part; default all")
	fs.StringSliceVar(&s.algorithms, "algorithms", []string{string(verifier.ES256)}, "of the tokens")
	fs.IntSliceVar(&s.concurrency, "concurrency", []int{64}, "workers")
	fs.IntVar(&s.tokens, "tokens", usual.Tokens, "how many different ones")
	fs.IntVar(&s.entries, "entries", usual.Entries, "other entries in the denylist")
	fs.DurationVar(&s.duration, "duration", 10*time.Second, "of each contender at each concurrency")
	fs.DurationVar(&s.warmup, "warmup", 2*time.Second, "before that")
	fs.DurationVar(&s.slice, "slice", 0, "of each turn; of a duration below 10s a tenth")
	fs.IntVar(&s.sample, "sample", 1, "time one operation in so many")
	fs.DurationVar(&s.delay, "delay", 0, "added to each answer of Redis")
	fs.Uint64Var(&s.seed, "seed", 0, "default random")
	fs.StringVar(&s.baseline, "baseline", "naive", "what ratios are over")
	fs.StringVar(&s.out, "out", "", "file for the result")
	fs.StringArrayVar(&s.leftOut, "left-out", nil, "\"name: reason\" of a rival that this program was built without")
	return s
}

// usageError is a wrong call: nothing was measured or written.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// readSettings reads the command line and the variables.
func readSettings(args []string, all []scenario.Rival, getenv func(string) string) (*settings, error) {
	s := newSettings()
	if err := s.set.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return s, err
	} else if err != nil {
		return nil, usageError{err}
	}
	if s.scenarios = s.set.Args(); len(s.scenarios) == 0 {
		return nil, usage("name rescind's own scenarios, such as: naive verify")
	}
	for _, check := range []func() error{
		func() error { return s.choose(all) },
		func() error { return s.connect(getenv) },
		s.checkRest,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if !s.set.Changed("seed") {
		s.seed = uint64(rand.Uint32())
	}
	return s, nil
}

// choose takes the rivals that were asked for.
func (s *settings) choose(all []scenario.Rival) error {
	if !s.set.Changed("only") {
		s.rivals = all
		return nil
	}
	for _, name := range s.only {
		i := slices.IndexFunc(all, func(r scenario.Rival) bool { return r.Name == name })
		left := slices.ContainsFunc(s.leftOut, func(l string) bool { return strings.HasPrefix(l, name+":") })
		switch {
		case i >= 0:
			s.rivals = append(s.rivals, all[i])
		case !left:
			return usage("--only %.40q: there are %s", name, names(all))
		}
	}
	return nil
}

func names(all []scenario.Rival) string {
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// connect finds the Redis. A password has no flag.
func (s *settings) connect(getenv func(string) string) error {
	if u, err := url.Parse(s.redis); err != nil || hasPassword(u) {
		return usage("--redis: want a URL without a password: that belongs in RESCIND_REDIS_PASSWORD") // not shown: it may have one
	}
	if s.redis == "" {
		s.redis = getenv("RESCIND_REDIS")
	}
	if s.redis == "" {
		return usage("no Redis: name one with --redis or RESCIND_REDIS")
	}
	s.password = getenv("RESCIND_REDIS_PASSWORD")
	path := getenv("RESCIND_REDIS_PASSWORD_FILE")
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return usage("RESCIND_REDIS_PASSWORD_FILE: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPassword+1))
	switch {
	case err != nil:
		return usage("RESCIND_REDIS_PASSWORD_FILE: %w", err)
	case len(text) > maxPassword:
		return usage("RESCIND_REDIS_PASSWORD_FILE: more than %d bytes", maxPassword)
	}
	s.password = strings.TrimRight(string(text), "\r\n")
	return nil
}

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	for name := range u.Query() {
		has = has || strings.Contains(strings.ToLower(name), "password")
	}
	return has
}

// checkRest refuses what would otherwise be found out after set-up.
func (s *settings) checkRest() error {
	for _, name := range []string{"duration", "tokens", "sample"} { // of which the harness takes 0 for its default
		if value := s.set.Lookup(name).Value.String(); value == "0" || value == "0s" {
			return usage("--%s %s: want more", name, value)
		}
	}
	if _, err := s.plan(make([]bench.Contender, len(s.scenarios)+len(s.rivals))).Complete(); err != nil {
		return usageError{err}
	}
	return nil
}

// plan is how it is measured.
func (s *settings) plan(contenders []bench.Contender) bench.Plan {
	return bench.Plan{
		Contenders: contenders, Concurrency: s.concurrency, Duration: s.duration, Warmup: s.warmup, Slice: s.slice,
		Sample: s.sample, Seed: s.seed,
	}
}

// knobs are what is measured.
func (s *settings) knobs() scenario.Knobs {
	k := scenario.Defaults()
	k.Seed, k.Tokens, k.Entries, k.Delay = s.seed, s.tokens, s.entries, s.delay
	k.Algorithms = map[verifier.Algorithm]int{}
	for _, name := range s.algorithms {
		k.Algorithms[verifier.Algorithm(name)] = 1
	}
	k.Concurrent = slices.Max(s.concurrency)
	k.Runs = time.Duration((len(s.scenarios)+len(s.rivals))*len(s.concurrency)) * (s.warmup + s.duration)
	k.Redis.URL, k.Redis.Password = s.redis, s.password
	return k
}

// shown are the settings that shape a result, defaults too, by the names of
// their flags; and the command that repeats it, but for where Redis is and where
// the result goes, which is for who repeats it to say.
func (s *settings) shown() (all map[string]string, command string) {
	all, words := map[string]string{}, append([]string{"bench-peers"}, s.scenarios...)
	s.set.VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		if slices.Contains([]string{"redis", "out", "left-out", "seed"}, f.Name) || value == "" {
			return
		}
		all[f.Name] = value
		if f.Changed {
			words = append(words, "--"+f.Name, value)
		}
	})
	return all, strings.Join(append(words, "--seed", strconv.FormatUint(s.seed, 10)), " ")
}
