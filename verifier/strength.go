package verifier

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// What R20 asks of RSA keys. 16384 bits take milliseconds to verify; more is
// somebody's mistake.
const (
	minRSABits     = 2048
	maxRSABits     = 16384
	minRSAExponent = 65537 // FIPS 186-5 section 5.4(e)
	maxRSAExponent = 1<<31 - 1
)

// maxHMACKey bounds a secret in bytes. One longer than the hash's block is
// hashed first and gains nothing.
const maxHMACKey = 4096

func newHMACChecker(alg Algorithm, public any) (checker, error) {
	secret, ok := public.([]byte)
	if !ok {
		return nil, fmt.Errorf("want a secret as []byte, have %T", public)
	}
	if size := alg.hash().Size(); len(secret) < size || len(secret) > maxHMACKey {
		return nil, fmt.Errorf("a secret of %d bytes: want %d to %d (RFC 7518 section 3.2)", len(secret), size, maxHMACKey)
	}
	// The classic key confusion: whoever reads the public key signs with it.
	if bytes.Contains(secret, []byte(pemBegin)) {
		return nil, errors.New("the secret is a PEM block: parse it, or decide for another algorithm")
	}
	return hmacCheckerOf(alg, bytes.Clone(secret)), nil
}

func newRSAChecker(alg Algorithm, public any) (any, checker, error) {
	given, ok := public.(*rsa.PublicKey)
	if !ok || given == nil || given.N == nil {
		return nil, nil, fmt.Errorf("want an *rsa.PublicKey, have %T", public)
	}
	key := &rsa.PublicKey{N: new(big.Int).Set(given.N), E: given.E}
	if err := checkRSA(key); err != nil {
		return nil, nil, err
	}
	if alg.family() == familyPSS {
		return key, pssChecker{key, alg.hash()}, nil
	}
	return key, rsaChecker{key, alg.hash()}, nil
}

func checkRSA(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case key.N.Sign() <= 0 || key.N.Bit(0) == 0:
		return errors.New("an RSA modulus that is no product of odd primes")
	case bits < minRSABits || bits > maxRSABits:
		return fmt.Errorf("an RSA modulus of %d bits: want %d to %d", bits, minRSABits, maxRSABits)
	case key.E < minRSAExponent || key.E > maxRSAExponent || key.E%2 == 0:
		return fmt.Errorf("an RSA exponent of %d: want an odd one from %d to %d", key.E, minRSAExponent, maxRSAExponent)
	case bearsROCA(key.N):
		return errors.New("an RSA modulus that can be factored (CVE-2017-15361)")
	}
	return nil
}

// bearsROCA reports whether n has the mark of the primes that some smart cards
// made (Nemec and others, "The Return of Coppersmith's Attack", 2017): modulo
// each small prime it is a power of 65537. Another modulus looks so once in
// 2^27.
func bearsROCA(n *big.Int) bool {
	marks := [...]int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}
	rest := new(big.Int)
	for _, prime := range marks {
		r := rest.Mod(n, big.NewInt(prime)).Int64()
		power := int64(1)
		for power != r {
			if power = power * 65537 % prime; power == 1 {
				return false
			}
		}
	}
	return true
}

func newECDSAChecker(alg Algorithm, public any) (any, checker, error) {
	given, ok := public.(*ecdsa.PublicKey)
	if !ok || given == nil || given.Curve == nil {
		return nil, nil, fmt.Errorf("want an *ecdsa.PublicKey, have %T", public)
	}
	curve := curveOf(alg)
	if given.Curve != curve {
		return nil, nil, fmt.Errorf("a key on another curve: want %s", curve.Params().Name)
	}
	key, err := copyPoint(given)
	if err != nil {
		return nil, nil, fmt.Errorf("no point of %s", curve.Params().Name)
	}
	return key, ecdsaChecker{key, alg.hash(), (curve.Params().BitSize + 7) / 8}, nil
}

// copyPoint copies a key and checks that it is on its curve.
func copyPoint(key *ecdsa.PublicKey) (*ecdsa.PublicKey, error) {
	//lint:ignore SA1019 Bytes panics without coordinates, and nothing else tells
	if key.X == nil || key.Y == nil {
		return nil, errors.New("no coordinates")
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(key.Curve, point)
}

func newEd25519Checker(public any) (any, checker, error) {
	given, ok := public.(ed25519.PublicKey)
	if !ok {
		return nil, nil, fmt.Errorf("want an ed25519.PublicKey, have %T", public)
	}
	if len(given) != ed25519.PublicKeySize {
		return nil, nil, fmt.Errorf("a public key of %d bytes: want %d", len(given), ed25519.PublicKeySize)
	}
	if lowOrder(given) {
		return nil, nil, errors.New("a point of low order, for which anybody can sign")
	}
	key := bytes.Clone(given)
	return ed25519.PublicKey(key), ed25519Checker(key), nil
}

// lowOrder reports whether an Ed25519 public key is one of the curve's eight
// points of small order, in any encoding that decoders accept (RFC 7748
// section 6.1 for why they matter). The top bit, the sign of x, does not count.
func lowOrder(key ed25519.PublicKey) bool {
	y := bytes.Clone(key)
	y[ed25519.PublicKeySize-1] &= 0x7f
	switch hex.EncodeToString(y) {
	case "0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // the neutral element
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 0, not reduced
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": // 1, not reduced
		return true
	}
	return false
}

// thumbprint is the key's name by RFC 7638: the SHA-256 of its required
// members. Of a secret it gives away no more than any token's signature does.
func thumbprint(public any) (string, error) {
	if secret, ok := public.([]byte); ok {
		sum := sha256.Sum256([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString(secret) + `","kty":"oct"}`))
		return base64.RawURLEncoding.EncodeToString(sum[:]), nil
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
