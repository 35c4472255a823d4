package rotation

import (
	"errors"
	"net/http"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// RefusalOf is the table of this package's errors, for whoever answers a login
// or an exchange; the others are [verifier.RefusalOf]'s. What neither knows
// means that it cannot be told, a 503 (R14).
func RefusalOf(err error) verifier.Refusal {
	if errors.Is(err, denylist.ErrUnavailable) {
		return verifier.RefusalOf(err) // whatever else it says
	}
	switch {
	case errors.Is(err, ErrCredentials):
		return verifier.Refusal{Status: http.StatusUnauthorized, Code: "invalid_credentials", Description: "The user name or the password is wrong."}
	case errors.Is(err, ErrTooOften):
		return verifier.Refusal{Status: http.StatusTooManyRequests, Code: "rate_limited", Description: "The session was refreshed too often.", RetryAfter: 5}
	case errors.Is(err, ErrNotExchangeable):
		return verifier.Refusal{Status: http.StatusUnauthorized, Code: "token_invalid", Description: "The token cannot be exchanged."}
	case errors.Is(err, ErrNoSession):
		return verifier.Refusal{Status: http.StatusNotFound, Code: "not_found", Description: "There is no such session."}
	case errors.Is(err, ErrUnlisted):
		return verifier.Refusal{Status: http.StatusConflict, Code: "not_listed",
			Description: "All sessions that are known have ended, but this one is not listed, so others may be missing too. Log in again, or end all."}
	case errors.Is(err, ErrScope):
		return badRequest("More scope was asked for than was granted.")
	case errors.Is(err, ErrInvalid):
		return badRequest("The request is malformed.")
	}
	return verifier.RefusalOf(err)
}

func badRequest(description string) verifier.Refusal {
	return verifier.Refusal{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}
}
