package verifier

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretOf is a secret that a leak would show.
func secretOf(n int) []byte { return bytes.Repeat([]byte("S3cr3t-"), n/7+1)[:n] }

// publicOfAlgorithm returns the fixtures' key of an algorithm.
func publicOfAlgorithm(t testing.TB, alg Algorithm) any {
	for _, f := range foreignTokens(t) {
		if f.Alg == alg {
			return f.key(t).Public()
		}
	}
	t.Fatalf("no fixture for %v", alg)
	return nil
}

func TestR20_WeakKeys(t *testing.T) {
	n := publicOfAlgorithm(t, RS256).(*rsa.PublicKey).N
	ofBits := func(bits uint) *big.Int { // odd, and of no use to anybody
		return new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), bits-1), 0, 1)
	}
	es256 := publicOfAlgorithm(t, ES256).(*ecdsa.PublicKey)
	outside := *es256
	//lint:ignore SA1019 there is no other way to a point off its curve
	outside.X = new(big.Int).Add(es256.X, big.NewInt(1))
	for _, tt := range []struct {
		name   string
		alg    Algorithm
		public any
	}{
		{"no algorithm", "", secretOf(64)},
		{"none", "none", secretOf(64)},
		{"lower case", "hs256", secretOf(64)},
		{"unknown algorithm", "ES521", es256},
		{"HMAC without a secret", HS256, []byte{}},
		{"HMAC with a nil secret", HS256, []byte(nil)},
		{"HMAC with nil", HS256, nil},
		{"HMAC with a string", HS256, "a string of more than 32 bytes, which is not []byte"},
		{"HS256 a byte short", HS256, secretOf(31)},
		{"HS384 a byte short", HS384, secretOf(47)},
		{"HS512 a byte short", HS512, secretOf(63)},
		{"HMAC far too long", HS256, secretOf(4097)},
		{"RSA nil", RS256, (*rsa.PublicKey)(nil)},
		{"RSA zero", RS256, &rsa.PublicKey{}},
		{"RSA value", RS256, rsa.PublicKey{N: n, E: 65537}},
		{"RSA 1024", RS256, &rsa.PublicKey{N: ofBits(1024), E: 65537}},
		{"RSA 2047", PS256, &rsa.PublicKey{N: ofBits(2047), E: 65537}},
		{"RSA 16385", RS256, &rsa.PublicKey{N: ofBits(16385), E: 65537}},
		{"RSA even modulus", RS256, &rsa.PublicKey{N: new(big.Int).Add(n, big.NewInt(1)), E: 65537}},
		{"RSA negative modulus", RS256, &rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}},
		{"RSA exponent 0", RS256, &rsa.PublicKey{N: n, E: 0}},
		{"RSA exponent 1", RS256, &rsa.PublicKey{N: n, E: 1}},
		{"RSA exponent 3", RS256, &rsa.PublicKey{N: n, E: 3}},
		{"RSA even exponent", RS256, &rsa.PublicKey{N: n, E: 65538}},
		{"RSA exponent over 31 bits", RS256, &rsa.PublicKey{N: n, E: 1<<31 + 1}},
		{"RSA with ROCA", RS256, &rsa.PublicKey{N: rocaModulus(), E: 65537}},
		{"ECDSA nil", ES256, (*ecdsa.PublicKey)(nil)},
		{"ECDSA zero", ES256, &ecdsa.PublicKey{}},
		{"ECDSA without a point", ES256, &ecdsa.PublicKey{Curve: elliptic.P256()}},
		//lint:ignore SA1019 there is no other way to infinity
		{"ECDSA at infinity", ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}},
		{"ECDSA off its curve", ES256, &outside},
		{"ECDSA on P-224", ES256, &ecdsa.PublicKey{Curve: elliptic.P224()}},
		{"P-256 for ES384", ES384, es256},
		{"P-384 for ES256", ES256, publicOfAlgorithm(t, ES384)},
		{"P-384 for ES512", ES512, publicOfAlgorithm(t, ES384)},
		{"Ed25519 empty", EdDSA, ed25519.PublicKey{}},
		{"Ed25519 a byte short", EdDSA, ed25519.PublicKey(make([]byte, 31))},
		{"Ed25519 as []byte", EdDSA, []byte(publicOfAlgorithm(t, EdDSA).(ed25519.PublicKey))},
		{"Ed25519 zero", EdDSA, ed25519.PublicKey(make([]byte, 32))},
	} {
		k, err := NewKey("kid", tt.alg, tt.public)
		assert.Error(t, err, tt.name)
		assert.Zero(t, k, tt.name)
		assert.NotContains(t, fmt.Sprint(err), "S3cr3t", tt.name)
	}
	_, err := NewKey(strings.Repeat("k", MaxKeyID+1), HS256, secretOf(32))
	assert.Error(t, err)
}

