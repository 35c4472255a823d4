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
// of them is worse than the defaults, which they took turns with at last.
func TestTune_Proof(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	answers, delays := map[string]string{}, []string{"0", "1ms", "10ms"}
	if *tuneBudget < telling {
		delays = []string{"0", "10ms"}
	}
	for _, delay := range delays {
		out := t.TempDir() + "/proof.jsonl"
		args := []string{"bench", "tune", "--redis", server.URL(), "--delay", delay, "--budget", tuneBudget.String(), "--seed", "1", "--out", out}
		if *tuneBudget < telling {
			args = append(args, "--tokens", "100", "--entries", "100")
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr}, environment(nil))
		t.Logf("--delay %s\n%s", delay, stdout.String())
		require.Equal(t, exitDone, code, stderr.String())
		answers[delay] = configOf(stdout.String())

		file, err := os.Open(out)
		require.NoError(t, err)
		proof, err := bench.Read(file)
		require.NoError(t, errors.Join(err, file.Close()))
		for _, r := range proof.Ratios() {
			if r.Contender == "tuned" && strings.HasPrefix(stdout.String(), "Found: ") {
				better := r.Wall.High < 1 || r.CPU[bench.AllProcesses].High < 1
				assert.True(t, better, "--delay %s: %+v", delay, r)
			}
		}
	}
	assert.Empty(t, server.Client().Keys(t.Context(), "*").Val())
	if *tuneBudget >= telling {
		assert.NotEqual(t, answers["0"], answers["1ms"])
		assert.NotEqual(t, answers["1ms"], answers["10ms"])
		assert.NotEqual(t, answers["0"], answers["10ms"])
	}
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
