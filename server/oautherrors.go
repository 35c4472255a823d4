package server

import (
	"errors"
	"net/http"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// Refusals that only OAuth has (RFC 6749, section 5.2).
var (
	errGrantType          = &requestError{http.StatusBadRequest, "unsupported_grant_type", "There is no such grant here."}
	errScope              = &requestError{http.StatusBadRequest, "invalid_scope", "The scope is malformed, or more than was granted."}
	errUnauthorizedClient = &requestError{http.StatusBadRequest, "unauthorized_client", "A public client has no token of its own."}
)

// basicChallenge is what a client is told that did not authenticate.
const basicChallenge = `Basic realm="rescind"`

// clientRefusal is the same on every route, whatever is wrong with the client.
var clientRefusal = verifier.Refusal{
	Status: http.StatusUnauthorized, Code: "invalid_client",
	Description: "The client is not known, or did not authenticate.", Challenge: basicChallenge,
}

// oauthRefusal is the table of /oauth/*: the usual one in RFC 6749's words. A
// token in a form is not the caller's own credential, so that no 401 is about
// one. What cannot be told stays a 503 (R14).
func oauthRefusal(err error) verifier.Refusal {
	var request *requestError
	if errors.As(err, &request) {
		return refusalOf(err)
	}
	refusal := refusalOf(err)
	switch {
	case refusal.Code == clientRefusal.Code:
	case errors.Is(err, rotation.ErrScope):
		return refusalOf(errScope)
	case refusal.Status == http.StatusUnauthorized:
		return verifier.Refusal{Status: http.StatusBadRequest, Code: "invalid_grant", Description: refusal.Description}
	}
	return refusal
}
