package main

import (
	"bytes"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/bench/tune"
	"github.com/rescindhq/rescind/internal/redistest"
)

// heardOf is what mirrors heard: the default, one that reads less and is later,
// and one that reads more.
func heardOf() *wakes {
	ratio := func(r float64) bench.Interval { return bench.Interval{Center: r, Low: r, High: r} }
	return &wakes{values: []int{0, 4, 256}, read: 60 * time.Microsecond, heard: []tune.Heard{
		{Name: wakesText(0), Count: 1234, P50: 2 * time.Millisecond, P99: 9 * time.Millisecond, Reads: 100, Later50: ratio(1), Later99: ratio(1), Fewer: 1},
		{Name: "4", Count: 1234, P50: 60 * time.Millisecond, P99: 130 * time.Millisecond, Reads: 8, Later50: ratio(30), Later99: ratio(14), Fewer: 0.08},
		{Name: "256", Count: 1234, P50: time.Millisecond, P99: 2 * time.Millisecond, Reads: 180, Later50: ratio(0.5), Later99: ratio(0.2), Fewer: 1.8},
	}}
}

// How late a mirror is said beside what that costs, and what would make it later
// is never taken without a word.
func TestTune_Lateness(t *testing.T) {
	t.Parallel()
	tu := foundAmong(t, 10, tune.Point{1, 1, 4, 2, 0, 0}, nil)
	assert.Empty(t, tu.lateness(), "nobody revoked")
	tu.outcome.Trials = []tune.Trial{{}}
	tu.wakes, tu.flags.revocations = heardOf(), 200
	assert.Regexp(t, `(?m)^0: adapts, 128  2ms   9ms        100\.0    0\.60 %     default: stays$`, tu.lateness())
	assert.Regexp(t, `(?m)^4               60ms  130ms      8\.0      0\.05 %     WOULD REFUSE LATER$`, tu.lateness())
	assert.Regexp(t, `(?m)^256 .*reads more$`, tu.lateness())
	slow := tu.wakes.heard[1]
	tu.wakes.heard[1].Later50, tu.wakes.heard[1].Later99 = bench.Interval{Center: 1, Low: 0.8, High: 1.2}, bench.Interval{Center: 1, Low: 0.9, High: 1.05}
	assert.Regexp(t, `(?m)^4 .* MAY REFUSE LATER$`, tu.lateness(), "nothing was shown")
	tu.wakes.heard[1] = slow
	assert.NotContains(t, tu.config(), "mirror_wakes")
	assert.Contains(t, tu.config(), "mirror-wakes 0")
	assert.Contains(t, tu.found(), "at 200 revocations a second, half were refused within 2ms, 99 of 100 within 9ms")
	assert.True(t, tu.kept())
	said := tu.staleness()
	assert.Equal(t, &tuneStaleness{Revocations: 200, Judged: true, PerRead: 60_000, Tried: said.Tried}, said)
	assert.Equal(t, tuneWakes{Wakes: 4, Count: 1234, P50: 60e6, P99: 130e6, Reads: 8, Later: true}, said.Tried[1])

	tu.flags.stale = 5 * time.Millisecond
	tu.wakes.best, tu.settings.MirrorWakes = 2, 256
	assert.Contains(t, tu.config(), "mirror_wakes = 256 # default 0")
	assert.Contains(t, tu.lateness(), "misses stale-p99=5ms")
	assert.Contains(t, tu.found(), "mirror-wakes=256")
	assert.Contains(t, tu.found(), "Kept: stale-p99=5ms: 2ms.")

	tu.flags.stale = time.Millisecond
	assert.False(t, tu.kept())
	assert.Contains(t, tu.found(), "NOT KEPT: no mirror-wakes keeps stale-p99=1ms: the best came to 2ms.")
	tu.settings.Mirror = false
	assert.True(t, tu.kept(), "what is strict is never late")

	tu.wakes.heard[0].Count = 99
	assert.Contains(t, tu.lateness(), "not judged")
	assert.NotContains(t, tu.found(), "half were refused")
}

