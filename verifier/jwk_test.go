package verifier

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jwkOf returns the fixtures' JWK of an algorithm, changed: "member=value"
// sets, "member" removes.
func jwkOf(t testing.TB, alg Algorithm, changes ...string) string {
	for _, f := range foreignTokens(t) {
		if f.Alg != alg {
			continue
		}
		var members map[string]any
		require.NoError(t, json.Unmarshal(f.JWK, &members))
		for _, change := range changes {
			name, text, set := strings.Cut(change, "=")
			if delete(members, name); set {
				members[name] = json.RawMessage(text)
			}
		}
		text, err := json.Marshal(members)
		require.NoError(t, err)
		return string(text)
	}
	t.Fatalf("no fixture for %v", alg)
	return ""
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func TestParseJWKS(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		rsa  Algorithm
		want string // the keys' algorithms; empty: refused
	}{
		{"alg", jwkOf(t, ES256, `alg="ES256"`), "", "ES256"},
		{"alg of the curve", setOf(jwkOf(t, ES256), jwkOf(t, ES384), jwkOf(t, ES512), jwkOf(t, EdDSA)), "", "ES256 ES384 ES512 EdDSA"},
		{"RSA by policy", jwkOf(t, RS256), PS384, "PS384"},
		{"RSA's own alg over policy", jwkOf(t, RS256, `alg="RS512"`), PS384, "RS512"},
		{"RSA without either", jwkOf(t, RS256), "", ""},
		{"a policy that is none", jwkOf(t, ES256), "ES256", ""},
		{"a secret policy", jwkOf(t, ES256), "HS256", ""},
		{"oct with alg", jwkOf(t, HS256, `alg="HS384"`), "", "HS384"},
		{"oct without alg", jwkOf(t, HS256), RS256, ""},
		{"use sig", jwkOf(t, ES256, `use="sig"`), "", "ES256"},
		{"use enc", jwkOf(t, ES256, `use="enc"`), "", ""},
		{"use in upper case", jwkOf(t, ES256, `use="SIG"`), "", ""},
		{"use not a string", jwkOf(t, ES256, `use=["sig"]`), "", ""},
		{"key_ops verify", jwkOf(t, ES256, `key_ops=["sign","verify"]`), "", "ES256"},
		{"key_ops encrypt", jwkOf(t, ES256, `key_ops=["encrypt"]`), "", ""},
		{"key_ops empty", jwkOf(t, ES256, `key_ops=[]`), "", ""},
		{"key_ops twice", jwkOf(t, ES256, `key_ops=["verify","verify"]`), "", ""},
		{"key_ops against use", jwkOf(t, ES256, `use="sig"`, `key_ops=["wrapKey"]`), "", ""},
		{"a public key that signs", jwkOf(t, ES256, `key_ops=["sign"]`), "", ""},
		{"a private key that signs", jwkOf(t, ES256, `key_ops=["sign"]`, `d="AA"`), "", "ES256"},
		{"a secret that only signs", jwkOf(t, HS256, `alg="HS256"`, `key_ops=["sign"]`, `d="AA"`), "", ""},
		{"alg of another curve", jwkOf(t, ES256, `alg="ES384"`), "", ""},
		{"alg of another type", jwkOf(t, ES256, `alg="HS256"`), "", ""},
		{"HS alg on an RSA key", jwkOf(t, RS256, `alg="HS256"`), "", ""},
		{"RS alg on a secret", jwkOf(t, HS256, `alg="RS256"`), "", ""},
		{"alg none", jwkOf(t, ES256, `alg="none"`), "", ""},
		{"alg unknown", jwkOf(t, ES512, `alg="ES521"`), "", ""},
		{"kty unknown", jwkOf(t, ES256, `kty="AKP"`), "", ""},
		{"kty missing", jwkOf(t, ES256, `kty`), "", ""},
		{"kty null", jwkOf(t, ES256, `kty=null`), "", ""},
		{"crv unknown", jwkOf(t, ES256, `crv="secp256k1"`), "", ""},
		{"a curve for agreement", jwkOf(t, EdDSA, `crv="X25519"`), "", ""},
		{"y missing", jwkOf(t, ES256, `y`), "", ""},
		{"off the curve", jwkOf(t, ES256, `y="`+base64.RawURLEncoding.EncodeToString(make([]byte, 32))+`"`), "", ""},
		{"short secret", jwkOf(t, HS256, `alg="HS256"`, `k="AAAA"`), "", ""},
		{"empty secret", jwkOf(t, HS256, `alg="HS256"`, `k=""`), "", ""},
		{"RSA exponent 1", jwkOf(t, RS256, `e="AQ"`), RS256, ""},
		{"kid too long", jwkOf(t, ES256, `kid="`+strings.Repeat("k", MaxKeyID+1)+`"`), "", ""},
		{"kid a number", jwkOf(t, ES256, `kid=7`), "", ""},
		{"broken certificates are not looked at", jwkOf(t, ES256, `x5c=["AAAA"]`, `x5t="A"`, `x5u=":"`), "", "ES256"},
		{"unknown members", jwkOf(t, ES256, `x-new={"a":[1,2]}`), "", "ES256"},

		{"others are skipped in a set", setOf(jwkOf(t, ES256), jwkOf(t, ES384, `use="enc"`), jwkOf(t, ES512, `kty="new"`),
			jwkOf(t, EdDSA, `crv="Ed448"`), jwkOf(t, RS256), jwkOf(t, RS256, `alg="RSA-OAEP"`), jwkOf(t, ES512, `key_ops=["deriveKey"]`)), "", "ES256"},
		{"weak ones are not", setOf(jwkOf(t, ES256), jwkOf(t, RS256, `e="AQ"`)), RS256, ""},
		{"nor are malformed ones", setOf(jwkOf(t, ES256), jwkOf(t, ES384, `x="?"`)), "", ""},
		{"all skipped", setOf(jwkOf(t, ES256, `use="enc"`)), "", ""},
		{"empty set", `{"keys":[]}`, "", ""},
		{"null set", `{"keys":null}`, "", ""},
		{"null key", `{"keys":[null]}`, "", ""},
		{"secret and public in one set", setOf(jwkOf(t, ES256), jwkOf(t, HS256, `alg="HS256"`)), "", ""},
		{"also where the one is skipped", setOf(jwkOf(t, ES256, `use="enc"`), jwkOf(t, HS256, `alg="HS256"`)), "", ""},
		{"two secrets", setOf(jwkOf(t, HS256, `alg="HS256"`, `kid="a"`), jwkOf(t, HS256, `alg="HS512"`, `kid="b"`)), "", "HS256 HS512"},
		{"one kid twice", setOf(jwkOf(t, ES256, `kid="a"`), jwkOf(t, ES384, `kid="a"`)), "", ""},
		{"one key twice", setOf(jwkOf(t, ES256), jwkOf(t, ES256)), "", ""},
		{"a key and a set", `{"kty":"EC","keys":[]}`, "", ""},
		{"a set in a set", setOf(setOf(jwkOf(t, ES256))), "", ""},

		{"nothing", "", "", ""},
		{"not JSON", "keys", "", ""},
		{"an array", "[" + jwkOf(t, ES256) + "]", "", ""},
		{"data after it", jwkOf(t, ES256) + "{}", "", ""},
		{"a member twice", `{"kty":"EC",` + jwkOf(t, ES256)[1:], "", ""},
		{"a member of another case", strings.Replace(jwkOf(t, ES256), `"kty"`, `"KTY"`, 1), "", ""},
		{"not UTF-8", jwkOf(t, ES256, `kid="a"`)[:1] + "\"\xff\":1," + jwkOf(t, ES256)[1:], "", ""},
		{"too many keys", setOf(strings.Split(strings.Repeat(`{"kty":"x"} `, maxJWKSKeys+1), " ")[:maxJWKSKeys+1]...), "", ""},
		{"too large", jwkOf(t, ES256) + strings.Repeat(" ", maxJWKSBytes), "", ""},
		{"10,000 deep", `{"kty":` + strings.Repeat("[", 10_000), "", ""},
	} {
		keys, err := ParseJWKS([]byte(tt.text), tt.rsa)
		if tt.want == "" {
			assert.Error(t, err, tt.name)
			assert.Empty(t, keys, tt.name)
			continue
		}
		if assert.NoError(t, err, tt.name) {
			var got []string
			for _, k := range keys {
				got = append(got, string(k.Algorithm()))
			}
			assert.Equal(t, tt.want, strings.Join(got, " "), tt.name)
		}
	}
}

