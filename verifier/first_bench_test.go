package verifier

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkFirst times the verdict on tokens that were never seen against the
// signature check alone on the same bytes. They take turns: one "op" is a turn
// of each, "x/crypto" the median of their ratios.
func BenchmarkFirst(b *testing.B) {
	for _, alg := range []Algorithm{HS256, RS256, ES256, EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			f := newForge(b, alg)
			const tokens = 4096
			raw := make([]string, tokens)
			for i := range raw {
				raw[i] = benchToken(f, i)
			}
			key := f.key
			signature := make([][]byte, tokens)
			input := make([][]byte, tokens)
			for i, r := range raw {
				dot := strings.LastIndexByte(r, '.')
				signature[i], _ = appendBase64(nil, r[dot+1:])
				input[i] = []byte(r[:dot])
			}
			mirror, _ := newMirror(b)
			v := f.verifier(mirror, Options{Now: time.Now, CacheEntries: 1024})
			turn := map[Algorithm]int{HS256: 256, RS256: 16, ES256: 16, EdDSA: 16}[alg]
			var ratios []float64
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for i := range turn {
					if _, err := v.Verify(b.Context(), raw[(n+i)%tokens]); err != nil {
						b.Fatal(err)
					}
				}
				whole := time.Since(start)
				start = time.Now()
				for i := range turn {
					if key.verify(input[(n+i)%tokens], signature[(n+i)%tokens]) != nil {
						b.Fatal("bare")
					}
				}
				ratios = append(ratios, float64(whole)/float64(time.Since(start)))
				n += turn
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x/crypto")
			b.ReportMetric(float64(v.CacheStats().Hits), "hits")
		})
	}
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
