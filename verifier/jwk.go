package verifier

import "errors"

// ParseJWKS reads one JWK or a JWK set (RFC 7517). rsa is the algorithm of RSA keys without alg.
func ParseJWKS(data []byte, rsa Algorithm) (Keys, error) {
	return nil, errors.New("verifier: JWKS: not yet")
}
