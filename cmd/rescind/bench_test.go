package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// redisKeys is a command of scripts: so many keys, or some, match a pattern in
// the Redis that $REDIS names.
func redisKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: rediskeys PATTERN COUNT|some")
	}
	client, err := denylist.OpenURL(ts.Getenv("REDIS"), "")
	ts.Check(err)
	defer client.Close()
	keys, err := client.Keys(context.Background(), args[0]).Result()
	ts.Check(err)
	if args[1] == "some" && len(keys) > 0 || args[1] == strconv.Itoa(len(keys)) {
		return
	}
	ts.Fatalf("%d keys match %s, want %s: %.1000q", len(keys), args[0], args[1], keys)
}

// runFlags reads the flags of a run.
func runFlags(t *testing.T, vars map[string]string, args ...string) (*call, *benchFlags) {
	t.Helper()
	var f *benchFlags
	cmd, rest, err := findCommand(append([]string{"bench", "run"}, args...))
	require.NoError(t, err)
	cmd.prepare = func(fs *pflag.FlagSet) action { f = declareBench(fs); return nil }
	c, err := cmd.call(rest, streams{new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer)}, environment(vars))
	require.NoError(t, err)
	return c, f
}

// A Redis that is full is not one that may be down.
func TestAFullRedisIsSaid(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client()
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	full := client.Set(t.Context(), "a", "b", 0).Err()
	var said *failure
	require.ErrorAs(t, benchTrouble(fmt.Errorf("filling: %w: %w", denylist.ErrUnavailable, full)), &said)
	assert.Equal(t, exitCannotTell, said.code)
	assert.Contains(t, strings.Join(said.hints, " "), "maxmemory")
}

// A result says how to repeat it: the command that it names reads as what was
// measured, whatever came by a variable.
func TestRepeatableCommand(t *testing.T) {
	t.Parallel()
	vars := map[string]string{
		"RESCIND_REDIS": "redis://user:hunter2@127.0.0.1:7/3", "RESCIND_PREFIX": "it's", "RESCIND_INSECURE_SKIP_INSPECTION": "true",
		"RESCIND_AUDIENCE": "a,b", "RESCIND_CHECK_TIMEOUT": "1s",
	}
	c, f := runFlags(t, vars, "verify", "http-verify", "--concurrency", "1,4", "--rate", "2500.5", "--arrivals", "poisson",
		"--algorithms", "HS256=1,ES256=3", "--revoked", "0.29", "--zipf", "1.1", "--delay", "3ms", "--duration", "1d",
		"--url", "http://a.test/v1/verify?x=1&y=2", "--url=http://b.test/", "--server-cpu", "4711", "--baseline", "verify", "--out", "x", "--json")
	require.NoError(t, f.settle(c.args))
	command := c.repeatable(f)
	assert.NotContains(t, command, "hunter2")

	words, err := exec.Command("sh", "-c", `set -- `+command+`; printf '%s\n' "$@"`).Output()
	require.NoError(t, err)
	again := strings.Split(strings.TrimSuffix(string(words), "\n"), "\n")
	require.Equal(t, []string{"rescind", "bench", "run", "verify", "http-verify"}, again[:5])
	c2, f2 := runFlags(t, nil, again[3:]...)
	require.NoError(t, f2.settle(c2.args))
	assert.Equal(t, command, c2.repeatable(f2))
	assert.Equal(t, c.shaping(f, true), c2.shaping(f2, true))
	assert.Equal(t, f.seed, f2.seed)
	assert.Equal(t, []string{"http://a.test/v1/verify", "http://b.test/"}, f2.urls, "what a query says is nobody's business")
	assert.Equal(t, "it's", c2.prefix)
	assert.Equal(t, []string{"a", "b"}, c2.audience)
	assert.True(t, c2.skipInspection)
	assert.Equal(t, "redis://user@127.0.0.1:7/3", c2.redis)
	assert.Empty(t, f2.out, "a repeated run would refuse the file")
	assert.False(t, c2.json)
}

func TestShapingSettings(t *testing.T) {
	t.Parallel()
	c, f := runFlags(t, map[string]string{"RESCIND_PARTITIONS": "16"}, "verify")
	require.NoError(t, f.settle(c.args))
	assert.Equal(t, map[string]string{
		"duration": "10s", "warmup": "2s", "slice": "1s", "concurrency": "64", "sample": "1",
		"algorithms": "ES256", "tokens": "10000", "zipf": "0", "revoked": "1%", "entries": "10000", "lifetime": "1h", "delay": "0",
		"prefix": "rescind", "partitions": "16", "check-timeout": "5s", "skew-margin": "1m",
	}, c.shaping(f, true))
	assert.NotContains(t, c.shaping(f, false), "partitions", "of a run without Redis")
}

