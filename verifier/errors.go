package verifier

import "errors"

// The reasons to refuse a token (R4). Errors wrap exactly one of them, or
// denylist.ErrRevoked, or anything else where the denylist cannot tell. None
// holds any part of a token.
var (
	// ErrMissing: there is no token.
	ErrMissing = errors.New("verifier: no token")
	// ErrTooLarge: over MaxTokenSize.
	ErrTooLarge = errors.New("verifier: token too large")
	// ErrMalformed: not the compact form, base64url or JSON, read strictly.
	ErrMalformed = errors.New("verifier: token malformed")
	// ErrHeader: a header parameter is ill-typed, or one that no token may
	// have: jwk, jku, x5u, x5c, crit, b64, zip, enc, or a cty of JWT.
	ErrHeader = errors.New("verifier: header member refused")
	// ErrAlgorithm: alg is not the key's, or none.
	ErrAlgorithm = errors.New("verifier: algorithm does not fit the key")
	// ErrUnknownKey: no key has that kid, or there is none and several keys.
	ErrUnknownKey = errors.New("verifier: unknown key")
	// ErrKeyWithdrawn: the key with that kid may have leaked, and nothing that
	// it signed counts any more.
	ErrKeyWithdrawn = errors.New("verifier: the signing key was withdrawn")
	// ErrCookieLock: the token is bound to a cookie that did not come with it,
	// or to none where it has to be: see CookieLock.
	ErrCookieLock = errors.New("verifier: token without its cookie")
	// ErrSignature: the key did not make this signature.
	ErrSignature = errors.New("verifier: signature is wrong")
	// ErrIssuer: iss is missing or nobody that is trusted.
	ErrIssuer = errors.New("verifier: issuer is not trusted")
	// ErrAudience: aud names none of the policy's audiences.
	ErrAudience = errors.New("verifier: token is for another audience")
	// ErrType: typ is not one of the policy's.
	ErrType = errors.New("verifier: token is of another type")
	// ErrClaims: a required claim is missing, or a claim ill-typed.
	ErrClaims = errors.New("verifier: a required claim is missing or ill-typed")
	// ErrLifetime: exp is not after iat, too long after it, or no date.
	ErrLifetime = errors.New("verifier: lifetime exceeds the policy")
	// ErrExpired: exp has passed.
	ErrExpired = errors.New("verifier: token expired")
	// ErrNotYetValid: nbf or iat is in the future.
	ErrNotYetValid = errors.New("verifier: token not yet valid")
	// ErrScope: the token lacks a scope.
	ErrScope = errors.New("verifier: insufficient scope")
)
