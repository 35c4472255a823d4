package rotation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// benchmarked are the algorithms that people choose between.
var benchmarked = []verifier.Algorithm{verifier.HS256, verifier.ES256, verifier.EdDSA, verifier.RS256}

func benchSessions(b *testing.B, alg verifier.Algorithm) *rotation.Sessions {
	b.Helper()
	ring, err := rotation.NewKeyRing(alg, rotation.KeyRingOptions{})
	require.NoError(b, err)
	s, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}),
		rotation.Options{Issuer: issuer, RotateEvery: -1})
	require.NoError(b, err)
	return s
}

func benchLogin(b *testing.B, s *rotation.Sessions) rotation.Tokens {
	at, err := s.Now(b.Context())
	require.NoError(b, err)
	tokens, err := s.Login(b.Context(), rotation.Login{At: at, Subject: "s", Scope: []string{"read", "write"}})
	require.NoError(b, err)
	return tokens
}

// BenchmarkLogin: two signatures.
func BenchmarkLogin(b *testing.B) {
	for _, alg := range benchmarked {
		b.Run(string(alg), func(b *testing.B) {
			s := benchSessions(b, alg)
			b.ReportAllocs()
			for b.Loop() {
				benchLogin(b, s)
			}
		})
	}
}

// BenchmarkExchange: one verification, two signatures, one step of the chain.
func BenchmarkExchange(b *testing.B) {
	for _, alg := range benchmarked {
		b.Run(string(alg), func(b *testing.B) {
			s := benchSessions(b, alg)
			tokens := benchLogin(b, s)
			b.ReportAllocs()
			for b.Loop() {
				next, err := s.Exchange(b.Context(), tokens.Refresh, rotation.Attempt{})
				if err != nil {
					b.Fatal(err)
				}
				tokens = next
			}
		})
	}
}
