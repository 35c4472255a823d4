package server

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// Codes that are looked at here too. All others are the verifier's own.
const (
	codeCannotTell = "denylist_unavailable" // of every refusal that is a 503
	codeReused     = "token_reused"         // of a replay
	codeClientGone = "client_gone"          // for logs: nobody waited for the answer, so nothing is wrong with the denylist
)

// requestError is a request that is wrong in itself, before anything is asked.
type requestError struct {
	status      int
	code        string
	description string // shown to the client; never quotes what it sent
}

func (e *requestError) Error() string { return "server: " + e.description }

// badRequest is a 400: the description says what to do otherwise.
func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...)}
}

var (
	errNotFound = &requestError{http.StatusNotFound, "not_found", "There is nothing here."}
	errMethod   = &requestError{http.StatusMethodNotAllowed, "invalid_request", "The method is not allowed here."}
	errPanic    = &requestError{http.StatusInternalServerError, "internal_error", "The server failed."}
	errAdmin    = &requestError{http.StatusUnauthorized, "token_invalid", "The admin token is wrong."}
)

// refusalOf is the table of every error that a handler returns: the rows that
// only a server has, then those of sessions, and then the verifier's. What none
// of them knows is "cannot tell", a 503 (R14).
func refusalOf(err error) verifier.Refusal {
	var request *requestError
	var throttled *denylist.ThrottledError
	switch {
	case errors.As(err, &throttled):
		return throttledRefusal(throttled)
	case errors.As(err, &request):
		return verifier.Refusal{Status: request.status, Code: request.code, Description: request.description}
	case errors.Is(err, denylist.ErrUnknown):
		return cannotTell("It is not known whether this was done. Repeating it is safe.")
	case errors.Is(err, denylist.ErrUnavailable):
		return cannotTell("The denylist cannot be asked or changed now. Try again.")
	}
	for _, row := range ownRefusals {
		if errors.Is(err, row.err) {
			return row.Refusal
		}
	}
	return rotation.RefusalOf(err)
}

// cannotTell is the verifier's 503 in other words: not all routes are about a
// token.
func cannotTell(description string) verifier.Refusal {
	refusal := verifier.RefusalOf(denylist.ErrUnavailable)
	refusal.Description = description
	return refusal
}

// ownRefusals are the errors that neither sessions nor a verifier meet.
var ownRefusals = []struct {
	err error
	verifier.Refusal
}{
	{ErrCredentials, verifier.Refusal{
		Status: http.StatusUnauthorized, Code: "invalid_credentials",
		Description: "The user name or the password is wrong."}},
	{ErrClient, clientRefusal},
	{ErrBusy, verifier.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: 1,
		Description: "Too many logins at once."}},
	{errStreams, verifier.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: 5,
		Description: "Too many streams of events at once."}},
	{denylist.ErrNotFound, verifier.Refusal{
		Status: http.StatusNotFound, Code: "not_found",
		Description: "There is no such entry."}},
	{denylist.ErrSpent, verifier.Refusal{
		Status: http.StatusConflict, Code: "already_spent",
		Description: "The token was exchanged, which nobody can take back."}},
	{denylist.ErrNoMarks, verifier.Refusal{
		Status: http.StatusConflict, Code: "not_supported",
		Description: "This denylist keeps no marks: it has more than one partition."}},
}

// inBody is the refusal of a token that came in a body: the verifier's code,
// but 400, since it is not the caller's own credential.
func inBody(err error) error {
	refusal := refusalOf(err)
	if refusal.Status != http.StatusUnauthorized {
		return err
	}
	return &requestError{http.StatusBadRequest, refusal.Code, refusal.Description}
}

// aboutEntry shows an operator why an entry or a query is refused.
func aboutEntry(err error) error {
	if errors.Is(err, denylist.ErrInvalid) {
		return badRequest("%v", err)
	}
	return err
}
