package verifier

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func hmacSum(secret []byte, input string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return mac.Sum(nil)
}

// RFC 7518 section 3.5: no salt but one as long as the hash. golang-jwt takes
// any.
func TestPSSSaltLength(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	input := []byte("input")
	for _, alg := range []Algorithm{PS256, PS384, PS512} {
		k, err := NewKey("", alg, &private.PublicKey)
		require.NoError(t, err)
		for _, salt := range []int{0, 8, 20, 32, 48, 64, rsa.PSSSaltLengthAuto} {
			signature, err := rsa.SignPSS(rand.Reader, private, alg.hash(), digest(alg.hash(), input), &rsa.PSSOptions{SaltLength: salt})
			if salt == 0 { // Auto, to SignPSS
				salt = rsa.PSSSaltLengthAuto
			}
			require.NoError(t, err)
			if err = k.verify(input, signature); salt == alg.hash().Size() {
				assert.NoError(t, err, "%v, salt %d", alg, salt)
			} else {
				assert.ErrorIs(t, err, ErrSignature, "%v, salt %d", alg, salt)
			}
		}
	}
}

// FuzzECDSADER holds our DER against encoding/asn1's.
func FuzzECDSADER(f *testing.F) {
	f.Add([]byte{0}, []byte{1})
	f.Add([]byte{0, 0, 0x80}, []byte{0x7f, 0xff})
	f.Add(bytes.Repeat([]byte{0xff}, 66), bytes.Repeat([]byte{0xff}, 66))
	f.Add(bytes.Repeat([]byte{0xff}, 48), make([]byte, 48))
	f.Fuzz(func(t *testing.T, r, s []byte) {
		if len(r) == 0 || len(s) == 0 || len(r) > 66 || len(s) > 66 {
			return
		}
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
		require.NoError(t, err)
		var room [maxECDSADER]byte
		got := appendECDSADER(room[:0], r, s)
		assert.Equal(t, want, got)
		assert.LessOrEqual(t, len(got), maxECDSADER)
	})
}

// BenchmarkSignature is the cryptography of one token, ours against
// golang-jwt's, in each algorithm.
func BenchmarkSignature(b *testing.B) {
	for _, f := range foreignTokens(b) {
		input, signature := signedParts(b, f.Token)
		key, theirs := f.key(b), jwt.GetSigningMethod(string(f.Alg))
		public := key.Public()
		if f.Alg.Symmetric() {
			public = secretOf(64)
			signature = mustSign(b, theirs, string(input), public)
			var err error
			key, err = NewKey("", f.Alg, public)
			require.NoError(b, err)
		}
		require.NoError(b, key.verify(input, signature)) // a curve's first use builds its tables
		b.Run(string(f.Alg)+"/rescind", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := key.verify(input, signature); err != nil {
					b.Fatal(err)
				}
			}
		})
		text := string(input)
		b.Run(string(f.Alg)+"/golang-jwt", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := theirs.Verify(text, signature, public); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func mustSign(b *testing.B, method jwt.SigningMethod, input string, key any) []byte {
	signature, err := method.Sign(input, key)
	require.NoError(b, err)
	return signature
}
