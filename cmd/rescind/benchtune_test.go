package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// tuneCall reads the flags of tuning.
func tuneCall(t *testing.T, vars map[string]string, args ...string) (*call, *tuneFlags) {
	t.Helper()
	var f *tuneFlags
	cmd, rest, err := findCommand(append([]string{"bench", "tune"}, args...))
	require.NoError(t, err)
	cmd.prepare = func(fs *pflag.FlagSet) action { f = declareTune(fs); return nil }
	c, err := cmd.call(rest, streams{new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer)}, environment(vars))
	require.NoError(t, err)
	return c, f
}

// What is wrong is said before anything is opened: nothing is written to Redis,
// and no file is left.
func TestTune_Refused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	out := filepath.Join(t.TempDir(), "proof.jsonl")
	for args, want := range map[string]string{
		"":                           `missing --redis`,
		"R extra":                    `unexpected argument`,
		"R --aim p99":                `has no "="`,
		"R --aim=":                   `has no "="|no aim`,
		"R --aim p99=+10%":           `is no latency to aim at`,
		"R --aim p99=-10%":           `is no latency to aim at`,
		"R --aim p42=1ms":            `no metric "p42"`,
		"R --aim rate=1000":          `is no latency to aim at`,
		"R --aim cpu=1ms":            `is no latency to aim at`,
		"R --aim p99=2":              `want a time`,
		"R --aim p99=0":              `want a time`,
		"R --aim p99=1ms,p99=2ms":    `two aims of p99`,
		"R --aim p99=1ms --rate 0":   `a rate of zero`,
		"R --aim p99=1ms --rate -1":  `want operations a second`,
		"R --aim p99=1ms --rate 1":   `say nothing within 3m`,
		"R --aim p99=1ms --rate 2e7": `operations a second are possible`,
		"R --rate 1000":              `a rate without an aim`,
		"R --budget 0":               `--budget`,
		"R --budget 2s":              `--budget 2s: want 3s to 10h`,
		"R --budget 11h":             `want 3s to 10h`,
		"R --guarantee none":         `want strict or bounded`,
		"R --guarantee=":             `want strict or bounded`,
		"R --max-share 0":            `nothing could be measured`,
		"R --max-share 101%":         `want a share`,
		"R --max-share 0.1%":         `share`,
		"R --revocations 0":          `want revocations a second`,
		"R --revocations 0.01":       `want 0.1 to 1000`,
		"R --revocations 2000":       `want 0.1 to 1000`,
		"R --aim stale-p99=5":        `stale-p99: "5", want a time`,
		"R --aim stale-p99=5ms":      `is about a mirror`,
		"R --aim stale-p99=5ms --guarantee bounded":                                 `is about a mirror`,
		"R --aim stale-p99=5ms --revocations 9":                                     `is about a mirror`,
		"R --aim stale-p99=5ms --guarantee bounded --revocations 1":                 `too few within 3m`,
		"R --aim stale-p99=5ms,stale-p99=6ms --guarantee bounded --revocations 100": `two aims`,
		"R --concurrency 0":    `want a whole number over 0`,
		"R --concurrency 1,4":  `want a whole number over 0`,
		"R --concurrency 5000": `from 1 to 4096 workers`,
		"R --algorithms none":  `no algorithm`,
		"R --tokens 0":         `want a whole number over 0`,
		"R --tokens 99999999":  `want 1 to 10000000`,
		"R --zipf 0.5":         `Zipf`,
		"R --revoked 101%":     `want a share`,
		"R --entries -1":       `want 0 to`,
		"R --delay -1s":        `--delay`,
		"R --delay 6s":         `checks that give up after 5s`,
		"R --seed x":           `--seed`,
		"R --out -":            `want the name of a file`,
		"R --prefix {x}":       `no braces`,
		"R --duration 1s":      `unknown flag --duration`,
		"R --check-timeout 1s": `unknown flag --check-timeout`,
		"--redis nonsense":     `redis://`,
	} {
		words := strings.Fields(strings.Replace(args, "R", "--redis "+server.URL(), 1))
		if !strings.Contains(args, "--out") {
			words = append(words, "--out", out)
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"bench", "tune"}, words...), streams{strings.NewReader(""), &stdout, &stderr}, environment(nil))
		assert.Equal(t, exitUsage, code, "%s: %s", args, stderr.String())
		assert.Regexp(t, `error: .*(`+want+`)`, stderr.String(), args)
		assert.Empty(t, stdout.String(), args)
		assert.NoFileExists(t, out, args)
	}
	keys, err := server.Client().DBSize(t.Context()).Result()
	require.NoError(t, err)
	assert.Zero(t, keys)
}