// The seed of a run that names none is another each time.
func TestRandomSeed(t *testing.T) {
	t.Parallel()
	_, a := runFlags(t, nil, "verify")
	_, b := runFlags(t, nil, "verify")
	_, zero := runFlags(t, nil, "verify", "--seed", "0")
	for _, f := range []*benchFlags{a, b, zero} {
		require.NoError(t, f.settle([]string{"verify"}))
	}
	assert.NotEqual(t, a.seed, b.seed)
	assert.Zero(t, zero.seed)
}

// What the engine decides is decided, and recorded, before anything is set up.
func TestSlices(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]time.Duration{
		"verify --duration 1s --warmup 0": 100 * time.Millisecond,
		"verify":                          time.Second,
		"verify naive --concurrency 1,4 --duration 2d": 4 * 2 * day / 4000,
		"verify naive --duration 1h --slice 2s":        2 * time.Second,
	} {
		c, f := runFlags(t, nil, strings.Fields(args)...)
		require.NoError(t, f.settle(c.args), args)
		assert.Equal(t, want, f.slice, args)
		assert.Equal(t, formatDuration(want), c.shaping(f, false)["slice"], args)
	}
	c, f := runFlags(t, nil, "verify", "naive", "--duration", "1h", "--slice", "1s")
	assert.ErrorIs(t, f.settle(c.args), bench.ErrPlan)
}

// The usage text and the document know every flag of a run, and its default.
func TestBenchFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/bench.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(usageText, "\nMeasuring,")
	declareBench(pflag.NewFlagSet("", pflag.ContinueOnError)).set.VisitAll(func(flag *pflag.Flag) {
		line := lineWith(table, "    --"+flag.Name+" ")
		if !assert.NotEmpty(t, line, "the usage text has no --%s", flag.Name) {
			return
		}
		assert.Contains(t, string(page), "`--"+flag.Name+"`")
		switch flag.Name {
		case "slice", "seed", "arrivals": // which the run decides
			return
		}
		if preset := strings.Trim(flag.DefValue, "[]"); preset != "" {
			assert.Contains(t, strings.Fields(line), preset, "the default of --%s:\n%s", flag.Name, line)
		}
	})
}

func TestShownRedis(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"":                     "",
		"redis://127.0.0.1:1/": "redis://127.0.0.1:1/",
		"redis://u:hunter2@h":  "redis://u@h",
		"redis://:hunter2@h":   "redis://h",
		"unix:///r.sock?db=1":  "unix:///r.sock?db=1",
		"redis+sentinel://h:1?master_name=m&Sentinel_Password=hunter2": "redis+sentinel://h:1?master_name=m",
		"redis://%zz:hunter2@h": "",
	} {
		c := call{settings: settings{redis: from}}
		assert.Equal(t, want, c.shownRedis(), from)
	}
}

func TestBenchValues(t *testing.T) {
	t.Parallel()
	_, f := runFlags(t, nil, "verify")
	for _, row := range []struct{ flag, text, want string }{
		{"rate", "5000", "5000"}, {"rate", "1e4/s", "10000"}, {"rate", "0.5", "0.5"},
		{"revoked", "0.01", "1%"}, {"revoked", "1%", "1%"}, {"revoked", "0", "0%"}, {"revoked", "100%", "100%"}, {"revoked", "0.29", "29%"},
		{"algorithms", "RS256", "RS256"}, {"algorithms", "HS256,ES256=3", "ES256=3,HS256=1"},
		{"max-share", "25%", "25%"}, {"max-share", "0.5", "50%"}, {"tokens", "1", "1"}, {"duration", "1d", "1d"}, {"concurrency", "1,4", "1,4"},
	} {
		flag := f.set.Lookup(row.flag)
		require.NoError(t, f.set.Set(row.flag, row.text), "--%s %s", row.flag, row.text)
		assert.Equal(t, row.want, flagValue(flag), "--%s %s", row.flag, row.text)
	}
	for _, row := range [][2]string{
		{"rate", "0"}, {"rate", "-0"}, {"rate", "-1"}, {"rate", "NaN"}, {"rate", "Inf"}, {"rate", "fast"}, {"rate", ""},
		{"revoked", "-1%"}, {"revoked", "101%"}, {"revoked", "NaN"}, {"revoked", "%"}, {"revoked", ""},
		{"max-share", "0"}, {"max-share", "101%"}, {"max-share", "-1%"}, {"max-share", ""}, {"max-share", "half"},
		{"algorithms", ""}, {"algorithms", "none"}, {"algorithms", "ES256,ES256"}, {"algorithms", "ES256=0"}, {"algorithms", "ES256=-1"}, {"algorithms", "ES256="},
		{"tokens", "0"}, {"tokens", "-1"}, {"sample", "0"}, {"slice", "0"}, {"duration", "0"}, {"concurrency", "x"}, {"arrivals", "bursts"},
	} {
		assert.Error(t, f.set.Set(row[0], row[1]), "--%s %q", row[0], row[1])
	}
}

