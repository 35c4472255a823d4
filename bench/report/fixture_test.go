package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
)

// workload is what a made-up contender costs.
type workload struct {
	name, means   string
	time          time.Duration // of one operation without a queue
	client, redis time.Duration // CPU by operation; a redis of 0 is not known
}

func workloads() []workload {
	return []workload{
		{"naive", "What people write today: golang-jwt's ParseWithClaims, then EXISTS.", 180 * time.Microsecond, 95 * time.Microsecond, 9 * time.Microsecond},
		{"verify", "A strict verification, the whole path: signature, claims, and a fresh answer of Redis.", 120 * time.Microsecond, 60 * time.Microsecond, 3 * time.Microsecond},
		{"check-miss", "One question to the denylist about a token that nothing denies, as almost every token is.", 60 * time.Microsecond, 12 * time.Microsecond, 3 * time.Microsecond},
		{"signature", "The floor: the signature and the claims alone, with no denylist at all.", 42 * time.Microsecond, 42 * time.Microsecond, 0},
	}
}

// maker makes results up, always the same ones.
type maker struct {
	t      *testing.T
	random *rand.Rand
}

func newMaker(t *testing.T) maker {
	return maker{t, rand.New(rand.NewPCG(1, 2))}
}

func (m maker) header(open bool, workloads ...workload) bench.Header {
	h := bench.Header{
		Schema:  bench.Schema,
		Time:    time.Date(2026, 11, 22, 17, 9, 6, 0, time.UTC),
		Command: "rescind bench run --redis redis://127.0.0.1:6379 --concurrency 1,4,16,64 --duration 30s --seed 7 naive verify check-miss signature",
		Environment: bench.Environment{
			CPU: "AMD EPYC 7R13 Processor", Cores: 2, GOMAXPROCS: 2, OS: "linux", Arch: "amd64", Go: "go1.26.1", Rescind: "v0.4.0",
			Redis: map[string]string{"version": "7.4.1", "address": "127.0.0.1:6379", "maxmemory-policy": "noeviction", "io-threads": "1"},
		},
		Settings: map[string]string{"concurrency": "1,4,16,64", "duration": "30s", "warmup": "3s", "slice": "500ms", "alg": "ES256", "tokens": "10000", "revoked": "0.01"},
		Baseline: workloads[0].name,
		Open:     open, Seed: 7,
		Overhead: bench.Overhead{Operation: 66, Wake: 54 * time.Microsecond, WakeP99: 1100 * time.Microsecond},
	}
	for _, w := range workloads {
		h.Scenarios = append(h.Scenarios, bench.Description{Name: w.name, Means: w.means})
	}
	if open {
		h.Settings["rate"] = "2000"
	}
	return h
}

// slice is one turn. More workers than two cores queue.
func (m maker) slice(w workload, level, round int, at time.Duration) bench.Slice {
	const wall = 500 * time.Millisecond
	queue := max(1, float64(level)/2.2)
	noise := math.Exp(0.08 * m.random.NormFloat64())
	latency := hdrhistogram.New(1, int64(time.Minute), 2)
	sum, most := 0.0, 1000
	for range most {
		ns := float64(w.time) * queue * noise * math.Exp(0.25*m.random.NormFloat64())
		if m.random.IntN(150) == 0 {
			ns += m.random.ExpFloat64() * float64(1500*time.Microsecond)
		}
		sum += ns
		require.NoError(m.t, latency.RecordValue(int64(ns)))
	}
	operations := int64(float64(wall) * float64(level) / (sum / float64(most)))
	s := bench.Slice{
		Contender: w.name, Concurrency: level, Round: round, At: at, Wall: wall, Operations: operations,
		CPU:     map[string]time.Duration{bench.Client: time.Duration(float64(w.client) * noise * float64(operations))},
		Latency: latency,
	}
	if w.redis > 0 {
		s.CPU[bench.Redis] = time.Duration(float64(w.redis) * noise * float64(operations))
	}
	return s
}

// results are contenders that take turns, level by level.
func (m maker) results(open bool, rounds int, levels []int, workloads ...workload) *bench.Results {
	r := &bench.Results{Header: m.header(open, workloads...), End: bench.End{Complete: true}}
	var at time.Duration
	for _, level := range levels {
		for round := range rounds {
			for _, w := range workloads {
				s := m.slice(w, level, round, at)
				at += s.Wall
				r.Slices = append(r.Slices, s)
			}
		}
	}
	return r
}

// closed is a whole run of everything.
func closed(t *testing.T) *bench.Results {
	m := newMaker(t)
	r := m.results(false, 10, []int{1, 4, 16, 64}, workloads()...)
	r.Stages = []bench.Stages{
		{Algorithm: "HS256", Stages: stages(4, 900, 1100, 300, 52_000)},
		{Algorithm: "ES256", Stages: stages(4, 950, 41_000, 310, 53_000)},
		{Algorithm: "RS256", Stages: stages(5, 1400, 24_000, 305, 51_000)},
	}
	return r
}

