package verifier

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pemOf encodes what an x509.Marshal function returned.
func pemOf(t testing.TB, kind string) func(der []byte, err error) string {
	return func(der []byte, err error) string {
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
}

func TestParsePEM(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)

	spki, pkcs8 := pemOf(t, "PUBLIC KEY"), pemOf(t, "PRIVATE KEY")
	rsaSPKI, ecSPKI := spki(x509.MarshalPKIXPublicKey(rsaKey.Public())), spki(x509.MarshalPKIXPublicKey(ecKey.Public()))
	edSPKI := spki(x509.MarshalPKIXPublicKey(edKey.Public()))
	rsaPKCS1 := pemOf(t, "RSA PUBLIC KEY")(x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil)
	ecDER, err := x509.MarshalPKIXPublicKey(ecKey.Public())
	require.NoError(t, err)

	for _, tt := range []struct {
		name string
		text string
		alg  Algorithm
		want []crypto.PublicKey // nil: refused
	}{
		{"RSA SPKI", rsaSPKI, RS256, []crypto.PublicKey{rsaKey.Public()}},
		{"RSA PKCS#1", rsaPKCS1, PS512, []crypto.PublicKey{rsaKey.Public()}},
		{"RSA PKCS#1 private", pemOf(t, "RSA PRIVATE KEY")(x509.MarshalPKCS1PrivateKey(rsaKey), nil), RS384, []crypto.PublicKey{rsaKey.Public()}},
		{"RSA PKCS#8", pkcs8(x509.MarshalPKCS8PrivateKey(rsaKey)), RS256, []crypto.PublicKey{rsaKey.Public()}},
		{"EC SPKI", ecSPKI, "", []crypto.PublicKey{ecKey.Public()}},
		{"EC SPKI with its alg", ecSPKI, ES384, []crypto.PublicKey{ecKey.Public()}},
		{"EC PKCS#8", pkcs8(x509.MarshalPKCS8PrivateKey(ecKey)), "", []crypto.PublicKey{ecKey.Public()}},
		{"Ed25519 SPKI", edSPKI, "", []crypto.PublicKey{edKey.Public()}},
		{"Ed25519 PKCS#8", pkcs8(x509.MarshalPKCS8PrivateKey(edKey)), EdDSA, []crypto.PublicKey{edKey.Public()}},
		{"several, white space between", "\n " + rsaSPKI + "\r\n\t" + ecSPKI + edSPKI + "\n\n", PS256, []crypto.PublicKey{rsaKey.Public(), ecKey.Public(), edKey.Public()}},
		{"CRLF", strings.ReplaceAll(ecSPKI, "\n", "\r\n"), "", []crypto.PublicKey{ecKey.Public()}},

		{"RSA without alg", rsaSPKI, "", nil},
		{"RSA with a curve's alg", rsaSPKI, ES256, nil},
		{"EC with another curve's alg", ecSPKI, ES256, nil},
		{"Ed25519 with ES256", edSPKI, ES256, nil},
		{"any with HS256", ecSPKI, HS256, nil},
		{"any with an unknown alg", ecSPKI, "ES521", nil},
		{"nothing", "", "", nil},
		{"white space", " \n", "", nil},
		{"no PEM", "ssh-ed25519 AAAA", "", nil},
		{"text in front", "my key\n" + ecSPKI, "", nil},
		{"text behind", ecSPKI + "my key", "", nil},
		{"text between", ecSPKI + "and\n" + edSPKI, "", nil},
		{"half a block behind", ecSPKI + edSPKI[:len(edSPKI)-20], "", nil},
		{"a broken block in front", strings.Replace(ecSPKI, "MHYw", "????", 1) + edSPKI, "", nil},
		{"an unfinished block in front", "-----BEGIN PUBLIC KEY-----\n" + edSPKI, "", nil},
		{"one key twice", edSPKI + edSPKI, "", nil},
		{"a public and its private", edSPKI + pkcs8(x509.MarshalPKCS8PrivateKey(edKey)), "", nil},
		{"data after the DER", pemOf(t, "PUBLIC KEY")(append(ecDER, 0), nil), "", nil},
		{"SPKI under another name", strings.ReplaceAll(ecSPKI, "PUBLIC KEY", "RSA PUBLIC KEY"), RS256, nil},
		{"a certificate", strings.ReplaceAll(ecSPKI, "PUBLIC KEY", "CERTIFICATE"), "", nil},
		{"SEC 1", pemOf(t, "EC PRIVATE KEY")(x509.MarshalECPrivateKey(ecKey)), "", nil},
		{"headers", strings.Replace(ecSPKI, "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "", nil},
		{"a key for agreement", spki(x509.MarshalPKIXPublicKey(agreement.Public())), "", nil},
		{"the same, private", pkcs8(x509.MarshalPKCS8PrivateKey(agreement)), "", nil},
		{"P-224", spki(x509.MarshalPKIXPublicKey(p224(t))), "", nil},
		{"too large", ecSPKI + strings.Repeat("\n", maxPEMBytes), "", nil},
	} {
		keys, err := ParsePEM([]byte(tt.text), tt.alg)
		if tt.want == nil {
			assert.Error(t, err, tt.name)
			assert.Empty(t, keys, tt.name)
			continue
		}
		if !assert.NoError(t, err, tt.name) || !assert.Len(t, keys, len(tt.want), tt.name) {
			continue
		}
		for i, want := range tt.want {
			got := keys[i].Public().(interface{ Equal(crypto.PublicKey) bool })
			assert.True(t, got.Equal(want), "%s: key %d", tt.name, i+1)
		}
	}
}

func p224(t testing.TB) *ecdsa.PublicKey {
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	return &key.PublicKey
}

func TestR20_WeakPEM(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, err = ParsePEM([]byte(pemOf(t, "PRIVATE KEY")(x509.MarshalPKCS8PrivateKey(short))), RS256)
	assert.Error(t, err)
	_, err = ParsePEM([]byte(pemOf(t, "PUBLIC KEY")(x509.MarshalPKIXPublicKey(ed25519.PublicKey(make([]byte, 32))))), "")
	assert.Error(t, err)
}

func FuzzParsePEM(f *testing.F) {
	for _, t := range foreignTokens(f) {
		f.Add([]byte(t.PEM))
	}
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParsePEM(data, RS256)
		checkParsed(t, keys, err)
	})
}