// The key itself and its name come out as they went in.
func TestParseJWKSRoundTrip(t *testing.T) {
	keys, err := ParseJWKS([]byte(jwkOf(t, ES256, `kid="émile/../7"`)), "")
	require.NoError(t, err)
	assert.Equal(t, "émile/../7", keys[0].ID())
	assert.True(t, keys[0].Public().(*ecdsa.PublicKey).Equal(publicOfAlgorithm(t, ES256)))
	assert.False(t, keys[0].Algorithm().Symmetric())

	keys, err = ParseJWKS([]byte(jwkOf(t, HS256, `alg="HS256"`)), "")
	require.NoError(t, err)
	assert.True(t, keys[0].Algorithm().Symmetric())
}

// RFC 7638 section 3.1.
func TestThumbprintOfRFC7638(t *testing.T) {
	keys, err := ParseJWKS([]byte(`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs`+
		`tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPks`+
		`INHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`), RS256)
	require.NoError(t, err)
	assert.Equal(t, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", keys[0].ID())
}

func TestR19_ParseErrorsShowNoSecret(t *testing.T) {
	for _, text := range []string{
		`{"kty":"oct","alg":"HS256","k":"S3cr3tS3cr3tS3cr3t"}`,
		`{"kty":"oct","alg":"HS256","k":"S3cr3t!!"}`,
		`{"kty":"oct","alg":"HS256","k":S3cr3t}`,
		`{"kty":"oct","alg":"HS256","k":["S3cr3t"]}`,
		`{"kty":"oct","alg":"HS256","k":"S3cr3t`,
		`{"kty":"oct","alg":"HS256","k":"A","k":"S3cr3t"}`,
		`{"kty":"EC","crv":"P-256","x":"S3cr3t","y":"S3cr3t","d":"S3cr3t"}`,
		`S3cr3tS3cr3tS3cr3tS3cr3tS3cr3t`,
		"-----BEGIN PRIVATE KEY-----\nS3cr3tS3cr3t\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nS3cr3tS3cr3t",
	} {
		_, err := ParseJWKS([]byte(text), "")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "S3cr3t")
		_, err = ParsePEM([]byte(text), RS256)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "S3cr3t")
	}
}

func FuzzParseJWKS(f *testing.F) {
	for _, alg := range Algorithms() {
		f.Add([]byte(jwkOf(f, alg, fmt.Sprintf("alg=%q", alg))))
	}
	f.Add([]byte(setOf(jwkOf(f, ES256), jwkOf(f, EdDSA, `use="enc"`))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","key_ops":["verify"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseJWKS(data, RS256)
		checkParsed(t, keys, err)
	})
}

// checkParsed is what every parser of keys promises.
func checkParsed(t *testing.T, keys Keys, err error) {
	if err != nil {
		require.Empty(t, keys)
		return
	}
	require.NotEmpty(t, keys)
	for _, k := range keys {
		require.NotEmpty(t, k.ID())
		require.NotEqual(t, familyNone, k.Algorithm().family())
		require.ErrorIs(t, k.verify([]byte("input"), []byte("no signature")), ErrSignature)
		if !k.Algorithm().Symmetric() {
			_, err := NewKey(k.ID(), k.Algorithm(), k.Public())
			require.NoError(t, err)
		}
	}
}
