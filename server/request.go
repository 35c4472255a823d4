package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// maxBody is the most bytes that a request's body may have.
const maxBody = 16 << 10

// maxIdempotencyKey is in bytes.
const maxIdempotencyKey = 256

// writeTime is what a request may take that changes something. It goes on to
// its end when the client hangs up: half a logout is none.
const writeTime = 20 * time.Second

// readJSON reads a body that is one JSON object of known members, each at most
// once (RFC 8259, section 4, leaves duplicates to the reader). The Content-Type
// is not looked at: `curl -d` sends that of a form, and no answer here depends
// on a cookie that a foreign page could make a browser send along.
func readJSON(a *answer, r *http.Request, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(a.ResponseWriter, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return badRequest("The body is too large: want at most %d bytes.", maxBody)
	case err != nil:
		return badRequest("The body could not be read.")
	}
	// What was wrong may quote a password: it is not passed on.
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		return badRequest("The body must be one JSON object with the members of this route and nothing else.")
	}
	return nil
}

// idempotencyKey is the one Idempotency-Key of a request, if it has any.
func idempotencyKey(r *http.Request) (string, error) {
	keys := r.Header.Values("Idempotency-Key")
	switch {
	case len(keys) == 0:
		return "", nil
	case len(keys) > 1:
		return "", badRequest("Two Idempotency-Key headers.")
	case keys[0] == "" || len(keys[0]) > maxIdempotencyKey:
		return "", badRequest("The Idempotency-Key must have 1 to %d bytes.", maxIdempotencyKey)
	}
	return keys[0], nil
}

// untilDone is the context of a request that changes something.
func untilDone(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), writeTime)
}

// instant is a time in JSON: RFC 3339, UTC, with milliseconds.
type instant time.Time

func (t instant) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// IsZero is for omitzero.
func (t instant) IsZero() bool { return time.Time(t).IsZero() }
