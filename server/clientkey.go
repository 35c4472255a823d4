package server

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
)

// A client's key is prefix_id_secret: rsk, the client's id, 32 random bytes in
// base62 and the checksum of all that stands before it. Who finds one in a
// commit or a log knows it for what it is, and whose it is.
const (
	keyPrefix   = "rsk"
	keyRandom   = 32 // bytes
	keyBody     = 43 // characters of base62 that hold them
	keyChecksum = 6  // characters of base62 that hold a CRC-32
	maxClientID = 64
	maxKey      = len(keyPrefix) + 1 + maxClientID + 1 + keyBody + keyChecksum
)

const base62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newKey makes a key of a client's: nothing but its SHA-256 is kept.
func newKey(id string) string {
	secret := make([]byte, keyRandom)
	rand.Read(secret)
	text := keyPrefix + "_" + id + "_" + inBase62(new(big.Int).SetBytes(secret), keyBody)
	return text + checksumOf(text)
}

// KeyClient returns the id of the client that a key is of, by the key alone:
// its form and its checksum are right, and nothing else was looked at. It is
// false for a typing error, and costs no look-up.
func KeyClient(key string) (id string, ok bool) {
	if len(key) > maxKey || len(key) < keyChecksum {
		return "", false
	}
	rest, ok := strings.CutPrefix(key, keyPrefix+"_")
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	foreign := func(r rune) bool { return !strings.ContainsRune(base62, r) }
	if !ok || checkClientID(id) != nil || len(secret) != keyBody+keyChecksum || strings.ContainsFunc(secret, foreign) {
		return "", false
	}
	text := key[:len(key)-keyChecksum]
	if checksumOf(text) != key[len(text):] {
		return "", false
	}
	return id, true
}

// checksumOf is no secret: it finds typing errors, and lets a scanner tell a
// key from what only looks like one.
func checksumOf(text string) string {
	return inBase62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(text)))), keyChecksum)
}

// inBase62 is n in so many digits.
func inBase62(n *big.Int, digits int) string {
	text := n.Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}

// keySum is what is kept of a key. A key is random and long: no slow hash makes
// it harder to guess.
type keySum [sha256.Size]byte

func sumOf(key string) keySum { return sha256.Sum256([]byte(key)) }
