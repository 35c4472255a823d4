package rotation

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/verifier"
)

// The keys of the tests below: RFC 8037, appendix A.1, and RFC 7515, appendices
// A.1 and A.3.
const (
	edJWK   = `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`
	hmacJWK = `{"kty":"oct","alg":"HS256","kid":"hs","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	ecJWK   = `{"kty":"EC","crv":"P-256","alg":"ES256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
)

// record is one key of a file, with more members in front of its jwk.
func record(more, jwk string) string {
	return `{"created_at":"2026-01-01T00:00:00Z",` + more + `"jwk":` + jwk + `}`
}

func file(records ...string) string {
	return `{"version":1,"keys":[` + strings.Join(records, ",") + `]}`
}

const signs = `"signs_since":"2026-01-02T00:00:00Z",`

func TestKeyFile_Reads(t *testing.T) {
	t.Parallel()
	keys, err := decodeRing([]byte(file(
		record(signs+`"verifies_until":"2026-05-01T00:00:00Z",`, hmacJWK), record(signs, ecJWK), record("", edJWK))))
	require.NoError(t, err)
	require.Len(t, keys, 3)
	assert.Equal(t, KeyInfo{
		ID: "hs", Algorithm: verifier.HS256, State: Verifying,
		CreatedAt:     time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		SignsSince:    time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		VerifiesUntil: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
	}, keys[0].info())
	assert.Equal(t, Signing, keys[1].state())
	assert.Equal(t, Waiting, keys[2].state())
}

func TestKeyFile_Refuses(t *testing.T) {
	t.Parallel()
	swap := func(jwk, from, to string) string {
		out := strings.Replace(jwk, from, to, 1)
		require.NotEqual(t, jwk, out)
		return out
	}
	for name, data := range map[string]string{
		"nothing":                 ``,
		"not an object":           `[]`,
		"null":                    `null`,
		"trailing data":           file() + `{}`,
		"no version":              `{"keys":[]}`,
		"another version":         `{"version":2,"keys":[]}`,
		"unknown member":          `{"version":1,"keys":[],"more":1}`,
		"member twice":            `{"version":1,"keys":[],"keys":[]}`,
		"unknown member of a key": file(record(`"state":"signing",`, edJWK)),
		"jwk absent":              file(`{"created_at":"2026-01-01T00:00:00Z"}`),
		"jwk null":                file(record("", "null")),
		"jwk of a public key":     file(record("", swap(edJWK, `"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`, `"use":"sig"`))),
		"halves that do not fit":  file(record("", swap(edJWK, `"x":"1`, `"x":"2`))),
		"no kid":                  file(record("", swap(edJWK, `"kid":"ed"`, `"kid":""`))),
		"long kid":                file(record("", swap(edJWK, `"kid":"ed"`, `"kid":"`+strings.Repeat("k", 257)+`"`))),
		"kid twice":               file(record("", edJWK), record("", edJWK)),
		"no alg":                  file(record("", swap(edJWK, `"alg":"EdDSA",`, ``))),
		"alg none":                file(record("", swap(edJWK, `"alg":"EdDSA"`, `"alg":"none"`))),
		"alg of another key":      file(record("", swap(edJWK, `"alg":"EdDSA"`, `"alg":"ES256"`))),
		"alg of another curve":    file(record("", swap(ecJWK, `"alg":"ES256"`, `"alg":"ES384"`))),
		"R20 short secret":        file(record("", `{"kty":"oct","alg":"HS256","kid":"hs","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}`)),
		"R20 empty secret":        file(record("", `{"kty":"oct","alg":"HS256","kid":"hs","k":""}`)),
		"two that sign":           file(record(signs, edJWK), record(signs, ecJWK)),
		"never signed":            file(record(`"verifies_until":"2026-05-01T00:00:00Z",`, edJWK)),
		"odd instant":             file(record(`"signs_since":"yesterday",`, edJWK)),
		"too many keys":           file(strings.Split(strings.Repeat("{},", maxKeys)+"{}", ",")...),
	} {
		_, err := decodeRing([]byte(data))
		assert.ErrorIs(t, err, ErrKeyFile, name)
		if err != nil {
			assert.NotContains(t, err.Error(), "nWGxne", "R19: %s", name)
		}
	}
}

// FuzzKeyFile: what is read is written and read again as the same keys, and
// every key of a ring that is not withdrawn can sign.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(file()))
	f.Add([]byte(file(record(signs+`"verifies_until":"2026-05-01T00:00:00Z",`, hmacJWK), record(signs, ecJWK), record("", edJWK))))
	f.Add([]byte(file(record(signs, edJWK), record(signs, ecJWK))))
	f.Add([]byte(`{"version":1,"keys":null}`))
	f.Add([]byte(`{"version":1,"keys":[{"created_at":"2026-03-01T12:00:00Z","withdrawn_at":"2026-03-01T12:00:00Z",` +
		`"verifies_until":"2026-03-02T12:00:00Z","kid":"a","alg":"ES256"}]}`))
	f.Add([]byte(`{"version":18446744073709551617,"keys":[{}]}`))
	f.Add([]byte(file(record(`"signs_since":"9999-12-31T23:59:59.999999999Z",`, hmacJWK))))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := decodeRing(data)
		if err != nil {
			require.ErrorIs(t, err, ErrKeyFile)
			return
		}
		written, err := encodeRing(keys)
		require.NoError(t, err)
		again, err := decodeRing(written)
		require.NoError(t, err)
		require.Len(t, again, len(keys))
		for i, k := range again {
			require.Equal(t, keys[i].id, k.id)
			require.Equal(t, keys[i].state(), k.state())
			if k.state() == Withdrawn {
				require.Nil(t, k.private)
				continue
			}
			_, err := k.sign("at+jwt", []byte("{}"))
			require.NoError(t, err)
		}
	})
}
