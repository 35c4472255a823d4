package denylist

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDigest_Vectors checks the vectors that docs/redis-schema.md gives to
// other languages; another language has computed them.
func TestDigest_Vectors(t *testing.T) {
	text, err := os.ReadFile("testdata/digest.json")
	require.NoError(t, err)
	var vectors []struct {
		Name   string `json:"name"`
		Issuer string `json:"issuer_hex"`
		ID     string `json:"id_hex"`
		Digest string `json:"digest"`
	}
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.GreaterOrEqual(t, len(vectors), 20)
	seen := map[string]string{}
	for _, v := range vectors {
		issuer, err := hex.DecodeString(v.Issuer)
		require.NoError(t, err, v.Name)
		id, err := hex.DecodeString(v.ID)
		require.NoError(t, err, v.Name)

		got := digest(string(issuer), string(id))
		assert.Equal(t, v.Digest, got, v.Name)
		assert.Equal(t, got, digestUnder(sha256.Sum256(issuer), string(id)), v.Name)
		assert.Len(t, got, digestLen, v.Name)
		assert.NotContains(t, seen, got, "%s has the digest of another", v.Name)
		seen[got] = v.Name
	}
}

func BenchmarkDigest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		digest("https://issuer.example", "0192d3a4-7c1e-7b52-9f0a-2f6f1b1c9d3e")
	}
}
