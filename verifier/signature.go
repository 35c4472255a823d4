package verifier

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"
)

// checker is the cryptography of one key. The standard library is called
// directly: golang-jwt accepts PSS salts of any length, builds each HMAC from
// the secret anew and reads ECDSA signatures through big integers.
type checker interface {
	valid(signingInput, signature []byte) bool
}

// hmacChecker keeps keyed MACs for reuse: their inner and outer states are
// computed once, where hmac.New hashes the padded key twice for every token.
type hmacChecker struct{ pool sync.Pool }

// keyedMAC is one MAC. Only one goroutine at a time has it.
type keyedMAC struct {
	mac  hash.Hash
	room [sha512.Size]byte
}

func hmacCheckerOf(alg Algorithm, secret []byte) *hmacChecker {
	c := &hmacChecker{}
	c.pool.New = func() any { return &keyedMAC{mac: hmac.New(alg.hash().New, secret)} }
	return c
}

func (c *hmacChecker) valid(signingInput, signature []byte) bool {
	m := c.pool.Get().(*keyedMAC)
	defer c.pool.Put(m)
	m.mac.Reset()
	m.mac.Write(signingInput)
	return hmac.Equal(signature, m.mac.Sum(m.room[:0]))
}

// rsaChecker is RSASSA-PKCS1-v1_5 (RFC 7518 section 3.3).
type rsaChecker struct {
	public *rsa.PublicKey
	hash   crypto.Hash
}

func (c rsaChecker) valid(signingInput, signature []byte) bool {
	return rsa.VerifyPKCS1v15(c.public, c.hash, digest(c.hash, signingInput), signature) == nil
}

// pssChecker is RSASSA-PSS. RFC 7518 section 3.5: the salt is as long as the
// hash, which rsa.PSSSaltLengthAuto would not insist on.
type pssChecker struct {
	public *rsa.PublicKey
	hash   crypto.Hash
}

func (c pssChecker) valid(signingInput, signature []byte) bool {
	opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return rsa.VerifyPSS(c.public, c.hash, digest(c.hash, signingInput), signature, &opts) == nil
}

// ecdsaChecker is ECDSA (RFC 7518 section 3.4): the signature is r ‖ s, each
// exactly as long as the curve's order.
type ecdsaChecker struct {
	public *ecdsa.PublicKey
	hash   crypto.Hash
	size   int // of r and of s
}

func (c ecdsaChecker) valid(signingInput, signature []byte) bool {
	if len(signature) != 2*c.size {
		return false
	}
	var room [maxECDSADER]byte
	der := appendECDSADER(room[:0], signature[:c.size], signature[c.size:])
	return ecdsa.VerifyASN1(c.public, digest(c.hash, signingInput), der)
}

// maxECDSADER is the longest DER of a P-521 signature: two integers of at most
// 66 bytes (their top byte is 1 at most, or the signature is wrong; a sign
// byte is room for those) under a two-byte length.
const maxECDSADER = 3 + 2*(2+1+66)

// appendECDSADER writes r and s, big-endian, as the SEQUENCE of two INTEGERs
// that ecdsa.VerifyASN1 reads.
func appendECDSADER(b, r, s []byte) []byte {
	r, s = trimZeros(r), trimZeros(s)
	n := derIntLen(r) + derIntLen(s)
	if n < 0x80 {
		b = append(b, 0x30, byte(n))
	} else {
		b = append(b, 0x30, 0x81, byte(n))
	}
	return appendDERInt(appendDERInt(b, r), s)
}

// trimZeros drops leading zeros but keeps one byte: zero is encoded as 00.
func trimZeros(n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	return n
}

func derIntLen(n []byte) int { return 2 + len(n) + int(n[0]>>7) }

func appendDERInt(b, n []byte) []byte {
	sign := n[0] >> 7 // a set top bit would read as negative
	b = append(b, 0x02, byte(len(n))+sign)
	if sign == 1 {
		b = append(b, 0)
	}
	return append(b, n...)
}

// ed25519Checker is Ed25519 (RFC 8037 section 3.1).
type ed25519Checker ed25519.PublicKey

func (c ed25519Checker) valid(signingInput, signature []byte) bool {
	return ed25519.Verify(ed25519.PublicKey(c), signingInput, signature)
}

func digest(h crypto.Hash, input []byte) []byte {
	switch h {
	case crypto.SHA256:
		sum := sha256.Sum256(input)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(input)
		return sum[:]
	default:
		sum := sha512.Sum512(input)
		return sum[:]
	}
}

// curveOf is the curve of an ECDSA algorithm (RFC 7518 section 3.4).
func curveOf(alg Algorithm) elliptic.Curve {
	switch alg {
	case ES256:
		return elliptic.P256()
	case ES384:
		return elliptic.P384()
	default:
		return elliptic.P521()
	}
}
