package rotation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/rescindhq/rescind/verifier"
)

// rsaBits is the size of RSA keys that the ring makes: 128 bits of security
// (NIST SP 800-57, table 2).
const rsaBits = 3072

// ring is the keys at one instant, oldest first. What is in force is never
// changed, but replaced.
type ring []ringKey

// ringKey is one key and where it is in its life.
type ringKey struct {
	id      string
	alg     verifier.Algorithm
	private any // what the signing method of alg takes
	public  verifier.Key

	createdAt     time.Time
	signsSince    time.Time
	verifiesUntil time.Time
	withdrawnAt   time.Time // of one that has neither private nor public any more
}

func (ks ring) clone() ring { return slices.Clone(ks) }

func (ks ring) find(kid string) (int, bool) {
	i := slices.IndexFunc(ks, func(k ringKey) bool { return k.id == kid })
	return i, i >= 0
}

func (ks ring) signing() (int, bool) {
	i := slices.IndexFunc(ks, func(k ringKey) bool { return k.state() == Signing })
	return i, i >= 0
}

// waiting is the key that has waited longest.
func (ks ring) waiting() (int, bool) {
	i := slices.IndexFunc(ks, func(k ringKey) bool { return k.state() == Waiting })
	return i, i >= 0
}

// key is the living key with that kid, or of an empty kid the only one (R2).
func (ks ring) key(kid string, now func() time.Time) (verifier.Key, bool) {
	var only verifier.Key
	living := 0
	for i := range ks {
		k := &ks[i]
		if kid != "" && k.id != kid {
			continue
		}
		if k.state() == Withdrawn {
			continue
		}
		// Only a key that no longer signs ends: the others cost no clock.
		if !k.verifiesUntil.IsZero() && k.dead(now()) {
			continue
		}
		only = k.public
		living++
	}
	return only, living == 1
}

func (k ringKey) state() KeyState {
	switch {
	case !k.withdrawnAt.IsZero():
		return Withdrawn
	case !k.verifiesUntil.IsZero():
		return Verifying
	case !k.signsSince.IsZero():
		return Signing
	}
	return Waiting
}

// dead reports whether the last token that the key signed has expired.
func (k ringKey) dead(now time.Time) bool {
	return !k.verifiesUntil.IsZero() && !now.Before(k.verifiesUntil)
}

func (k ringKey) info() KeyInfo {
	info := KeyInfo{
		ID: k.id, Algorithm: k.alg, State: k.state(),
		CreatedAt: k.createdAt, SignsSince: k.signsSince, VerifiesUntil: k.verifiesUntil, WithdrawnAt: k.withdrawnAt,
	}
	if info.State == Withdrawn {
		info.VerifiesUntil = time.Time{} // inside, it is when the key is forgotten
	}
	return info
}

// sign is the JWS compact serialization (RFC 7515, section 7.1).
func (k ringKey) sign(typ string, claims []byte) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm verifier.Algorithm `json:"alg"`
		KeyID     string             `json:"kid"`
		Type      string             `json:"typ"`
	}{k.alg, k.id, typ})
	if err != nil {
		return "", fmt.Errorf("rotation: signing: %w", err)
	}
	input := make([]byte, 0, 2*(len(header)+len(claims)))
	input = base64.RawURLEncoding.AppendEncode(input, header)
	input = append(input, '.')
	input = base64.RawURLEncoding.AppendEncode(input, claims)
	signature, err := jwt.GetSigningMethod(string(k.alg)).Sign(string(input), k.private)
	if err != nil {
		return "", fmt.Errorf("rotation: signing with %s: %w", k.alg, err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(input, '.'), signature)), nil
}

// generateKey makes a key that waits.
func generateKey(alg verifier.Algorithm, now time.Time) (ringKey, error) {
	private, err := generatePrivate(alg)
	if err != nil {
		return ringKey{}, fmt.Errorf("rotation: generating a key: %w", err)
	}
	id := ""
	if _, symmetric := private.([]byte); symmetric {
		// A thumbprint of a secret would be a hash of it, in every token
		// (RFC 7638, section 7).
		id = uuid.NewString()
	}
	return newRingKey(id, alg, private, now)
}

func generatePrivate(alg verifier.Algorithm) (any, error) {
	switch alg {
	case verifier.HS256, verifier.HS384, verifier.HS512:
		secret := make([]byte, hmacHash(alg).Size()) // RFC 7518, section 3.2
		_, err := rand.Read(secret)
		return secret, err
	case verifier.RS256, verifier.RS384, verifier.RS512, verifier.PS256, verifier.PS384, verifier.PS512:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case verifier.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case verifier.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case verifier.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case verifier.EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("no algorithm %.20q", string(alg))
}

func hmacHash(alg verifier.Algorithm) crypto.Hash {
	switch alg {
	case verifier.HS512:
		return crypto.SHA512
	case verifier.HS384:
		return crypto.SHA384
	}
	return crypto.SHA256
}

// newRingKey checks that the key is strong enough (R20), fits its algorithm,
// and verifies what it signs: halves that do not belong together would mint
// tokens that nobody accepts, and with EdDSA give the secret away.
func newRingKey(id string, alg verifier.Algorithm, private any, created time.Time) (ringKey, error) {
	public, err := publicHalf(private)
	if err != nil {
		return ringKey{}, err
	}
	key, err := verifier.NewKey(id, alg, public)
	if err != nil {
		return ringKey{}, fmt.Errorf("rotation: %w", err)
	}
	const probe = "rotation"
	method := jwt.GetSigningMethod(string(alg))
	signature, err := method.Sign(probe, private)
	if err != nil || method.Verify(probe, signature, public) != nil {
		return ringKey{}, fmt.Errorf("rotation: the halves of %s key %.64q do not fit", alg, key.ID())
	}
	return ringKey{id: key.ID(), alg: alg, private: private, public: key, createdAt: created}, nil
}

// publicHalf is what verifies; of a symmetric key, the key itself.
func publicHalf(private any) (any, error) {
	switch k := private.(type) {
	case []byte:
		return k, nil
	case *rsa.PrivateKey:
		return &k.PublicKey, nil
	case *ecdsa.PrivateKey:
		return &k.PublicKey, nil
	case ed25519.PrivateKey:
		return k.Public(), nil
	}
	return nil, errors.New("rotation: not a private key")
}

// JWKS is the public half as a JWK set (RFC 7517): no symmetric keys, no
// private members. Keys that wait are in it, so that verifiers know them in
// time; dead ones are not.
func (r *KeyRing) JWKS() ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	now := r.now()
	for _, k := range r.current.Load().keys {
		public := k.public.Public()
		if public == nil || k.dead(now) {
			continue
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: k.id, Algorithm: string(k.alg), Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("rotation: writing the JWK set: %w", err)
	}
	return data, nil
}
