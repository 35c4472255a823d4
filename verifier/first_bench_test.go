package verifier

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// BenchmarkFirst times the verdict on tokens that were never seen against the
// signature check alone on the same bytes, which for both have just come in.
// They take turns: one "op" is a turn of each, "x/crypto" the median of their
// ratios, "cpu/crypto" the ratio of all processor time, the garbage
// collector's with it. A mirror that has entries of tokens and sessions is looked
// in for both, so that their ids are hashed.
func BenchmarkFirst(b *testing.B) {
	for _, entries := range []int{0, 1000} {
		mirror, store := newMirror(b)
		revokeMany(b, store, entries)
		require.Eventually(b, func() bool { return mirror.Stats().Entries == int64(entries) }, time.Minute, time.Millisecond)
		for _, alg := range []Algorithm{HS256, RS256, ES256, EdDSA} {
			b.Run(fmt.Sprintf("entries=%d/%s", entries, alg), func(b *testing.B) {
				benchmarkFirst(b, mirror, alg, Options{CacheEntries: 1024})
			})
			b.Run(fmt.Sprintf("entries=%d/%s/nocache", entries, alg), func(b *testing.B) {
				benchmarkFirst(b, mirror, alg, Options{NoCache: true})
			})
		}
	}
}

func benchmarkFirst(b *testing.B, mirror *denylist.Mirror, alg Algorithm, opts Options) {
	const tokens = 4096
	turn := 4 // short: what interrupts it is one of many
	if alg.Symmetric() {
		turn = 64
	}
	f := newForge(b, alg)
	raw := make([]string, tokens)
	bare := make([]signed, tokens)
	for i := range raw {
		raw[i] = benchToken(f, i)
		bare[i] = signedOf(raw[i])
	}
	opts.Now = time.Now
	v := f.verifier(mirror, opts)
	var whole, check meter
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		raw, bare := raw[n:n+turn], bare[n:n+turn]
		n = (n + turn) % tokens
		for i := range raw {
			bare[i].comeIn(raw[i])
		}
		whole.start(b)
		for _, token := range raw {
			if _, err := v.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
		whole.stop(b)
		for i := range raw {
			bare[i].comeIn(raw[i])
		}
		check.start(b)
		for _, token := range bare {
			if f.key.verify(token.input, token.signature) != nil {
				b.Fatal("bare")
			}
		}
		check.stop(b)
	}
	b.ReportMetric(median(whole.walls, check.walls), "x/crypto")
	b.ReportMetric(float64(whole.cpu)/float64(check.cpu), "cpu/crypto")
	b.ReportMetric(float64(v.CacheStats().Hits), "hits")
}

// signed is what the signature check alone needs of a token.
type signed struct{ input, signature []byte }

func signedOf(raw string) signed {
	dot := strings.LastIndexByte(raw, '.')
	signature, _ := appendBase64(nil, raw[dot+1:])
	return signed{input: []byte(raw[:dot]), signature: signature}
}

// comeIn reads all of a token, as a server does that has just received it: else
// one of the two would wait for memory, and which is a matter of the order in
// which the benchmark has allocated.
func (s *signed) comeIn(raw string) {
	if strings.IndexByte(raw, 0) >= 0 || bytes.IndexByte(s.input, 0) >= 0 {
		panic("a token with a zero byte")
	}
}

// meter adds up turns.
type meter struct {
	walls []time.Duration
	cpu   time.Duration // of the process

	began    time.Time
	cpuBegan time.Duration
}

func (m *meter) start(b *testing.B) {
	m.cpuBegan = cpuTime(b)
	m.began = time.Now()
}

func (m *meter) stop(b *testing.B) {
	m.walls = append(m.walls, time.Since(m.began))
	m.cpu += cpuTime(b) - m.cpuBegan
}

func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// median is that of the ratios of turns.
func median(of, to []time.Duration) float64 {
	ratios := make([]float64, len(of))
	for i := range ratios {
		ratios[i] = float64(of[i]) / float64(to[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// benchToken is a token as the server issues them.
func benchToken(f *forge, n int) string {
	now := time.Now().Unix()
	return f.token(map[string]any{
		"jti": fmt.Sprintf("7f0c5b1e-95cf-4e0b-8a3b-%012d", n), "sid": "0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10",
		"sub": "c1b1b5f0-56a1-4f7e-9a6e-2f3b0d9a7e21", "iat": now, "exp": now + 900, "rot": 0,
		"auth_time": now, "auth_ms": now * 1000, "session_exp": now + 86400,
	})
}