// Whatever a file of tokens has in it, no error shows any of it.
func FuzzTokenFile(f *testing.F) {
	f.Add("one.two.three\n\n  four.five.six \r\n")
	f.Add("se cret\n")
	f.Add("\xff\x00secret")
	f.Add("\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := tokensIn(text)
		if err != nil {
			assert.Regexp(t, `^--token-file( has no tokens|: line \d+ is not one word of printable ASCII)$`, err.Error())
			return
		}
		assert.NotEmpty(t, tokens)
		for _, token := range tokens {
			assert.NotEmpty(t, token)
			assert.NotContains(t, token, " ")
			assert.Contains(t, text, token)
		}
	})
}

// Ctrl-C ends a command that waits for somebody to write to a pipe.
func TestPipeWithoutWriter(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	t.Cleanup(func() { // lets both openings go
		f, err := os.OpenFile(pipe, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	c := new(call)
	_, err := c.readResult(ctx, pipe)
	assert.ErrorIs(t, err, errInterrupted)
	assert.Equal(t, exitCannotTell, exitCode(err))
	_, err = c.readTokens(ctx, pipe)
	assert.ErrorIs(t, err, errInterrupted)
	assert.Equal(t, exitCannotTell, exitCode(err))
}

// The live line fits the terminal, the last column left free.
func TestLiveLineFits(t *testing.T) {
	t.Parallel()
	p := bench.Progress{Contender: "http-verify http://id.example:8080/v1/verify", Concurrency: 1024, Done: 37 * time.Second, Left: 23 * time.Second,
		Rate: 1234567.8, P50: 1234 * time.Microsecond, P99: 98765 * time.Microsecond, Errors: 12345}
	line := describe(p, 0.6)
	assert.Equal(t, "60 %  23s left  http-verify http://id.example:8080/v1/verify@1024  1,234,567/s  p50 1.23ms  p99 98.8ms  12,345 errors", line)
	for width := range 200 {
		for _, share := range []float64{-1, 0, 0.6, 1, 2, math.NaN()} {
			got := fit(width, share, line+" µs")
			assert.LessOrEqual(t, utf8.RuneCountInString(got), width)
		}
	}
	assert.Equal(t, "[############--------] "+line, fit(150, 0.6, line))
	assert.Equal(t, "60 %  23s", fit(9, 0.6, line))
	p.Warmup = true
	assert.Regexp(t, `@1024  warming up$`, describe(p, 0.6))
}

// Where no line can be redrawn, one is written now and then; at the end of a
// live one nothing of it is left.
func TestWatch(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := &watch{out: &out, every: time.Hour}
	for range 10 {
		w.setUp("minting tokens", 0.4)
	}
	w.clear()
	assert.Equal(t, "minting tokens 40 %\n", out.String())

	out.Reset()
	w = &watch{out: &out, width: func() int { return 20 }}
	w.progress(bench.Progress{Contender: "verify", Concurrency: 1, Left: time.Second})
	w.setUp("a", 1)
	w.clear()
	w.clear()
	assert.Equal(t, "\r0 %  1s left  verif\x1b[K\ra 100 %\x1b[K\r\x1b[K", out.String())
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		assert.Equal(t, want, grouped(n))
	}
	assert.Equal(t, "no errors, 1 error, 1,000 errors", counted(0, "error")+", "+counted(1, "error")+", "+counted(1000, "error"))
}

// The exit code of a comparison: worse beats unclear, which is no pass.
func TestJudge(t *testing.T) {
	t.Parallel()
	difference := func(metric bench.Metric, old, new, low, high float64) bench.Difference {
		return bench.Difference{
			Series: bench.Series{Contender: "verify", Concurrency: 64}, Metric: metric, Old: old, New: new,
			Ratio: bench.Interval{Center: new / old, Low: low, High: high}, P: 0.001, N: [2]int{20, 20},
		}
	}
	slow := difference("p99", 0.001, 0.0015, 1.4, 1.6)
	vague := difference("p99", 0.001, 0.0012, 0.7, 1.9)
	vague.P = 0.4
	alike := difference("p50", 0.001, 0.001, 0.99, 1.01)
	for _, row := range []struct {
		differences []bench.Difference
		limits      string
		code        int
		want        string
	}{
		{[]bench.Difference{slow, vague, alike}, "", exitDone, `^$`},
		{[]bench.Difference{slow}, "p99=2ms p50=1ns", exitCannotTell, `^unclear: neither run has figures of p50, limit p50=1ns\n$`},
		{[]bench.Difference{alike}, "p50=+10%", exitDone, `^$`},
		{[]bench.Difference{slow, alike}, "p99=+10%", exitRefused, `^exceeded: verify@64 p99 1.5ms, was 1ms; slice by slice \+50.0% \(\+40.0% to \+60.0%\), limit p99=\+10%\n$`},
		{[]bench.Difference{vague}, "p99=+10%", exitCannotTell, `^unclear: verify@64 p99 1.2ms`},
		{[]bench.Difference{vague, slow}, "p99=+10%", exitRefused, `^unclear: .*\nexceeded: .*\n$`},
		{[]bench.Difference{difference("rate", 1000, 500, 0.4, 0.6)}, "rate=-10%", exitRefused, `^exceeded: verify@64 rate 500/s, was 1,000/s; slice by slice -50.0%`},
	} {
		var stderr bytes.Buffer
		c := &call{streams: streams{stderr: &stderr}}
		texts := strings.Fields(row.limits)
		var limits []bench.Limit
		for _, text := range texts {
			limit, err := bench.ParseLimit(text)
			require.NoError(t, err, text)
			limits = append(limits, limit)
		}
		assert.Equal(t, row.code, exitCode(c.judge(row.differences, texts, limits)), row.limits)
		assert.Regexp(t, regexp.MustCompile(row.want), stderr.String(), row.limits)
	}
}

// wrongFirst gives one wrong answer, and then only good ones.
type wrongFirst struct{ asked atomic.Bool }

func (w *wrongFirst) Operation(int, int) (bench.Operation, error) {
	return func(context.Context) error {
		if w.asked.Swap(true) {
			return nil
		}
		return wrongAnswer{}
	}, nil
}

type wrongAnswer struct{}

func (wrongAnswer) Error() string { return "a revoked token was accepted" }
func (wrongAnswer) Class() string { return bench.WrongAnswer }

// One wrong answer spoils a run, be it in the warm-up that is thrown away.
func TestWrongAnswerInWarmup(t *testing.T) {
	t.Parallel()
	for warmup, want := range map[time.Duration]string{0: "verify@1 gave 1:", 20 * time.Millisecond: "some while it warmed up:"} {
		var r bench.Results
		plan := bench.Plan{
			Contenders: []bench.Contender{{Name: "verify", Scenario: &wrongFirst{}}}, Concurrency: []int{1},
			Warmup: warmup, Duration: 50 * time.Millisecond,
		}
		var err error
		r.End.Notes, err = bench.Run(t.Context(), plan, func(s bench.Slice) error { r.Slices = append(r.Slices, s); return nil })
		require.NoError(t, err)
		err = wrongAnswers(&r)
		assert.Equal(t, exitRefused, exitCode(err))
		assert.ErrorContains(t, err, want)
	}
	assert.NoError(t, wrongAnswers(&bench.Results{}))
}

// A disk that fills up ends a run, and the result in memory is whole.
func TestSinkOutlivesItsFile(t *testing.T) {
	t.Parallel()
	file, err := createResult(filepath.Join(t.TempDir(), "new.jsonl"))
	require.NoError(t, err)
	s := &sink{file: file}
	w, err := bench.NewWriter(s, bench.Header{Scenarios: []bench.Description{{Name: "verify"}}})
	require.NoError(t, err)
	require.NoError(t, s.broken)
	require.NoError(t, file.file.Close())
	require.NoError(t, w.Slice(bench.Slice{Contender: "verify", Concurrency: 1, Wall: time.Second, Operations: 1}))
	assert.ErrorIs(t, s.broken, os.ErrClosed)
	assert.Equal(t, exitCannotTell, exitCode(s.broken))
	require.NoError(t, w.End(bench.End{}))
	r, err := bench.Read(&s.memory)
	require.NoError(t, err)
	assert.Len(t, r.Slices, 1)
}

// A file is made before anything is measured, so that nobody measures for
// nothing, and is gone again where nothing was.
func TestResultFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.jsonl")
	file, err := createResult(path)
	require.NoError(t, err)
	_, err = createResult(path)
	assert.Equal(t, exitUsage, exitCode(err))
	require.NoError(t, file.close())
	assert.NoFileExists(t, path)

	file, err = createResult(path)
	require.NoError(t, err)
	_, err = fmt.Fprintln(file, "{}")
	require.NoError(t, err)
	require.NoError(t, file.close())
	assert.FileExists(t, path)
}
