package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/internal/redistest"
)

// tuneBudget is of each search. So short a one proves that a search ends well;
// only a long one, on a machine with nothing else to do, that it finds something.
var tuneBudget = flag.Duration("tune-budget", 3*time.Second, "budget of each search of the proof of bench tune")

// telling is a budget that is long enough to ask for more.
const telling = time.Minute

// A Redis that is near and one that is distant want different settings, and none
// of them is worse than the defaults, which they took turns with at last. The
// aim is a median little over the way there and back: how long checks wait for
// each other is what settings are about, and a median is not moved by noise.
func TestTune_Proof(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	answers := map[string]string{}
	aims := []struct{ delay, median string }{{"0", "300us"}, {"1ms", "1300us"}, {"10ms", "10300us"}}
	if *tuneBudget < telling {
		aims = []struct{ delay, median string }{aims[0], aims[2]}
	}
	for _, aim := range aims {
		out := t.TempDir() + "/proof.jsonl"
		args := []string{"bench", "tune", "--redis", server.URL(), "--delay", aim.delay, "--aim", "p50=" + aim.median, "--rate", "4000",
			"--budget", tuneBudget.String(), "--seed", "1", "--out", out}
		if *tuneBudget < telling {
			args = append(args, "--tokens", "100", "--entries", "100")
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr}, environment(nil))
		t.Logf("--delay %s\n%s", aim.delay, stdout.String())
		// What comes nearest to an aim that nothing keeps is an answer too.
		require.Contains(t, []int{exitDone, exitRefused}, code, stderr.String())
		answers[aim.delay] = configOf(stdout.String())
		if strings.HasPrefix(stdout.String(), "Found: ") {
			assertNoWorse(t, out)
		}
	}
	assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
	if *tuneBudget >= telling {
		assert.NotEqual(t, answers["0"], answers["1ms"])
		assert.NotEqual(t, answers["1ms"], answers["10ms"])
		assert.NotEqual(t, answers["0"], answers["10ms"])
	}
}

// assertNoWorse holds what was found against the defaults, in the run that is
// its proof: a better median, or where both keep the aim, less CPU time.
func assertNoWorse(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	proof, err := bench.Read(file)
	require.NoError(t, errors.Join(err, file.Close()))
	series := proof.Summarize()
	require.Len(t, series, 2)
	base, of := series[0].Series, series[1].Series
	require.Equal(t, "defaults", base.Contender)
	median, cpu := proof.Paired(bench.MetricP50, of, base), proof.Paired(bench.MetricCPU, of, base)
	assert.True(t, median.High < 1 || cpu.High < 1, "p50 %v, CPU time %v", median, cpu)
}

// configOf are the settings of an answer, without what was said about them.
func configOf(answer string) string {
	var keys []string
	for line := range strings.Lines(answer) {
		if key, _, ok := strings.Cut(strings.TrimSpace(line), " # default"); ok && strings.Contains(key, " = ") {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, "\n")
}