// A whole search on a real Redis: one document, a proof that is a result like
// any other, and nothing left behind.
func TestTune(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	out := filepath.Join(t.TempDir(), "proof.jsonl")
	var stdout, stderr bytes.Buffer
	args := []string{"bench", "tune", "--redis", server.URL(), "--budget", "3s", "--tokens", "50", "--entries", "10", "--concurrency", "8",
		"--algorithms", "HS256", "--delay", "2ms", "--json", "--out", out}
	code := run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr}, environment(nil))
	require.Equal(t, exitDone, code, stderr.String())
	assert.Empty(t, stderr.String())

	var d tuneDocument
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &d))
	assert.True(t, d.Complete)
	assert.True(t, d.Kept)
	assert.True(t, strings.HasPrefix(d.Guarantee, "strict"))
	assert.Nil(t, d.Staleness, "nobody revoked")
	assert.Contains(t, d.Command, "rescind bench tune --redis")
	assert.Contains(t, d.Environment.Redis, "version")
	require.NotNil(t, d.Checks)
	assert.Positive(t, d.Checks.Count)

	file, err := os.Open(out)
	require.NoError(t, err)
	defer file.Close()
	proof, err := bench.Read(file)
	require.NoError(t, err)
	assert.True(t, proof.End.Complete)
	assert.Equal(t, "defaults", proof.Header.Baseline)
	assert.Equal(t, d.Command, proof.Header.Command)
	assert.GreaterOrEqual(t, len(proof.Slices), 10)
	assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
}

// An aim that nothing keeps is said, with how near the best came; and the best
// is printed.
func TestTune_NothingKeepsTheAim(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var stdout, stderr bytes.Buffer
	args := []string{"bench", "tune", "--redis", server.URL(), "--budget", "3s", "--tokens", "50", "--entries", "10", "--concurrency", "8",
		"--algorithms", "HS256", "--delay", "2ms", "--aim", "p50=1ms", "--rate", "1000"}
	code := run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr}, environment(nil))
	assert.Equal(t, exitRefused, code, stderr.String())
	assert.Regexp(t, `error: nothing keeps p50=1ms at 1000/s: the best came to p50 \d`, stderr.String())
	assert.Regexp(t, `(?m)^NOT KEPT: nothing keeps p50=1ms at 1000/s: the best came to p50 \d`, stdout.String())
	assert.Regexp(t, `(?m)^Again: rescind bench tune .*--aim p50=1ms`, stdout.String())
	assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
}

// foundEverything is an answer as a search would give it: everything changed.
func foundEverything(t *testing.T, at tune.Point, vars map[string]string) *tuning {
	t.Helper()
	return foundAmong(t, 40000, at, vars) // for which a larger cache is tried
}

// foundAmong is foundEverything among so many tokens.
func foundAmong(t *testing.T, tokens int, at tune.Point, vars map[string]string) *tuning {
	t.Helper()
	server := redistest.Shared(t)
	stand, err := scenario.Open(t.Context(), []string{"verify"}, scenario.Knobs{Tokens: tokens, Algorithms: map[verifier.Algorithm]int{"HS256": 1}, Redis: scenario.RedisKnobs{URL: server.URL()}}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stand.Close()) })
	c, f := tuneCall(t, vars)
	require.NoError(t, f.settle())
	latency := hdrhistogram.New(1, int64(time.Minute), 3)
	require.NoError(t, latency.RecordValues(int64(30*time.Millisecond), 1000))
	dials := stand.Dials()
	return &tuning{
		c: c, flags: f, about: map[string]string{"version": "7.0.15"}, settings: stand.SettingsAt(at),
		outcome: &tune.Outcome{Dials: dials, Defaults: dials.Defaults(), Best: at},
		tail:    newTail(latency, 8),
	}
}

