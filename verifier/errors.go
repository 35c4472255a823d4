package verifier

import "errors"

// The reasons to refuse a token (R4). Errors wrap exactly one of them, or
// denylist.ErrRevoked, or anything else where the denylist cannot tell.
var (
	ErrMissing     = errors.New("verifier: no token")
	ErrTooLarge    = errors.New("verifier: token too large")
	ErrMalformed   = errors.New("verifier: token malformed")
	ErrHeader      = errors.New("verifier: header member refused") // jwk, jku, x5u, x5c, crit, b64, zip
	ErrAlgorithm   = errors.New("verifier: algorithm does not fit the key")
	ErrUnknownKey  = errors.New("verifier: unknown key")
	ErrSignature   = errors.New("verifier: signature is wrong")
	ErrIssuer      = errors.New("verifier: issuer is not trusted")
	ErrAudience    = errors.New("verifier: token is for another audience")
	ErrType        = errors.New("verifier: token is of another type")
	ErrClaims      = errors.New("verifier: a required claim is missing or ill-typed")
	ErrLifetime    = errors.New("verifier: lifetime exceeds the policy")
	ErrExpired     = errors.New("verifier: token expired")
	ErrNotYetValid = errors.New("verifier: token not yet valid")
	ErrScope       = errors.New("verifier: insufficient scope")
)
