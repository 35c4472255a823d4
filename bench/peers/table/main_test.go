package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// result writes a run in which a rival takes a tenth of naive's time.
func result(t *testing.T, algorithm string, end bench.End, failures map[string]int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "result.jsonl")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	w, err := bench.NewWriter(file, bench.Header{
		Time:        time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Environment: bench.Environment{CPU: "a|b", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1", Redis: map[string]string{"version": "7"}},
		Settings:    map[string]string{"algorithms": algorithm, "tokens": "10000"}, Baseline: "naive",
		Scenarios: []bench.Description{
			{Name: "naive", Means: "What people write."},
			{Name: "rival", Means: "It, https://pkg.go.dev/github.com/x/y@v1.2.3#Z, does.", Guarantee: "strict: always"},
		},
	})
	require.NoError(t, err)
	for round := range 6 {
		for i, name := range []string{"naive", "rival"} {
			latency := hdrhistogram.New(1, 1000, 3)
			s := bench.Slice{Contender: name, Concurrency: 1, Round: round, Wall: time.Second, Operations: int64(100 + 900*i),
				CPU: map[string]time.Duration{bench.Client: time.Second}, Latency: latency, Errors: failures}
			for range s.Operations {
				require.NoError(t, latency.RecordValue(1))
			}
			require.NoError(t, w.Slice(s))
		}
	}
	require.NoError(t, w.End(end))
	return path
}

func TestTable(t *testing.T) {
	t.Parallel()
	one := result(t, "HS256", bench.End{Complete: true}, nil)
	two := result(t, "ES256", bench.End{Complete: true, Notes: []string{"left out: other: it <panicked>", "rival with 1 workers: 2 of 9 operations failed, which is said in many words, so many that they take two lines", "a"}}, nil)
	var out bytes.Buffer
	require.NoError(t, run([]string{one, two}, &out))
	assert.Equal(t, `| contender | guarantee | HS256, 10,000 tokens, a lone caller | ES256, 10,000 tokens, a lone caller |
|---|---|--:|--:|
| naive |  | 1 × | 1 × |
| rival | strict | 10 × (10–10); CPU 10 × (10–10) | 10 × (10–10); CPU 10 × (10–10) |

Left out: other: it &lt;panicked>.

ES256, 10,000 tokens: rival with 1 workers: 2 of 9 operations failed, which is said in many words, so many that they
take two lines.

| contender | what it is, and when a revocation is denied |
|---|---|
| naive | What people write. |
| rival | It, [x/y@v1.2.3](https://pkg.go.dev/github.com/x/y@v1.2.3#Z), does. *Strict: always.* |

Measured on a\|b, 2 cores (GOMAXPROCS 2), linux/amd64, go1, Redis 7, on 2026-11-22.
`, out.String())
}

// What is not whole, or wrong, makes no table.
func TestNoTable(t *testing.T) {
	t.Parallel()
	for what, path := range map[string]string{
		"did not come to its end": result(t, "HS256", bench.End{}, nil),
		"wrong answers":           result(t, "HS256", bench.End{Complete: true}, map[string]int64{bench.WrongAnswer: 1}),
		"no such file":            filepath.Join(t.TempDir(), "none"),
	} {
		assert.ErrorContains(t, run([]string{path}, io.Discard), what)
	}
	assert.Error(t, run(nil, io.Discard))
}