// What is to be pasted is what rescind serve reads, without a password, and what
// compiles.
func TestTune_Config(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"RESCIND_REDIS": "redis://me:hunter2@127.0.0.1:7/3?read_timeout=1s"}
	strict := foundEverything(t, tune.Point{0, 3, 1, 1, 1, 1}, vars)
	path := filepath.Join(t.TempDir(), "rescind.toml")
	require.NoError(t, os.WriteFile(path, []byte(strict.config()), 0o600))
	assert.NotContains(t, strict.config(), "hunter2")
	std := streams{strings.NewReader(""), new(bytes.Buffer), new(bytes.Buffer)}
	c, err := prepare([]string{"serve", "--config", path}, std, environment(nil))
	require.NoError(t, err, strict.config())
	assert.Equal(t, 16, c.checkFlights)
	assert.Equal(t, 250*time.Microsecond, c.checkWindow)
	assert.Equal(t, 256, c.checkBatch)
	assert.Equal(t, 65536, c.cacheEntries)
	assert.Equal(t, 100*time.Millisecond, c.checkTimeout)
	assert.Regexp(t, `^redis://me@127\.0\.0\.1:7/3\?pool_size=\d+&read_timeout=1s$`, c.redis)
	assert.Equal(t, "strict", c.check)
	for _, name := range []string{"mirror-wakes", "check", "max-staleness"} {
		assert.False(t, c.set(name), name)
	}
	assert.Equal(t, []string{
		"denylist.RedisOptions{CheckFlights: 16, CheckWindow: 250 * time.Microsecond, CheckBatch: 256, CheckTimeout: 100 * time.Millisecond}",
		"verifier.Options{CacheEntries: 65536}",
	}, strict.goOptions()[:2])
	assert.Regexp(t, `^redis\.Options\{PoolSize: \d+\}`, strict.goOptions()[2])
	assert.NotContains(t, strict.config(), "costs a guarantee")

	bounded := foundAmong(t, 10, tune.Point{1, 1, 4, 2, 0, 0}, vars)
	bounded.settings.MirrorWakes = 64
	require.NoError(t, os.WriteFile(path, []byte(bounded.config()), 0o600))
	c, err = prepare([]string{"serve", "--config", path}, std, environment(nil))
	require.NoError(t, err)
	assert.Equal(t, "mirror", c.check)
	assert.Equal(t, 64, c.mirrorWakes)
	assert.Contains(t, bounded.config(), "# costs a guarantee: a revocation is denied at most max-staleness later")
	assert.Contains(t, bounded.goOptions(), "denylist.MirrorOptions{Wakes: 64} // of the denylist.NewMirror that the verifier is to ask")
	confirmed := foundAmong(t, 10, tune.Point{2, 1, 4, 2, 0, 0}, vars)
	require.NoError(t, os.WriteFile(path, []byte(confirmed.config()), 0o600))
	c, err = prepare([]string{"serve", "--config", path}, std, environment(nil))
	require.NoError(t, err, confirmed.config())
	assert.Equal(t, "confirmed", c.check)
	assert.Contains(t, confirmed.found(), "Guarantee: strict")
	assert.Contains(t, strings.ReplaceAll(confirmed.config(), "\n# ", " "), "takes memory: each server has a copy of the denylist, some 30 bytes for each entry; and of Redis the right to XRANGE")
	assert.Contains(t, bounded.config(), "# takes memory: ")
	assert.NotContains(t, bounded.config(), "XRANGE")
	assert.NotContains(t, strict.config(), "takes memory")
	compile := typeChecker(t)
	assert.NoError(t, compile(slices.Concat(strict.goOptions(), bounded.goOptions(), confirmed.goOptions())...))
	assert.Error(t, compile("denylist.RedisOptions{CheckFlight: 16}"), "which there is not")
	assert.Error(t, compile("denylist.MirrorOptions{Wakes: 16 * time.Second}"), "which is no number")
	assert.Contains(t, strict.nearer(), "--guarantee bounded")
	bounded.flags.guarantee = guaranteeBounded
	assert.NotContains(t, bounded.nearer(), "--guarantee", "which was given")
	assert.Contains(t, bounded.found(), "THIS COSTS A GUARANTEE: a revocation is denied at most max-staleness later")
	assert.True(t, strings.HasPrefix(bounded.promise(bounded.outcome.Best), "bounded"))
}

