package verifier

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The limits of a key set.
const (
	maxJWKSBytes = 256 << 10 // certificate chains make large issuers' sets long
	maxJWKSKeys  = 256
)

// ParseJWKS reads one JWK or a JWK set (RFC 7517) of at most 256 KiB and 256
// keys. Of a private key it takes the public half. A key verifies with its alg;
// without one, with what its curve implies. rsaAlg is the algorithm of RSA keys
// without alg; if it is empty, those are not used.
//
// Keys that do not verify signatures, by their kty, crv, alg, use or key_ops,
// are skipped in a set (RFC 7517 section 5) and refused alone. Everything else
// that is wrong refuses the whole: weak keys (R20), malformed ones, two of the
// same kid, duplicate members, symmetric and asymmetric keys in one set.
//
// Symmetric keys are read as well. Whoever loads a set that is public must
// refuse them: see [Algorithm.Symmetric]. RSA keys over 4096 bits are read from
// PEM only.
func ParseJWKS(data []byte, rsaAlg Algorithm) (Keys, error) {
	if f := rsaAlg.family(); rsaAlg != "" && f != familyPKCS1 && f != familyPSS {
		return nil, fmt.Errorf("verifier: no RSA algorithm: %.20q", string(rsaAlg))
	}
	members, alone, err := readJWKS(data)
	if err != nil {
		return nil, fmt.Errorf("verifier: JWKS: %w", err)
	}
	var keys Keys
	var skipped error
	for i, m := range members {
		key, err := m.key(rsaAlg)
		switch {
		case err == nil:
			keys = append(keys, key)
		case errors.Is(err, errOtherUse) && !alone:
			skipped = err
		default:
			return nil, fmt.Errorf("verifier: JWKS: key %d: %w", i+1, err)
		}
	}
	if len(keys) == 0 && skipped != nil {
		return nil, fmt.Errorf("verifier: JWKS: every key is unusable, the last because: %w", skipped)
	}
	return keys.distinct()
}

// distinct returns the keys if there are any and each has a kid of its own.
func (ks Keys) distinct() (Keys, error) {
	if len(ks) == 0 {
		return nil, errors.New("verifier: no keys")
	}
	seen := make(map[string]bool, len(ks))
	for _, k := range ks {
		if seen[k.ID()] {
			return nil, fmt.Errorf("verifier: two keys with the kid %q", k.ID())
		}
		seen[k.ID()] = true
	}
	return ks, nil
}

// errOtherUse marks keys that are not for verifying signatures.
var errOtherUse = errors.New("not a key that verifies signatures")

// jwk is what a JWK says about itself and its public half. The private members
// are not read, but for the presence of d.
type jwk struct {
	Kty    string         `json:"kty"`
	Kid    string         `json:"kid,omitzero"`
	Alg    string         `json:"alg,omitzero"`
	Use    string         `json:"use,omitzero"`
	KeyOps []string       `json:"key_ops,omitzero"`
	Crv    string         `json:"crv,omitzero"`
	X      string         `json:"x,omitzero"`
	Y      string         `json:"y,omitzero"`
	N      string         `json:"n,omitzero"`
	E      string         `json:"e,omitzero"`
	K      string         `json:"k,omitzero"`
	D      jsontext.Value `json:"d,omitzero"`
}

// readJWKS splits a set into its keys. alone: data was a single JWK.
func readJWKS(data []byte) (members []jwk, alone bool, err error) {
	if len(data) > maxJWKSBytes {
		return nil, false, fmt.Errorf("%d bytes: want at most %d", len(data), maxJWKSBytes)
	}
	var set struct {
		Kty  jsontext.Value   `json:"kty"`
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, false, malformedJSON(err)
	}
	if alone = set.Kty != nil; alone {
		if set.Keys != nil {
			return nil, false, errors.New("both a key and a set")
		}
		set.Keys = []jsontext.Value{data}
	}
	if len(set.Keys) > maxJWKSKeys {
		return nil, false, fmt.Errorf("%d keys: want at most %d", len(set.Keys), maxJWKSKeys)
	}
	members = make([]jwk, len(set.Keys))
	secrets := 0
	for i, raw := range set.Keys {
		if err := json.Unmarshal(raw, &members[i]); err != nil {
			return nil, false, fmt.Errorf("key %d: %w", i+1, malformedJSON(err))
		}
		if members[i].Kty == "oct" {
			secrets++
		}
	}
	// Such a set is either published with its secrets or made to have a public
	// key taken for one.
	if secrets > 0 && secrets < len(members) {
		return nil, false, errors.New("symmetric and asymmetric keys in one set")
	}
	return members, alone, nil
}

// malformedJSON says where, but not what: the decoder's own text may quote the
// value, which may be a secret.
func malformedJSON(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON at byte %d", syntax.ByteOffset)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Errorf("unexpected JSON at byte %d", semantic.ByteOffset)
	}
	return errors.New("malformed JSON")
}

// key makes the JWK a Key.
func (m jwk) key(rsaAlg Algorithm) (Key, error) {
	if err := m.checkUse(); err != nil {
		return Key{}, err
	}
	alg, err := m.algorithm(rsaAlg)
	if err != nil {
		return Key{}, err
	}
	public, err := m.public()
	if err != nil {
		return Key{}, err
	}
	return newKey(m.Kid, alg, public)
}

// checkUse reads use and key_ops (RFC 7517 sections 4.2 and 4.3). A private key
// that signs has a public half that verifies.
func (m jwk) checkUse() error {
	if m.Use != "" && m.Use != "sig" {
		return fmt.Errorf("%w: use %.20q", errOtherUse, m.Use)
	}
	if m.KeyOps == nil {
		return nil
	}
	ops := slices.Clone(m.KeyOps)
	slices.Sort(ops)
	if len(slices.Compact(ops)) != len(m.KeyOps) {
		return errors.New("key_ops names an operation twice")
	}
	private := m.D != nil && m.Kty != "oct"
	if slices.Contains(m.KeyOps, "verify") || private && slices.Contains(m.KeyOps, "sign") {
		return nil
	}
	return fmt.Errorf("%w: key_ops without verify", errOtherUse)
}

// algorithm is alg or what takes its place.
func (m jwk) algorithm(rsaAlg Algorithm) (Algorithm, error) {
	var implied Algorithm
	switch m.Kty + " " + m.Crv {
	case "EC P-256":
		implied = ES256
	case "EC P-384":
		implied = ES384
	case "EC P-521":
		implied = ES512
	case "OKP Ed25519":
		implied = EdDSA
	case "RSA ":
		implied = rsaAlg
	case "oct ": // alg only
	default:
		return "", fmt.Errorf("%w: kty %.20q, crv %.20q", errOtherUse, m.Kty, m.Crv)
	}
	alg := Algorithm(m.Alg)
	if alg == "" {
		alg = implied
	}
	if alg.family() == familyNone {
		return "", fmt.Errorf("%w: kty %.20q, alg %.20q", errOtherUse, m.Kty, string(alg))
	}
	return alg, nil
}

// public is the key itself, read by go-jose from nothing but the members that
// it needs: neither private ones, nor certificates, which nobody checks here.
func (m jwk) public() (any, error) {
	text, err := json.Marshal(jwk{Kty: m.Kty, Crv: m.Crv, X: m.X, Y: m.Y, N: m.N, E: m.E, K: m.K})
	if err != nil {
		return nil, errors.New("malformed members")
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return parsed.Key, nil
}
