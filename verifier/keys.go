package verifier

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
)

// Algorithm is a JWS algorithm (RFC 7518, RFC 8037). It is a property of a
// key and never taken from a token (R2).
type Algorithm string

// The algorithms.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA" // Ed25519 only
)

// Algorithms lists every algorithm that a key may have.
func Algorithms() []Algorithm {
	return []Algorithm{HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA}
}

// Symmetric reports whether the key that verifies is the secret that signs:
// HS256, HS384 and HS512. Such keys do not belong into a published key set.
func (a Algorithm) Symmetric() bool { return a.family() == familyHMAC }

// family is what kind of key an algorithm needs.
type family uint8

const (
	familyNone family = iota
	familyHMAC
	familyPKCS1
	familyPSS
	familyECDSA
	familyEdDSA
)

func (a Algorithm) family() family {
	switch a {
	case HS256, HS384, HS512:
		return familyHMAC
	case RS256, RS384, RS512:
		return familyPKCS1
	case PS256, PS384, PS512:
		return familyPSS
	case ES256, ES384, ES512:
		return familyECDSA
	case EdDSA:
		return familyEdDSA
	}
	return familyNone
}

// hash is what the algorithm signs; zero for EdDSA, which hashes by itself.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case HS256, RS256, PS256, ES256:
		return crypto.SHA256
	case HS384, RS384, PS384, ES384:
		return crypto.SHA384
	case HS512, RS512, PS512, ES512:
		return crypto.SHA512
	}
	return 0
}

// MaxKeyID is the most bytes that a kid may have.
const MaxKeyID = 256

// Key verifies the signatures of one key with one algorithm. It is immutable
// and safe for concurrent use. It never shows a secret, however it is printed
// or marshalled. The zero Key verifies nothing.
type Key struct{ k *key }

type key struct {
	id     string
	alg    Algorithm
	public any
	check  checker
}

// NewKey returns a key. public is an *rsa.PublicKey, *ecdsa.PublicKey,
// ed25519.PublicKey, or a []byte for HMAC, which is copied. An empty id becomes
// the RFC 7638 thumbprint.
//
// Weak keys and keys that do not fit alg are refused (R20): HMAC keys shorter
// than the hash, RSA keys under 2048 or over 16384 bits, with an exponent that
// is even or under 65537 or that bear the mark of CVE-2017-15361, ECDSA keys
// that are not on the algorithm's curve, and Ed25519 points of low order. No
// error shows key material.
func NewKey(id string, alg Algorithm, public any) (Key, error) {
	k, err := newKey(id, alg, public)
	if err != nil {
		return Key{}, fmt.Errorf("verifier: %w", err)
	}
	return k, nil
}

func newKey(id string, alg Algorithm, public any) (Key, error) {
	if len(id) > MaxKeyID {
		return Key{}, fmt.Errorf("kid of %d bytes: want at most %d", len(id), MaxKeyID)
	}
	k := &key{id: id, alg: alg}
	var err error
	switch alg.family() {
	case familyHMAC:
		k.check, err = newHMACChecker(alg, public)
	case familyPKCS1, familyPSS:
		k.public, k.check, err = newRSAChecker(alg, public)
	case familyECDSA:
		k.public, k.check, err = newECDSAChecker(alg, public)
	case familyEdDSA:
		k.public, k.check, err = newEd25519Checker(public)
	default:
		return Key{}, fmt.Errorf("no algorithm %.20q: want one of %v", string(alg), Algorithms())
	}
	if err != nil {
		return Key{}, fmt.Errorf("%v key: %w", alg, err)
	}
	if id == "" {
		if k.id, err = thumbprint(public); err != nil {
			return Key{}, fmt.Errorf("%v key: thumbprint: %w", alg, err)
		}
	}
	return Key{k}, nil
}

// ID is the key's kid.
func (k Key) ID() string {
	if k.k == nil {
		return ""
	}
	return k.k.id
}

// Algorithm is the only algorithm that the key verifies.
func (k Key) Algorithm() Algorithm {
	if k.k == nil {
		return ""
	}
	return k.k.alg
}

// Public is the public key, not to be modified; nil for HMAC keys, whose
// secret stays inside.
func (k Key) Public() any {
	if k.k == nil {
		return nil
	}
	return k.k.public
}

// verify returns nil if signature is the key's over signingInput, an error
// wrapping ErrSignature otherwise.
func (k Key) verify(signingInput, signature []byte) error {
	if k.k == nil || !k.k.check.valid(signingInput, signature) {
		return ErrSignature
	}
	return nil
}

// String names the key's algorithm and kid.
func (k Key) String() string {
	if k.k == nil {
		return "no key"
	}
	return fmt.Sprintf("%s key %q", k.k.alg, k.k.id)
}

// GoString is String: %#v must not dump a secret.
func (k Key) GoString() string { return k.String() }

// LogValue is String, for log/slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// KeySet finds the keys of one issuer. It is safe for concurrent use.
type KeySet interface {
	// Key returns the key with that kid. Of an empty kid it returns the only
	// key, where there is just one. Otherwise the error wraps ErrUnknownKey.
	Key(ctx context.Context, kid string) (Key, error)
}

// Keys is a KeySet that never changes.
type Keys []Key

var _ KeySet = Keys(nil)

// Key implements KeySet. A kid that two keys share finds neither: which of
// them verifies must not be a matter of their order.
func (ks Keys) Key(_ context.Context, kid string) (Key, error) {
	if kid == "" {
		if len(ks) == 1 && ks[0].k != nil {
			return ks[0], nil
		}
		return Key{}, fmt.Errorf("%w: no kid, and %d keys to choose from", ErrUnknownKey, len(ks))
	}
	var found Key
	for _, k := range ks {
		if k.ID() != kid {
			continue
		}
		if found.k != nil {
			return Key{}, fmt.Errorf("%w: two keys with one kid", ErrUnknownKey)
		}
		found = k
	}
	if found.k == nil {
		return Key{}, ErrUnknownKey
	}
	return found, nil
}
