package verifier

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// foreignToken is one row of testdata/foreign/tokens.json: a token that
// another language's library minted.
type foreignToken struct {
	Alg   Algorithm       `json:"alg"`
	KID   string          `json:"kid"`
	JWK   json.RawMessage `json:"jwk"`
	PEM   string          `json:"pem"`
	Token string          `json:"token"`
}

func foreignTokens(t testing.TB) []foreignToken {
	data, err := os.ReadFile("testdata/foreign/tokens.json")
	require.NoError(t, err)
	var file struct {
		Tokens []foreignToken `json:"tokens"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Tokens, len(Algorithms()))
	return file.Tokens
}

// keyFor reads the row's JWK as a key of the given algorithm.
func (f foreignToken) keyFor(t testing.TB, alg Algorithm) Key {
	var members map[string]any
	require.NoError(t, json.Unmarshal(f.JWK, &members))
	members["alg"] = alg
	jwk, err := json.Marshal(members)
	require.NoError(t, err)
	keys, err := ParseJWKS(jwk, "")
	require.NoError(t, err)
	return keys[0]
}

func (f foreignToken) key(t testing.TB) Key { return f.keyFor(t, f.Alg) }

// foreignVerifier trusts the fixtures' issuer with the given keys.
func foreignVerifier(t testing.TB, keys ...Key) *Verifier {
	v, err := New(denylist.NewMemory(denylist.MemoryOptions{}), []Issuer{{
		Name: "https://issuer.example", Keys: Keys(keys), Audiences: []string{"api"},
	}}, Options{Now: func() time.Time { return time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC) }})
	require.NoError(t, err)
	return v
}

func TestForeignTokens(t *testing.T) {
	for _, f := range foreignTokens(t) {
		t.Run(string(f.Alg), func(t *testing.T) {
			claims, err := foreignVerifier(t, f.key(t)).Verify(context.Background(), f.Token)
			require.NoError(t, err)
			assert.Equal(t, "user-"+string(f.Alg), claims.Subject())
			assert.Equal(t, []string{"read", "write"}, claims.Scopes())
			assert.Equal(t, f.KID, claims.KeyID())
			var extra struct {
				Note string `json:"note"`
			}
			require.NoError(t, claims.Decode(&extra))
			assert.Equal(t, "grüße, 世界 \"\\", extra.Note)
		})
	}
}

// The fixtures' kids were computed by the other library, RFC 7638.
func TestThumbprintOfForeignKeys(t *testing.T) {
	for _, f := range foreignTokens(t) {
		assert.Equal(t, f.KID, f.key(t).ID(), "JWK of %v", f.Alg)
		if f.PEM == "" {
			continue
		}
		keys, err := ParsePEM([]byte(f.PEM), f.Alg)
		require.NoError(t, err)
		assert.Equal(t, f.KID, keys[0].ID(), "PEM of %v", f.Alg)
		assert.Equal(t, f.Alg, keys[0].Algorithm())
		assert.Equal(t, f.key(t).Public(), keys[0].Public())
	}
}

// R2: a token verifies with its own algorithm's key and no other, not even
// where the key material is the same.
func TestR2_EachAlgorithmRefusesEveryOther(t *testing.T) {
	tokens := foreignTokens(t)
	for _, f := range tokens {
		input, signature := signedParts(t, f.Token)
		for _, g := range tokens {
			key := g.key(t)
			if f.Alg == g.Alg {
				assert.NoError(t, key.verify(input, signature), "%v", f.Alg)
				continue
			}
			assert.ErrorIs(t, key.verify(input, signature), ErrSignature, "%v token, %v key", f.Alg, g.Alg)
			_, err := foreignVerifier(t, key).Verify(context.Background(), f.Token)
			want := ErrAlgorithm
			if f.KID != g.KID {
				want = ErrUnknownKey
			}
			assert.ErrorIs(t, err, want, "%v token, %v key", f.Alg, g.Alg)
		}
	}
}

// Each bit of a signature counts (some forty of them are tried), and so does
// its length.
func TestForeignTokensChanged(t *testing.T) {
	for _, f := range foreignTokens(t) {
		key := f.key(t)
		input, signature := signedParts(t, f.Token)
		for bit := 0; bit < 8*len(signature); bit += len(signature)/5 | 1 {
			signature[bit/8] ^= 1 << (bit % 8)
			assert.ErrorIs(t, key.verify(input, signature), ErrSignature, "%v, bit %d", f.Alg, bit)
			signature[bit/8] ^= 1 << (bit % 8)
		}
		for _, other := range [][]byte{nil, signature[1:], signature[:len(signature)-1], append([]byte{0}, signature...), append(signature, 0)} {
			assert.ErrorIs(t, key.verify(input, other), ErrSignature, "%v, %d bytes", f.Alg, len(other))
		}
		assert.ErrorIs(t, key.verify(append(input, '.'), signature), ErrSignature, "%v", f.Alg)
		assert.NoError(t, key.verify(input, signature), "%v", f.Alg)
	}
}

// signedParts splits a token into what was signed and the signature.
func signedParts(t testing.TB, token string) (input, signature []byte) {
	dot := strings.LastIndexByte(token, '.')
	signature, ok := appendBase64(nil, token[dot+1:])
	require.True(t, ok)
	return []byte(token[:dot]), signature
}
