package verifier

import "context"

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
	EdDSA Algorithm = "EdDSA"
)

// Key verifies the signatures of one key with one algorithm.
type Key struct{}

// NewKey returns a key. public is an *rsa.PublicKey, *ecdsa.PublicKey,
// ed25519.PublicKey, or a []byte for HMAC. An empty id becomes the RFC 7638
// thumbprint. Weak keys and keys that do not fit alg are refused (R20).
func NewKey(id string, alg Algorithm, public any) (Key, error) { panic("skeleton") }

func (k Key) ID() string           { panic("skeleton") }
func (k Key) Algorithm() Algorithm { panic("skeleton") }

// Public is what NewKey was given; nil for HMAC keys, whose secret stays inside.
func (k Key) Public() any { panic("skeleton") }

// KeySet finds the keys of one issuer. It is safe for concurrent use.
type KeySet interface {
	// Key returns the key with that kid. Of an empty kid it returns the only
	// key, where there is just one. Otherwise the error wraps ErrUnknownKey.
	Key(ctx context.Context, kid string) (Key, error)
}

// Keys is a KeySet that never changes.
type Keys []Key

// Key implements KeySet.
func (ks Keys) Key(_ context.Context, kid string) (Key, error) { panic("skeleton") }

// ParsePEM reads keys from PEM blocks: PKCS#1, PKCS#8 and SPKI (RFC 7468). Of
// a private key it takes the public half. alg is needed for RSA only.
func ParsePEM(data []byte, alg Algorithm) (Keys, error) { panic("skeleton") }

// ParseJWKS reads one JWK or a JWK set (RFC 7517). rsa is the algorithm of RSA keys without alg.
func ParseJWKS(data []byte, rsa Algorithm) (Keys, error) { panic("skeleton") }
