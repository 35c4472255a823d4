package denylist

import (
	"crypto/sha256"
	"encoding/base64"
)

// digestLen is the length of a digest as text: 16 bytes, unpadded base64url.
const digestLen = 22

// rawDigestLen is the length of a digest in bytes.
const rawDigestLen = 16

// digest names an id of an issuer in a key (docs/redis-schema.md): the
// unpadded base64url of the first 16 bytes of SHA-256(SHA-256(iss) ‖ id). It
// has one length whatever the id, needs no escaping and shows nobody's name.
func digest(issuer, id string) string {
	return digestUnder(sha256.Sum256([]byte(issuer)), id)
}

// digestUnder is digest with the issuer hashed already.
func digestUnder(issuer [sha256.Size]byte, id string) string {
	return digestText(rawDigest(issuer, id))
}

// digestText is a digest as text.
func digestText(raw [rawDigestLen]byte) string {
	var room [digestLen]byte
	return string(base64.RawURLEncoding.AppendEncode(room[:0], raw[:]))
}

// rawDigest is a digest before it is made text.
func rawDigest(issuer [sha256.Size]byte, id string) [rawDigestLen]byte {
	var room [sha256.Size + MaxID]byte
	n := copy(room[:], issuer[:])
	sum := sha256.Sum256(append(room[:n], id...))
	return [rawDigestLen]byte(sum[:])
}
