package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/verifier"
)

// benchSettings are the settings that a run shares with other commands. All
// else that it takes are arguments of that one run, and so flags alone.
const benchSettings = "redis prefix partitions skew-margin check-timeout insecure-skip-inspection keys issuer audience"

// maxTokenFile is the most bytes that a file of tokens may have: a population
// of tens of thousands.
const maxTokenFile = 32 << 20

// benchFlags are the arguments of a run.
type benchFlags struct {
	set *pflag.FlagSet

	duration, warmup, slice time.Duration
	concurrency             []int
	rate                    float64
	arrivals                string
	sample                  int
	seed                    uint64

	algorithms map[verifier.Algorithm]int
	tokens     int
	zipf       float64
	revoked    float64
	entries    int
	lifetime   time.Duration
	delay      time.Duration
	maxShare   float64

	urls      []string
	tokenFile string
	serverCPU []string
	client    string

	fleetFlags

	baseline, out string

	stage stageFlags
}

func declareBench(fs *pflag.FlagSet) *benchFlags {
	usual := scenario.Defaults()
	f := &benchFlags{set: fs, algorithms: usual.Algorithms, revoked: usual.Revoked}
	span(fs, &f.duration, "duration", 10*time.Second)
	spanOrZero(fs, &f.warmup, "warmup", 2*time.Second)
	span(fs, &f.slice, "slice", 0) // 0: the engine's choice
	fs.IntSliceVar(&f.concurrency, "concurrency", []int{64}, "")
	fs.Var(rateValue{&f.rate}, "rate", "")
	choice(fs, &f.arrivals, "arrivals", "", string(bench.Constant), string(bench.Poisson))
	positive(fs, &f.sample, "sample", 1)
	fs.Uint64Var(&f.seed, "seed", 0, "")

	fs.Var(mixValue{&f.algorithms}, "algorithms", "")
	positive(fs, &f.tokens, "tokens", usual.Tokens)
	fs.Float64Var(&f.zipf, "zipf", 0, "")
	fs.Var(shareValue{&f.revoked}, "revoked", "")
	fs.IntVar(&f.entries, "entries", usual.Entries, "")
	span(fs, &f.lifetime, "lifetime", usual.Lifetime)
	spanOrZero(fs, &f.delay, "delay", 0)
	fs.Var(boundValue{shareValue{&f.maxShare}}, "max-share", "")

	fs.StringArrayVar(&f.urls, "url", nil, "")
	fs.StringVar(&f.tokenFile, "token-file", "", "")
	fs.StringArrayVar(&f.serverCPU, "server-cpu", nil, "")
	fs.StringVar(&f.client, "client", "", "")
	f.fleetFlags.declare(fs)
	fs.StringVar(&f.baseline, "baseline", "", "")
	fs.StringVar(&f.out, "out", "", "")
	f.stage.declare(fs, usual)
	return f
}

// settle refuses what cannot be meant, and fills in what the run decides.
func (f *benchFlags) settle(scenarios []string) error {
	if err := f.checkURLs(); err != nil {
		return err
	}
	if f.out == "-" {
		return usageError("--out -: want the name of a file").hint("--json writes the result to standard output")
	}
	if err := f.fleetFlags.check(scenarios, f.rate); err != nil {
		return err
	}
	if !f.set.Changed("concurrency") {
		f.concurrency = usualConcurrency(scenarios)
	}
	if !f.set.Changed("seed") {
		f.seed = uint64(rand.Uint32()) // short enough to be typed again
	}
	if err := f.settleStage(scenarios); err != nil {
		return err
	}
	plan, err := f.plan(make([]bench.Contender, f.contenders(scenarios))).Complete()
	if err != nil {
		return benchTrouble(err)
	}
	f.slice, f.arrivals = plan.Slice, string(plan.Arrivals)
	return nil
}

// contenders is how many take turns.
func (f *benchFlags) contenders(scenarios []string) int {
	return len(scenarios) + max(0, len(f.urls)-1) + f.fleetFlags.contenders(scenarios) + moreContenders(scenarios) // each URL is one, and each size
}

// checkURLs refuses URLs that cannot be asked, or that say too much.
func (f *benchFlags) checkURLs() error {
	for _, raw := range f.urls {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Fragment != "" {
			// It may hold a secret wherever it is wrong: it is not shown.
			return usageError("--url: want http:// or https://, a host, and no fragment").
				hint("such as --url http://127.0.0.1:8080/v1/verify")
		}
		if err := refuseSecretURL("--url", raw); err != nil {
			return err
		}
	}
	for _, raw := range f.serverCPU {
		if err := refuseSecretURL("--server-cpu", raw); err != nil {
			return err
		}
	}
	return nil
}

