package scenario

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/rescindhq/rescind/verifier"
)

// rsaBits is the size of RSA keys that most issuers use. Larger ones would make
// verifying slower, and all that surrounds the signature look cheaper.
const rsaBits = 2048

// signingKey signs the tokens of one algorithm. It protects nothing: who knows
// the seed of a run can make most of these keys, and nobody but the run's own
// verifiers trusts them.
type signingKey struct {
	alg     verifier.Algorithm
	public  verifier.Key
	method  jwt.SigningMethod
	private any    // what method signs with
	verify  any    // what method verifies with
	header  string // of every token, encoded
}

func newSigningKey(seed uint64, alg verifier.Algorithm) (*signingKey, error) {
	from := stream(seed, "key "+string(alg), 0)
	private, err := newPrivate(from, alg)
	if err != nil {
		return nil, fmt.Errorf("scenario: making a key for %s: %w", alg, err)
	}
	k := &signingKey{alg: alg, method: jwt.GetSigningMethod(string(alg)), private: private, verify: private}
	kid := ""
	if half, ok := private.(interface{ Public() crypto.PublicKey }); ok {
		k.verify = half.Public()
	} else {
		// The thumbprint of a secret would be a hash of it, in every token.
		kid = string(appendID(nil, from))
	}
	if k.public, err = verifier.NewKey(kid, alg, k.verify); err != nil {
		return nil, fmt.Errorf("scenario: making a key: %w", err)
	}
	header, err := json.Marshal(struct {
		Algorithm verifier.Algorithm `json:"alg"`
		KeyID     string             `json:"kid"`
		Type      string             `json:"typ"`
	}{alg, k.public.ID(), accessType})
	k.header = base64.RawURLEncoding.EncodeToString(header) + "."
	return k, err
}

// newPrivate makes a key from the seed, where the standard library takes one.
func newPrivate(from *mathrand.ChaCha8, alg verifier.Algorithm) (any, error) {
	switch alg {
	case verifier.HS256, verifier.HS384, verifier.HS512:
		return randomBytes(from, 64), nil // enough for each of the hashes
	case verifier.EdDSA:
		return ed25519.NewKeyFromSeed(randomBytes(from, ed25519.SeedSize)), nil
	case verifier.ES256:
		return newECDSA(from, elliptic.P256())
	case verifier.ES384:
		return newECDSA(from, elliptic.P384())
	case verifier.ES512:
		return newECDSA(from, elliptic.P521())
	}
	return rsa.GenerateKey(rand.Reader, rsaBits)
}

// newECDSA takes the first number of the stream that is a key of the curve.
func newECDSA(from *mathrand.ChaCha8, curve elliptic.Curve) (*ecdsa.PrivateKey, error) {
	bits := curve.Params().BitSize
	for {
		d := randomBytes(from, (bits+7)/8)
		d[0] >>= 8*len(d) - bits
		if key, err := ecdsa.ParseRawPrivateKey(curve, d); err == nil {
			return key, nil
		}
	}
}

func randomBytes(from *mathrand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	_, _ = from.Read(b) // which never fails
	return b
}

// sign makes a token of claims that are JSON.
func (k *signingKey) sign(claims []byte) (string, error) {
	input := append(make([]byte, 0, len(k.header)+2*len(claims)), k.header...)
	input = base64.RawURLEncoding.AppendEncode(input, claims)
	signature, err := k.method.Sign(string(input), k.private)
	if err != nil {
		return "", fmt.Errorf("scenario: signing with %s: %w", k.alg, err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(input, '.'), signature)), nil
}