// rocaModulus is what the flawed cards made: a power of 65537 modulo each of
// the first primes.
func rocaModulus() *big.Int {
	primorial, isPrime := big.NewInt(1), big.NewInt(0)
	for p := int64(2); p <= 701; p++ {
		if isPrime.SetInt64(p).ProbablyPrime(20) {
			primorial.Mul(primorial, isPrime)
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), primorial)
	step := new(big.Int).Mul(primorial, big.NewInt(2)) // keeps n odd
	for shift := uint(2047 - step.BitLen()); n.BitLen() < 2048; shift++ {
		n.Add(n, new(big.Int).Lsh(step, shift))
	}
	return n
}

// R20: for these points of Ed25519 a signature of zeros or the like verifies
// for many messages.
func TestR20_LowOrderPoints(t *testing.T) {
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		point, err := hex.DecodeString(y)
		require.NoError(t, err)
		for _, sign := range []byte{0, 0x80} {
			point[31] = point[31]&0x7f | sign
			_, err := NewKey("", EdDSA, ed25519.PublicKey(point))
			assert.Error(t, err, "%x", point)
		}
	}
}

// R2: a public key is not a secret, and its type says so.
func TestR2_KeyConfusion(t *testing.T) {
	for _, f := range foreignTokens(t) {
		if f.PEM == "" {
			continue
		}
		for _, alg := range []Algorithm{HS256, HS384, HS512} {
			_, err := NewKey("", alg, f.key(t).Public())
			assert.Error(t, err, "%v key for %v", f.Alg, alg)
			_, err = NewKey("", alg, []byte(f.PEM))
			assert.Error(t, err, "%v PEM for %v", f.Alg, alg)
			_, err = ParsePEM([]byte(f.PEM), alg)
			assert.Error(t, err, "%v PEM parsed for %v", f.Alg, alg)
		}
	}
}

func TestNewKeyCopies(t *testing.T) {
	secret := secretOf(32)
	k, err := NewKey("", HS256, secret)
	require.NoError(t, err)
	signature := hmacSum(secret, "input")
	clear(secret)
	assert.NoError(t, k.verify([]byte("input"), signature))

	given := *publicOfAlgorithm(t, RS256).(*rsa.PublicKey)
	given.N = new(big.Int).Set(given.N)
	k, err = NewKey("", RS256, &given)
	require.NoError(t, err)
	given.N.SetInt64(1)
	assert.Greater(t, k.Public().(*rsa.PublicKey).N.BitLen(), 2000)
}

func TestR19_KeysShowNoSecret(t *testing.T) {
	secret := secretOf(32)
	k, err := NewKey("some-kid", HS256, secret)
	require.NoError(t, err)
	require.NoError(t, k.verify([]byte("input"), hmacSum(secret, "input"))) // the pool has something to leak
	assert.Nil(t, k.Public())

	type holder struct{ Key Key }
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		for _, v := range []any{k, &k, Keys{k}, holder{k}, &holder{k}, map[string]Key{"k": k}} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
	}
	for _, v := range []any{k, Keys{k}, holder{k}} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		shown.Write(text)
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("text", "key", k, "keys", Keys{k})
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("json", "key", k, "keys", Keys{k})

	assert.Contains(t, shown.String(), `HS256 key "some-kid"`)
	for _, leak := range []string{string(secret), hex.EncodeToString(secret), fmt.Sprint(secret), strings.ToUpper(hex.EncodeToString(secret))} {
		assert.NotContains(t, shown.String(), leak)
	}
}