// Mirrors with different wakes follow side by side, while callers verify; where
// no mirror may be taken, the default one does.
func TestTune_MeasuresWakes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for guarantee, want := range map[string][]int{guaranteeBounded: {0, 4, 16, 64}, guaranteeStrict: {0}} {
		c, f := tuneCall(t, nil, "--redis", server.URL(), "--guarantee", guarantee, "--revocations", "100", "--aim", "p99=1s", "--rate", "500",
			"--budget", "4s", "--tokens", "20", "--entries", "10", "--algorithms", "HS256")
		require.NoError(t, f.settle())
		knobs, err := c.knobs(t.Context(), &f.benchFlags)
		require.NoError(t, err)
		knobs.Redis.CheckTimeout = patience
		stand, err := scenario.Open(t.Context(), []string{"verify"}, knobs, nil)
		require.NoError(t, err)
		l := &lab{tuning: &tuning{c: c, flags: f, began: time.Now(), watch: c.newWatch()}, stand: stand, open: map[scenario.Settings]*scenario.Candidate{}}
		w, err := l.measureWakes(t.Context())
		require.NoError(t, err)
		require.NoError(t, stand.Close())
		assert.Equal(t, want, w.values)
		require.Len(t, w.heard, len(want))
		for i, h := range w.heard {
			assert.Equal(t, wakesText(want[i]), h.Name)
		}
		assert.Positive(t, w.took)
		assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
	}
}

// The answer fits a terminal as they used to be, but for the command that
// repeats it, and Go.
func TestTune_FitsATerminal(t *testing.T) {
	t.Parallel()
	tu := foundAmong(t, 10, tune.Point{1, 3, 1, 1, 1, 0}, map[string]string{"RESCIND_REDIS": "redis://127.0.0.1:7"})
	tu.wakes, tu.flags.revocations = heardOf(), 200
	o := tu.outcome
	ratio := bench.Interval{Center: 1.01, Low: 0.91, High: 12.12}
	compared := tune.Comparison{Pairs: 80, Main: ratio, CPU: ratio, By: tune.ByKeeping, Verdict: tune.Worse,
		Stands: tune.Standing{Metric: bench.MetricP99, Figure: 0.00123, Failures: 0.011}}
	o.Complete, o.Aim.Limits = true, []bench.Limit{{Metric: bench.MetricP99, Absolute: 0.001}}
	o.Proof = &tune.Proof{Rival: o.Best, Name: "tuned", Comparison: compared}
	o.Weaker = []tune.Trial{{Name: "check=mirror", Comparison: compared, Costs: o.Dials.Costs(o.Best)}}
	for _, name := range []string{"cache-entries=1048576", "check-flights=32 check-window=100us pool_size=40"} {
		o.Trials = append(o.Trials, tune.Trial{Name: name, At: o.Best, Against: o.Defaults, Comparison: compared},
			tune.Trial{Name: name, At: o.Best, Against: o.Best, LeftOut: strings.Repeat("too much ", 20)})
	}
	require.NoError(t, tu.print())
	answer := tu.c.stdout.(*bytes.Buffer).String()
	for line := range strings.Lines(answer) {
		if line := strings.TrimRight(line, "\n"); !strings.HasPrefix(line, "Again: ") && !strings.Contains(line, "Options{") {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), lineWidth, line)
		}
	}
	assert.Contains(t, answer, "    misses the aim: p99 1.23ms, with 1.1 % of the operations failed or never\n    begun\n")
}

func TestFolded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 30)
	for line := range strings.Lines(folded("   " + long + "\nshort\n")) {
		assert.LessOrEqual(t, len(line), lineWidth+1)
		assert.True(t, strings.HasPrefix(line, "   word") || line == "short\n", line)
	}
	assert.Equal(t, strings.Fields(long), strings.Fields(folded(long)))
	assert.Equal(t, "\n", folded("\n"))
	assert.Equal(t, strings.Repeat("x", 99), folded(strings.Repeat("x", 99)), "a word is not broken")
}

// typeChecker has Go's own type checker look at literals, by what the compiler
// has left of the packages that they are of.
func typeChecker(t *testing.T) func(literals ...string) error {
	t.Helper()
	packages := []string{"time", "github.com/redis/go-redis/v9", "github.com/rescindhq/rescind/denylist", "github.com/rescindhq/rescind/verifier"}
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)...)
	out, err := list.Output()
	require.NoError(t, err)
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	files := token.NewFileSet()
	config := types.Config{Importer: importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	return func(literals ...string) error {
		source := "package pasted\nimport (\n\"" + strings.Join(packages, "\"\n\"") + "\"\n)\n" +
			"var _ = []any{time.Second, redis.Nil, denylist.ErrRevoked, verifier.ErrMissing,\n"
		for _, literal := range literals {
			value, comment, _ := strings.Cut(literal, " //")
			source += value + ", //" + comment + "\n"
		}
		file, err := parser.ParseFile(files, "pasted.go", source+"}\n", 0)
		require.NoError(t, err)
		_, err = config.Check("pasted", files, []*ast.File{file}, nil)
		return err
	}
}
