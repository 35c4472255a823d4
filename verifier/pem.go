package verifier

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxPEMBytes is the most that a PEM file may have: a dozen large keys.
const maxPEMBytes = 64 << 10

// pemBegin opens every PEM block (RFC 7468 section 2).
const pemBegin = "-----BEGIN "

// ParsePEM reads keys from at most 64 KiB of PEM blocks: PKCS#1, PKCS#8 and
// SPKI (RFC 7468). Of a private key it takes the public half. Nothing but
// white space may stand around the blocks.
//
// alg is needed for RSA only. Where it is another kind's, keys of that kind
// must fit it; an RSA algorithm says nothing about other kinds. Each kid is
// the key's RFC 7638 thumbprint.
func ParsePEM(data []byte, alg Algorithm) (Keys, error) {
	if len(data) > maxPEMBytes {
		return nil, fmt.Errorf("verifier: PEM: %d bytes: want at most %d", len(data), maxPEMBytes)
	}
	if alg != "" && (alg.family() == familyNone || alg.Symmetric()) {
		return nil, fmt.Errorf("verifier: PEM: no algorithm of a public key: %.20q", string(alg))
	}
	var keys Keys
	for rest := bytes.TrimSpace(data); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after, err := nextPEM(rest)
		if err != nil {
			return nil, fmt.Errorf("verifier: PEM: block %d: %w", len(keys)+1, err)
		}
		key, err := pemKey(block, alg)
		if err != nil {
			return nil, fmt.Errorf("verifier: PEM: block %d: %w", len(keys)+1, err)
		}
		keys, rest = append(keys, key), after
	}
	return keys.distinct()
}

// nextPEM decodes the block that data begins with. pem.Decode alone would skip
// whatever it cannot read and answer with the block after it.
func nextPEM(data []byte) (*pem.Block, []byte, error) {
	block, rest := pem.Decode(data)
	switch read := data[:len(data)-len(rest)]; {
	case block == nil:
		return nil, nil, errors.New("not a PEM block")
	case !bytes.HasPrefix(read, []byte(pemBegin)), bytes.Count(read, []byte(pemBegin)) != 1:
		return nil, nil, errors.New("something else in front of it")
	case len(block.Headers) > 0:
		return nil, nil, errors.New("it has headers: encrypted keys are not read")
	}
	return block, rest, nil
}

func pemKey(block *pem.Block, alg Algorithm) (Key, error) {
	public, err := publicOf(block)
	if err != nil {
		return Key{}, err
	}
	own, err := algorithmOf(public, alg)
	if err != nil {
		return Key{}, err
	}
	if f := alg.family(); f != familyNone && f != familyPKCS1 && f != familyPSS && own != alg {
		return Key{}, fmt.Errorf("a key for %v: want one for %v", own, alg)
	}
	return newKey("", own, public)
}

// publicOf reads a public key, or the public half of a private one. The
// parsers' own errors are not passed on: they are about a file of secrets.
func publicOf(block *pem.Block) (any, error) {
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a %.40q: want PUBLIC KEY, PRIVATE KEY or their RSA kinds (openssl pkey -pubout makes one)", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("malformed %s", block.Type)
	}
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		return private.Public(), nil
	}
	return key, nil
}

// algorithmOf is the algorithm that a key's type and curve imply. RSA keys
// serve six, so theirs is a matter of policy.
func algorithmOf(public any, rsaPolicy Algorithm) (Algorithm, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if f := rsaPolicy.family(); f != familyPKCS1 && f != familyPSS {
			return "", fmt.Errorf("an RSA key without an algorithm: name one of RS256 to PS512, not %.20q", string(rsaPolicy))
		}
		return rsaPolicy, nil
	case *ecdsa.PublicKey:
		for _, alg := range []Algorithm{ES256, ES384, ES512} {
			if p.Curve == curveOf(alg) {
				return alg, nil
			}
		}
		return "", errors.New("no algorithm for that elliptic curve")
	case ed25519.PublicKey:
		return EdDSA, nil
	}
	return "", fmt.Errorf("no algorithm for a %T", public)
}