func stages(times ...time.Duration) []bench.Stage {
	names := []string{"size", "reading", "signature", "claims", "denylist"}
	all := make([]bench.Stage, len(times))
	for i, d := range times {
		all[i] = bench.Stage{Name: names[i], Time: d}
	}
	return all
}

// broken is an open loop that went wrong in every way, and was interrupted.
func broken(t *testing.T) *bench.Results {
	m := newMaker(t)
	r := m.results(true, 3, []int{16}, workloads()[:2]...)
	r.Slices[1].Errors = map[string]int64{"timeout": 12, "error": 1}
	r.Slices[3].Errors = map[string]int64{"timeout": 3, bench.WrongAnswer: 2}
	r.Slices[3].Unbegun = 240
	r.Slices[2].CPU = nil
	r.End = bench.End{Reason: "signal: interrupt", Notes: []string{
		"verify kept 1,840/s of the 2,000/s that were asked for.",
		"15 of 5,600 operations failed.",
	}}
	return r
}

// alone is one contender for five minutes.
func alone(t *testing.T) *bench.Results {
	m := newMaker(t)
	r := m.results(false, 600, []int{8}, workloads()[1])
	r.Header.Baseline = ""
	return r
}

// hostile has markup, terminal controls and table signs in every text.
func hostile(t *testing.T) *bench.Results {
	const bad = "</title><script>alert(1)</script>|`x`*y*\x1b[31m\u202e<img src=http://evil.example/>\"'"
	m := newMaker(t)
	r := m.results(false, 3, []int{2}, workload{"a" + bad, bad, time.Microsecond, 1, 1}, workload{"b" + bad, bad, time.Microsecond, 1, 1})
	r.Header.Command = bad
	r.Header.Environment = bench.Environment{CPU: bad, OS: bad, Arch: bad, Go: bad, Rescind: bad, Redis: map[string]string{bad: bad, "version": bad}}
	r.Header.Settings = map[string]string{bad: bad, "rate": bad}
	r.Stages = []bench.Stages{{Algorithm: bad, Stages: []bench.Stage{{Name: bad, Time: time.Second}}}}
	r.Slices[0].Errors = map[string]int64{bad: 1}
	r.End = bench.End{Reason: bad, Notes: []string{bad}}
	return r
}

// odd are results that hold almost nothing, or far too much.
func odd(t *testing.T) map[string]*bench.Results {
	m := newMaker(t)
	two := workloads()[:2]
	all := map[string]*bench.Results{
		"zero":      {},
		"no slices": {Header: m.header(false, two...)},
		"one slice": m.results(false, 1, []int{1}, two[0]),
		"one pair":  m.results(false, 1, []int{1}, two...),
		"alone":     m.results(false, 2, []int{1, 2, 3}, two[0]),
	}
	idle := m.results(false, 3, []int{1, 2}, two...)
	for i := range idle.Slices {
		s := &idle.Slices[i]
		s.Operations, s.Latency, s.Wall = 0, hdrhistogram.New(1, 1000, 1), 0
	}
	all["idle"] = idle
	absent := m.results(false, 3, []int{1, 2}, two...)
	for i := range absent.Slices {
		absent.Slices[i].Latency, absent.Slices[i].CPU = nil, nil
	}
	all["absent"] = absent
	huge := m.results(false, 3, []int{0, 1}, two...)
	for i := range huge.Slices {
		s := &huge.Slices[i]
		s.Concurrency *= math.MaxInt32
		s.At, s.Operations, s.Wall = math.MaxInt64/2, math.MaxInt64/16, 1
		s.Latency = hdrhistogram.New(1, math.MaxInt64/2, 1)
		require.NoError(t, s.Latency.RecordValues(math.MaxInt64/4, 1<<40))
		require.NoError(t, s.Latency.RecordValues(0, 1<<40))
		s.CPU[bench.Client] = math.MaxInt64 / 16
	}
	huge.Stages = []bench.Stages{{}, {Algorithm: "x", Stages: stages(-5, 0, math.MaxInt64/2)}, {Algorithm: "y", Stages: stages(0, 0, 0)}}
	all["huge"] = huge
	many := m.results(false, 2, []int{1}, manyWorkloads()...)
	all["many"] = many
	return all
}

func manyWorkloads() []workload {
	var all []workload
	for i := range 20 {
		all = append(all, workload{fmt.Sprintf("contender-with-a-long-name-%02d", i), "", time.Millisecond, 1, 1})
	}
	return all
}
