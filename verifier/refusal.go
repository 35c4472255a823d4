package verifier

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rescindhq/rescind/denylist"
)

// Refusal is an error as HTTP shows it.
type Refusal struct {
	Status      int
	Code        string // "error"
	Description string // "error_description"; never names a secret
	Scope       string // of a 403's challenge
	// RetryAfter is in seconds; 0: no such header, but 1 on 503.
	RetryAfter int
	// Challenge replaces the Bearer challenge of 401 and 403: for endpoints
	// with another scheme.
	Challenge string
}

// refusals is the table of errors. The first that matches counts; an error
// that is not in it is one of a denylist, or of a key set, that cannot tell.
var refusals = []struct {
	err error
	Refusal
}{
	// A denial that was read is one, whatever else has failed (R14).
	{denylist.ErrReused, unauthorized("token_reused", "The token has been exchanged already. Its session has ended.")},
	{denylist.ErrRevoked, unauthorized("token_revoked", "The token has been revoked.")},
	{denylist.ErrExpired, unauthorized("token_expired", "The token has expired.")},

	{ErrMissing, unauthorized("token_missing", "A bearer token is required.")},
	{ErrTooLarge, unauthorized("token_malformed", "The token is too large.")},
	{ErrMalformed, unauthorized("token_malformed", "The token is malformed.")},
	{ErrClaims, unauthorized("token_malformed", "A required claim is missing or ill-typed.")},
	{ErrHeader, unauthorized("token_invalid", "The token's header is not accepted.")},
	{ErrAlgorithm, unauthorized("token_invalid", "The token's algorithm is not accepted.")},
	{ErrKeyWithdrawn, unauthorized("token_invalid", "The signing key was withdrawn: log in again.")},
	{ErrUnknownKey, unauthorized("token_invalid", "The token's key is not known.")},
	{ErrSignature, unauthorized("token_invalid", "The token's signature is wrong.")},
	{ErrIssuer, unauthorized("token_invalid", "The token's issuer is not trusted.")},
	{ErrAudience, unauthorized("token_invalid", "The token is for another audience.")},
	{ErrType, unauthorized("token_invalid", "The token is of another type.")},
	{ErrLifetime, unauthorized("token_invalid", "The token's lifetime is not accepted.")},
	{ErrExpired, unauthorized("token_expired", "The token has expired.")},
	{ErrCookieLock, unauthorized("token_invalid", "The token is bound to a cookie that did not come with it.")},
	{ErrNotYetValid, unauthorized("token_not_yet_valid", "The token is not valid yet.")},
	{ErrScope, Refusal{Status: http.StatusForbidden, Code: "insufficient_scope", Description: "The token's scope is not sufficient."}},
}

func unauthorized(code, description string) Refusal {
	return Refusal{Status: http.StatusUnauthorized, Code: code, Description: description}
}

// RefusalOf is the table of this package's errors and the denylist's. An error
// that it does not know is "cannot tell": 503, never 401 (R14).
func RefusalOf(err error) Refusal {
	for _, row := range refusals {
		if errors.Is(err, row.err) {
			return row.Refusal
		}
	}
	return Refusal{
		Status:      http.StatusServiceUnavailable,
		Code:        "denylist_unavailable",
		Description: "It cannot be told whether the token is valid.",
		RetryAfter:  1,
	}
}

// Write answers with the refusal: JSON, no-store, the RFC 6750 challenge on
// 401 and 403, Retry-After on 503.
func (f Refusal) Write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden {
		header.Set("WWW-Authenticate", f.challenge())
	}
	if f.RetryAfter > 0 || f.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", strconv.Itoa(max(f.RetryAfter, 1)))
	}
	body, _ := json.Marshal(struct { // two strings: it cannot fail
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.Code, f.Description})
	header.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// challenge is the WWW-Authenticate header of RFC 6750 section 3. Who sent no
// token is told no more than that one is needed.
func (f Refusal) challenge() string {
	if f.Challenge != "" {
		return f.Challenge
	}
	const realm = `Bearer realm="rescind"`
	switch {
	case f.Status == http.StatusForbidden:
		challenge := realm + `, error="insufficient_scope"`
		if scope := quotable(f.Scope); scope != "" {
			challenge += `, scope="` + scope + `"`
		}
		return challenge
	case f.Code == "token_missing" || f.Code == "invalid_credentials":
		return realm
	default:
		return realm + `, error="invalid_token"`
	}
}

// quotable leaves out what a scope may not have (RFC 6749 section 3.3) and a
// quoted string in a header could not hold.
func quotable(scope string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, scope)
}
