package rotation

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// A ring is one file, which every change replaces whole: there are no two
// steps between which a crash could leave a ring without a signing key, or
// with two.
const (
	keyFileVersion = 1
	maxKeyFile     = 1 << 20 // bytes
	maxKeys        = 256
)

// keyFile is the file: the keys in the order in which they were made.
type keyFile struct {
	Version int         `json:"version"`
	Keys    []keyRecord `json:"keys"`
}

// keyRecord is one key of the file. Its state follows from its instants.
type keyRecord struct {
	CreatedAt     time.Time      `json:"created_at"`
	SignsSince    time.Time      `json:"signs_since,omitzero"`
	VerifiesUntil time.Time      `json:"verifies_until,omitzero"`
	JWK           jsontext.Value `json:"jwk,omitzero"` // RFC 7517, with its private members

	// Of a key that was withdrawn, in place of the JWK: nobody needs its
	// secret any more.
	WithdrawnAt time.Time          `json:"withdrawn_at,omitzero"`
	KeyID       string             `json:"kid,omitzero"`
	Algorithm   verifier.Algorithm `json:"alg,omitzero"`
}

// encodeRing is the inverse of decodeRing.
func encodeRing(keys ring) ([]byte, error) {
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("rotation: a ring of more than %d keys: retire some", maxKeys)
	}
	file := keyFile{Version: keyFileVersion, Keys: make([]keyRecord, len(keys))}
	for i, k := range keys {
		if k.state() == Withdrawn {
			file.Keys[i] = tombstone(k)
			continue
		}
		jwk, err := jose.JSONWebKey{Key: k.private, KeyID: k.id, Algorithm: string(k.alg), Use: "sig"}.MarshalJSON()
		if err != nil {
			// The cause is left out, here and below: it may quote a key (R19).
			return nil, fmt.Errorf("rotation: writing key %.64q", k.id)
		}
		file.Keys[i] = keyRecord{CreatedAt: k.createdAt, SignsSince: k.signsSince, VerifiesUntil: k.verifiesUntil, JWK: jwk}
	}
	data, err := json.Marshal(file, jsontext.WithIndent("  "))
	if err != nil {
		return nil, errors.New("rotation: writing the key file")
	}
	return append(data, '\n'), nil
}

// decodeRing reads a key file strictly: one that says anything this version
// does not know was written by another, and guessing would lose keys.
func decodeRing(data []byte) (ring, error) {
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%w: over %d bytes", ErrKeyFile, maxKeyFile)
	}
	var file keyFile
	if err := json.Unmarshal(data, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%w: not a key file of version %d", ErrKeyFile, keyFileVersion)
	}
	if file.Version != keyFileVersion {
		return nil, fmt.Errorf("%w: version %d: want %d", ErrKeyFile, file.Version, keyFileVersion)
	}
	if len(file.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: more than %d keys", ErrKeyFile, maxKeys)
	}
	keys := make(ring, 0, len(file.Keys))
	for i, rec := range file.Keys {
		key, err := rec.key()
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", ErrKeyFile, i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, keys.check()
}

// key reads one record.
func (rec keyRecord) key() (ringKey, error) {
	if !rec.WithdrawnAt.IsZero() {
		return rec.withdrawn()
	}
	if rec.KeyID != "" || rec.Algorithm != "" {
		return ringKey{}, errors.New("kid or alg beside the JWK")
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(rec.JWK); err != nil {
		return ringKey{}, errors.New("not a JWK")
	}
	if err := checkKeyID(jwk.KeyID); err != nil {
		return ringKey{}, err
	}
	key, err := newRingKey(jwk.KeyID, verifier.Algorithm(jwk.Algorithm), jwk.Key, rec.CreatedAt)
	if err != nil {
		return ringKey{}, err
	}
	if rec.SignsSince.IsZero() && !rec.VerifiesUntil.IsZero() {
		return ringKey{}, errors.New("verifies without ever having signed")
	}
	key.signsSince, key.verifiesUntil = rec.SignsSince, rec.VerifiesUntil
	return key, nil
}

func checkKeyID(kid string) error {
	if kid == "" || len(kid) > denylist.MaxID {
		return fmt.Errorf("kid of %d bytes: want 1 to %d", len(kid), denylist.MaxID)
	}
	return nil
}

// check refuses what Generate, Rotate and Retire never make.
func (ks ring) check() error {
	seen := make(map[string]bool, len(ks))
	signing := 0
	for _, k := range ks {
		if seen[k.id] {
			return fmt.Errorf("%w: kid %.64q twice", ErrKeyFile, k.id)
		}
		seen[k.id] = true
		if k.state() == Signing {
			signing++
		}
	}
	if signing > 1 {
		return fmt.Errorf("%w: %d keys that sign", ErrKeyFile, signing)
	}
	return nil
}
