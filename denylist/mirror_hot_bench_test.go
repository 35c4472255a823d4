package denylist_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// BenchmarkMirrorHot times whole verdicts on tokens that were seen before and
// that nothing denies, beside a mirror of ten million entries against one of ten
// thousand. They take turns: "x/10k" is the median of their ratios. Of tokens
// that both mirrors "share" each looks for the entries every time, as if some
// that could be theirs had just been added.
func BenchmarkMirrorHot(b *testing.B) {
	small, large := denylist.FilledMirror(b, 10_000), denylist.FilledMirror(b, 10_000_000)
	const few, most = 512, 100_000
	var both either
	verifiers, raw := hotVerifiers(b, most, small, large, &both)
	both.Mirror = small
	ofSmall, ofLarge, shared := verifiers[0], verifiers[1], verifiers[2]
	seeAll(b, ofSmall, raw)
	seeAll(b, ofLarge, raw)
	seeAll(b, shared, raw[:few])

	for _, tokens := range []int{few, most} {
		b.Run(fmt.Sprintf("tokens=%d", tokens), func(b *testing.B) {
			takeTurns(b, raw[:tokens],
				func(raw []string) time.Duration { return verdicts(b, ofSmall, raw) },
				func(raw []string) time.Duration { return verdicts(b, ofLarge, raw) })
		})
	}
	b.Run(fmt.Sprintf("shared=%d", few), func(b *testing.B) {
		takeTurns(b, raw[:few],
			func(raw []string) time.Duration { both.Mirror = small; return verdicts(b, shared, raw) },
			func(raw []string) time.Duration { both.Mirror = large; return verdicts(b, shared, raw) })
	})
}

// seeAll has a verifier see tokens for the first time. What it keeps of them is
// not theirs.
func seeAll(b *testing.B, v *verifier.Verifier, raw []string) {
	for _, token := range raw {
		_, err := v.Verify(b.Context(), strings.Clone(token))
		require.NoError(b, err)
	}
}

// takeTurns times two by turns.
func takeTurns(b *testing.B, raw []string, base, ours func(raw []string) time.Duration) {
	var ratios, each []float64
	next := 0
	b.ReportAllocs()
	for b.Loop() {
		for range hotTurns {
			if next+hotTurn > len(raw) {
				next = 0
			}
			these := raw[next : next+hotTurn]
			next += hotTurn
			first, second := base(these), ours(these)
			ratios = append(ratios, float64(second)/float64(first))
			each = append(each, float64(second.Nanoseconds())/hotTurn)
		}
	}
	b.ReportMetric(middle(ratios), "x/10k")
	b.ReportMetric(middle(each), "ns/verdict")
}

// BenchmarkMirrorHot_Parallel times the same verdicts by 64 goroutines against
// those of one, in processor time: what they write to the same memory, each
// waits for. They take turns; "cpu-x/alone" is the median of their ratios.
func BenchmarkMirrorHot_Parallel(b *testing.B) {
	verifiers, raw := hotVerifiers(b, hotTurn, denylist.FilledMirror(b, 1_000_000))
	v := verifiers[0]
	verdicts(b, v, raw)
	turn := func(goroutines int) float64 {
		begun := ownCPU(b)
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for range 64 * 4 / goroutines {
					verdicts(b, v, raw)
				}
			})
		}
		all.Wait()
		return (ownCPU(b) - begun).Seconds()
	}
	var ratios []float64
	for b.Loop() {
		alone := turn(1)
		ratios = append(ratios, turn(64)/alone)
	}
	b.ReportMetric(middle(ratios), "cpu-x/alone")
}

// A turn is short: what else the machine does meets few of them. All tokens
// are more than a processor's cache holds of what is kept of them.
const (
	hotTurn  = 512
	hotTurns = 200 // of each, in one op
)

// verdicts times verdicts on tokens that have just come in: else their bytes
// would be waited for as well, whatever the mirror.
func verdicts(b *testing.B, v *verifier.Verifier, raw []string) time.Duration {
	for _, token := range raw {
		if strings.IndexByte(token, 0) >= 0 {
			b.Fatal("a token with a zero byte")
		}
	}
	begun := time.Now()
	for _, token := range raw {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun)
}

// ownCPU is the processor time that this process has used.
func ownCPU(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func middle(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// either is one mirror, and then another.
type either struct{ *denylist.Mirror }

// hotVerifiers returns verifiers that each ask a list and have room for n
// tokens, and these.
func hotVerifiers(b *testing.B, n int, lists ...verifier.Denylist) (all []*verifier.Verifier, raw []string) {
	b.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	key, err := verifier.NewKey("hot", verifier.ES256, secret.Public())
	require.NoError(b, err)
	for _, list := range lists {
		v, err := verifier.New(list, []verifier.Issuer{{Name: issuer, Keys: verifier.Keys{key}, Audiences: []string{"api"}}},
			verifier.Options{CacheEntries: 8 * n, CacheBytes: int64(n) << 13}) // hardly a bucket of it is ever full
		require.NoError(b, err)
		all = append(all, v)
	}
	now := time.Now().Unix()
	for i := range n {
		raw = append(raw, signedToken(b, secret, fmt.Sprintf(`{"iss":%q,"aud":"api","sub":"c1b1b5f0-56a1-4f7e-9a6e-2f3b0d9a7e21",`+
			`"jti":"7f0c5b1e-95cf-4e0b-8a3b-%012d","sid":"0b7a3f52-1c9e-4b43-9f2a-%012d","iat":%d,"exp":%d,"rot":0}`,
			issuer, i, i, now, now+3600)))
	}
	return all, raw
}

func signedToken(b *testing.B, secret *ecdsa.PrivateKey, payload string) string {
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	input := text([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"hot"}`)) + "." + text([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, secret, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + text(signature[:])
}