// A busy machine cannot tell how long a check takes, and says so.
func TestTune_BusyMachine(t *testing.T) {
	t.Parallel()
	tu := foundAmong(t, 10, tune.Point{0, 1, 4, 2, 0, 0}, nil)
	assert.Contains(t, tu.config(), `check_timeout = "100ms" # default 50ms`)
	tu.overhead.WakeP99 = 20 * time.Millisecond
	assert.NotContains(t, tu.config(), "check_timeout")
	assert.Contains(t, tu.deadline(), "not judged")
	assert.Contains(t, tu.found(), "This machine was busy")

	tu.overhead.WakeP99 = 0
	tu.tail.raise = 20 * time.Second
	assert.NotContains(t, tu.config(), "check_timeout", "which is no way to run a server")
	assert.Contains(t, tu.deadline(), "is not healthy")

	// A few that were late are no long way: the default stays.
	late := hdrhistogram.New(1, int64(time.Minute), 3)
	require.NoError(t, late.RecordValues(int64(time.Millisecond), 900))
	require.NoError(t, late.RecordValues(int64(150*time.Millisecond), 10))
	tu.tail = newTail(late, 8)
	assert.NotContains(t, tu.config(), "check_timeout")
	assert.NotContains(t, tu.found(), "more time")
	assert.Contains(t, tu.deadline(), "50ms, the default, stays")
	tu.tail.enough = 20 * time.Millisecond
	assert.NotContains(t, tu.config(), "check_timeout")
	assert.Contains(t, tu.deadline(), "20ms would do as well: 503 sooner where Redis hangs, and more of them where it is slow")
}

// Keys that a run could not remove are told of, also where it was interrupted
// while it was set up.
func TestBench_LeftBehind(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, benchTrouble(context.Canceled), "interrupted before anything was measured")
	err := benchTrouble(errors.Join(context.Canceled, &scenario.LeftError{Prefix: "rescind-bench-1", Err: os.ErrDeadlineExceeded}))
	assert.Equal(t, exitCannotTell, exitCode(err))
	assert.ErrorContains(t, err, `keys that begin with "rescind-bench-1:" are left in Redis`)
	var f *failure
	require.ErrorAs(t, err, &f)
	assert.Contains(t, strings.Join(f.hints, "\n"), "rescind-bench-1:*")
}

// A figure that is better does not make up for operations that failed: they are
// named where they decided.
func TestTune_FailuresAreNamed(t *testing.T) {
	t.Parallel()
	trial := tune.Trial{Comparison: tune.Comparison{
		Main: bench.Interval{Center: 0.9, Low: 0.87, High: 0.91}, By: tune.ByKeeping, Verdict: tune.Worse,
		Stands: tune.Standing{Metric: bench.MetricP50, Figure: 0.012, Worst: 1.2, Failures: 0.011},
	}}
	_, why := trialVerdict(trial)
	assert.Equal(t, "misses the aim: p50 12ms, with 1.1 % of the operations failed or never begun", why)
	assert.Contains(t, (&tuning{outcome: &tune.Outcome{Aim: tune.Aim{Limits: []bench.Limit{{}}}}}).figures(trial.Comparison),
		"does not keep the aim (p50 12ms, with 1.1 % of the operations failed or never begun)")
}

// The command that is shown asks for the same again.
func TestTune_Repeatable(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"RESCIND_REDIS": "redis://user:hunter2@127.0.0.1:7/3"}
	c, f := tuneCall(t, vars, "--aim", "p99=2ms,p50=1ms", "--rate", "500", "--budget", "1m", "--guarantee", "bounded", "--json", "--out", "x")
	require.NoError(t, f.settle())
	command := (&tuning{c: c, flags: f}).command()
	assert.NotContains(t, command, "hunter2")
	words := strings.Fields(command)
	require.Equal(t, []string{"rescind", "bench", "tune"}, words[:3])
	c2, f2 := tuneCall(t, nil, words[3:]...)
	require.NoError(t, f2.settle())
	assert.Equal(t, f.aim, f2.aim)
	assert.Equal(t, f.seed, f2.seed)
	assert.Equal(t, command, (&tuning{c: c2, flags: f2}).command())
}

// The usage text and the document know every flag of tuning, and its default.
func TestTune_FlagsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/bench.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(usageText, "\nMeasuring,")
	declareTune(pflag.NewFlagSet("", pflag.ContinueOnError)).set.VisitAll(func(flag *pflag.Flag) {
		line := lineWith(table, "    --"+flag.Name+" ")
		assert.NotEmpty(t, line, "the usage text has no --%s", flag.Name)
		assert.Contains(t, string(page), "`--"+flag.Name+"`")
		if flag.Name == "budget" || flag.Name == "guarantee" {
			assert.Contains(t, strings.Fields(line), strings.Replace(flag.DefValue, "3m0s", "3m", 1))
		}
	})
}