// refuseSecretURL refuses a URL that would carry a secret into a file of
// results.
func refuseSecretURL(flag, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return usageError("%s: the URL cannot be parsed", flag) // its error would echo it
	}
	secret := u.User != nil
	for _, values := range u.Query() {
		secret = secret || slices.ContainsFunc(values, looksLikeToken)
	}
	if secret {
		return usageError("%s: a URL with a user, a password or a token in it", flag).
			hint("tokens come from --token-file; what else the server wants to know has no place on a command line")
	}
	return nil
}

// plan is how it is measured.
func (f *benchFlags) plan(contenders []bench.Contender) bench.Plan {
	return bench.Plan{
		Contenders: contenders, Concurrency: f.concurrency,
		Rate: f.rate, Arrivals: bench.Arrivals(f.arrivals),
		Duration: f.duration, Warmup: f.warmup, Slice: f.slice,
		Sample: f.sample, Seed: f.seed, MaxShare: f.maxShare,
	}
}

// length is how long the scenarios take together.
func (f *benchFlags) length(scenarios []string) time.Duration {
	return time.Duration(f.contenders(scenarios)*len(f.concurrency)) * (f.warmup + f.duration)
}

// knobs is what is measured.
func (c *call) knobs(ctx context.Context, f *benchFlags) (scenario.Knobs, error) {
	k := scenario.Knobs{
		Seed: f.seed, Algorithms: f.algorithms, Tokens: f.tokens, Zipf: f.zipf, Revoked: f.revoked,
		Entries: f.entries, Lifetime: f.lifetime, Delay: f.delay, MaxShare: f.maxShare,
		Sizes: f.sizes, Revocations: f.revocations,
		URLs: f.urls, KeysDir: c.keys, Issuer: c.issuer, Audience: c.audience, ServerCPU: f.serverCPU,
		Concurrent: slices.Max(append(f.concurrency, 1)), Runs: f.length(c.args),
		Outage: scenario.OutageKnobs{Faults: f.stage.faults, Server: f.stage.server, CheckTimeout: c.checkTimeout},
		Calm:   f.stage.calm, Storm: f.stage.storm,
	}
	err := c.checkSigner(f)
	if err != nil {
		return k, err
	}
	if k.Follower, err = followerCommand(); err != nil {
		return k, err
	}
	if k.Client, err = c.benchClient(f); err != nil {
		return k, err
	}
	if k.RawTokens, err = c.readTokens(ctx, f.tokenFile); err != nil || c.redis == "" {
		return k, err
	}
	k.Redis = scenario.RedisKnobs{
		Prefix: c.prefix + "-bench", Partitions: c.partitions, SkewMargin: c.skewMargin,
		CheckTimeout: c.checkTimeout, InsecureSkipInspection: c.skipInspection,
	}
	k.Redis.URL, k.Redis.Password, err = c.redisURL()
	return k, err
}

// checkSigner refuses a run on a server for which there are no tokens: without
// a file of them they are signed with its keys.
func (c *call) checkSigner(f *benchFlags) error {
	if f.urls == nil || f.tokenFile != "" {
		return nil
	}
	if c.keys == "" || c.issuer == "" {
		return usageError("%s has no tokens to ask about", c.asksURLs()).
			hint("--token-file FILE has some, one a line; or --keys DIR and --issuer URL are the server's own, and sign them")
	}
	_, err := c.openKeys()
	return err
}

// readTokens reads a file with one token a line, or standard input for "-".
func (c *call) readTokens(ctx context.Context, path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	in := c.stdin
	if path != "-" {
		f, err := openFile(ctx, path)
		switch {
		case errors.Is(err, errInterrupted):
			return nil, cannotTell("reading the tokens: %w", err)
		case err != nil:
			return nil, usageError("--token-file: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := untilDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(in, maxTokenFile+1)) })
	switch {
	case errors.Is(err, errInterrupted):
		return nil, cannotTell("reading the tokens: %w", err)
	case err != nil:
		return nil, usageError("--token-file: %w", err)
	case len(data) > maxTokenFile:
		return nil, usageError("--token-file: %s has more than %d bytes", path, maxTokenFile)
	}
	return tokensIn(string(data))
}

// tokensIn takes lines for tokens, whatever their form: another product's may
// be no JWT. No error shows one.
func tokensIn(text string) ([]string, error) {
	var tokens []string
	n := 0
	for line := range strings.Lines(text) {
		n++
		token := strings.TrimSpace(line)
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, usageError("--token-file: line %d is not one word of printable ASCII", n).hint("want one token a line")
		}
		if token != "" {
			tokens = append(tokens, token)
		}
	}
	if tokens == nil {
		return nil, usageError("--token-file has no tokens").hint("want one token a line")
	}
	return tokens, nil
}