func TestZeroKey(t *testing.T) {
	var k Key
	assert.ErrorIs(t, k.verify(nil, nil), ErrSignature)
	assert.Empty(t, k.ID())
	assert.Empty(t, k.Algorithm())
	assert.Nil(t, k.Public())
	assert.Equal(t, "no key", k.String())
}

func TestKeysKey(t *testing.T) {
	ctx := context.Background()
	keyNamed := func(kid string, n int) Key {
		k, err := NewKey(kid, HS256, secretOf(n))
		require.NoError(t, err)
		return k
	}
	a, b, twin := keyNamed("a", 32), keyNamed("b", 33), keyNamed("a", 34)
	for _, tt := range []struct {
		name string
		keys Keys
		kid  string
		want Key // zero: ErrUnknownKey
	}{
		{"by kid", Keys{a, b}, "b", b},
		{"only key, no kid", Keys{a}, "", a},
		{"two keys, no kid", Keys{a, b}, "", Key{}},
		{"no keys, no kid", nil, "", Key{}},
		{"no keys", nil, "a", Key{}},
		{"only key, another kid", Keys{a}, "b", Key{}},
		{"kid in another case", Keys{a}, "A", Key{}},
		{"a path", Keys{a}, "../a", Key{}},
		{"two of one kid", Keys{a, b, twin}, "a", Key{}},
		{"a zero key", Keys{{}}, "", Key{}},
	} {
		got, err := tt.keys.Key(ctx, tt.kid)
		assert.Equal(t, tt.want, got, tt.name)
		if tt.want == (Key{}) {
			assert.ErrorIs(t, err, ErrUnknownKey, tt.name)
		} else {
			assert.NoError(t, err, tt.name)
		}
	}
}

// The keyed MACs of one key are reused; no two checks may share one.
func TestKeyConcurrently(t *testing.T) {
	k, err := NewKey("", HS256, secretOf(32))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				input := fmt.Sprintf("%d.%d", g, i)
				assert.NoError(t, k.verify([]byte(input), hmacSum(secretOf(32), input)))
				assert.ErrorIs(t, k.verify([]byte(input), hmacSum(secretOf(32), "another")), ErrSignature)
			}
		})
	}
	wg.Wait()
}

func TestECDSAFixedSize(t *testing.T) {
	for _, alg := range []Algorithm{ES256, ES384, ES512} {
		curve := curveOf(alg)
		size := (curve.Params().BitSize + 7) / 8
		for i := range 10 {
			private, err := ecdsa.GenerateKey(curve, rand.Reader)
			require.NoError(t, err)
			k, err := NewKey("", alg, &private.PublicKey)
			require.NoError(t, err)
			input := fmt.Appendf(nil, "input %d", i)
			r, s, err := ecdsa.Sign(rand.Reader, private, digest(alg.hash(), input))
			require.NoError(t, err)
			fixed := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			assert.NoError(t, k.verify(input, fixed))
			// The twin of EDGES: (r, n-s) verifies too, so the denylist never
			// keeps a token's text.
			twin := new(big.Int).Sub(curve.Params().N, s)
			assert.NoError(t, k.verify(input, append(bytes.Clone(fixed[:size]), twin.FillBytes(make([]byte, size))...)))
			der, err := private.Sign(rand.Reader, digest(alg.hash(), input), alg.hash())
			require.NoError(t, err)
			assert.ErrorIs(t, k.verify(input, der), ErrSignature, "DER is not JWS")
		}
	}
}
