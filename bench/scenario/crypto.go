package scenario

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"hash"
	"math/big"
	"strings"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/verifier"
)

func cryptoKind() kind {
	return kind{
		name:  "crypto",
		means: "The standard library checks the signature over the same bytes, which are decoded already, and nothing else.",
		open:  openCrypto,
	}
}

// signed is a token as the standard library takes it.
type signed struct {
	key              *signingKey
	input, signature []byte // an ECDSA signature in ASN.1
}

func openCrypto(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	p, err := s.minted(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]signed, len(p.tokens))
	for i := range all {
		if all[i], err = p.tokens[i].signed(); err != nil {
			return nil, err
		}
	}
	b := &byToken{population: p, among: p.everyone(), prepare: func(int) func(context.Context, uint32) error {
		room := newCheckRoom(p.keys)
		return func(_ context.Context, n uint32) error {
			if t := &all[n]; !room.valid(t) {
				return wrong("the standard library refused a good signature")
			}
			return nil
		}
	}}
	return one("crypto", b), nil
}

// signed takes t apart.
func (t *token) signed() (signed, error) {
	dot := strings.LastIndexByte(t.raw, '.')
	signature, err := base64.RawURLEncoding.DecodeString(t.raw[dot+1:])
	if err != nil {
		return signed{}, fmt.Errorf("scenario: reading a signature: %w", err)
	}
	if _, ok := t.key.verify.(*ecdsa.PublicKey); ok {
		half := len(signature) / 2 // r ‖ s (RFC 7518, section 3.4)
		signature, err = asn1.Marshal(struct{ R, S *big.Int }{
			new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]),
		})
	}
	return signed{key: t.key, input: []byte(t.raw[:dot]), signature: signature}, err
}

// checkRoom is what one worker checks signatures with. Hashes and keyed MACs
// are used again and again, which is the least that they can cost.
type checkRoom struct {
	hashes map[*signingKey]hash.Hash
	sum    [64]byte
}

func newCheckRoom(keys []*signingKey) *checkRoom {
	r := &checkRoom{hashes: map[*signingKey]hash.Hash{}}
	for _, k := range keys {
		switch secret := k.verify.(type) {
		case []byte:
			r.hashes[k] = hmac.New(k.hash().New, secret)
		case ed25519.PublicKey: // hashes by itself
		default:
			r.hashes[k] = k.hash().New()
		}
	}
	return r
}

// hash is what the algorithm hashes with (RFC 7518, section 3.1).
func (k *signingKey) hash() crypto.Hash {
	switch {
	case strings.HasSuffix(string(k.alg), "512"):
		return crypto.SHA512
	case strings.HasSuffix(string(k.alg), "384"):
		return crypto.SHA384
	}
	return crypto.SHA256
}

// isPSS tells the two algorithms of RSA apart.
func (k *signingKey) isPSS() bool {
	return k.alg == verifier.PS256 || k.alg == verifier.PS384 || k.alg == verifier.PS512
}

// valid checks one signature.
func (r *checkRoom) valid(t *signed) bool {
	if public, ok := t.key.verify.(ed25519.PublicKey); ok {
		return ed25519.Verify(public, t.input, t.signature)
	}
	h := r.hashes[t.key]
	h.Reset()
	h.Write(t.input)
	sum := h.Sum(r.sum[:0])
	switch public := t.key.verify.(type) {
	case []byte:
		return hmac.Equal(sum, t.signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, sum, t.signature)
	case *rsa.PublicKey:
		return r.validRSA(public, t, sum) == nil
	}
	return false
}

func (r *checkRoom) validRSA(public *rsa.PublicKey, t *signed, sum []byte) error {
	if t.key.isPSS() {
		opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(public, t.key.hash(), sum, t.signature, &opts)
	}
	return rsa.VerifyPKCS1v15(public, t.key.hash(), sum, t.signature)
}
