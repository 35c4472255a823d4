package verifier

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// R2: whatever of a public key an attacker uses as a secret, and whatever he
// writes into the header, the key verifies nothing but its own algorithm.
func TestR2_SignedWithThePublicKey(t *testing.T) {
	ctx := context.Background()
	for _, f := range foreignTokens(t) {
		if f.Alg.Symmetric() {
			continue
		}
		key := f.key(t)
		v := foreignVerifier(t, key)
		for name, secret := range publicForms(t, f) {
			for _, method := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
				for _, kid := range []string{"", fmt.Sprintf(`,"kid":%q`, f.KID)} {
					as := func(alg string) string {
						return relabelled(t, f.Token, fmt.Sprintf(`{"alg":%q,"typ":"at+jwt"%s}`, alg, kid), method, secret)
					}
					_, err := v.Verify(ctx, as(method.Alg()))
					assert.ErrorIs(t, err, ErrAlgorithm, "%v key, %s signed with the %s", f.Alg, method.Alg(), name)
					_, err = v.Verify(ctx, as(string(f.Alg)))
					assert.ErrorIs(t, err, ErrSignature, "%v key, its own alg over a MAC with the %s", f.Alg, name)
					_, err = v.Verify(ctx, as("none"))
					assert.ErrorIs(t, err, ErrAlgorithm, "%v key, none over a MAC with the %s", f.Alg, name)
				}
			}
		}
	}
}

// publicForms are the spellings of a public key that have served as secrets.
func publicForms(t testing.TB, f foreignToken) map[string][]byte {
	der, err := x509.MarshalPKIXPublicKey(f.key(t).Public())
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(f.PEM))
	require.Equal(t, der, block.Bytes)
	return map[string][]byte{
		"PEM":                     []byte(f.PEM),
		"PEM without its newline": []byte(strings.TrimSpace(f.PEM)),
		"DER":                     der,
		"JWK":                     f.JWK,
		"kid":                     []byte(f.KID),
		"empty string":            {},
	}
}

// relabelled is a token's payload under another header, signed anew.
func relabelled(t testing.TB, token, header string, method jwt.SigningMethod, key any) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + strings.Split(token, ".")[1]
	signature, err := method.Sign(input, key)
	require.NoError(t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// R2: a key that comes with the token, or is pointed at by it, is not looked at.
func TestR2_EmbeddedKeys(t *testing.T) {
	attacker := foreignTokens(t)[0]
	require.Equal(t, HS512, attacker.Alg)
	for _, f := range foreignTokens(t) {
		v := foreignVerifier(t, f.key(t))
		for _, member := range []string{
			`"jwk":` + string(attacker.JWK), `"jku":"https://attacker.example/jwks.json"`,
			`"x5u":"https://attacker.example/cert"`, `"x5c":["AAAA"]`,
		} {
			header := fmt.Sprintf(`{"alg":%q,"typ":"at+jwt",%s}`, f.Alg, member)
			_, err := v.Verify(context.Background(), relabelled(t, f.Token, header, jwt.SigningMethodHS512, secretOf(64)))
			assert.ErrorIs(t, err, ErrHeader, "%v key, %.6s", f.Alg, member)
		}
	}
}
