package verifier

import (
	"context"
	"net/http"
)

// Middleware lets only requests with a valid bearer token pass (RFC 6750) and
// puts its claims into their context.
func (v *Verifier) Middleware(next http.Handler) http.Handler { panic("skeleton") }

// RequireScope is for use behind Middleware: it lets only tokens with every
// one of the scopes pass.
func RequireScope(scopes ...string) func(http.Handler) http.Handler { panic("skeleton") }

// FromContext returns the claims that Middleware found.
func FromContext(ctx context.Context) (Claims, bool) { panic("skeleton") }

// BearerToken returns the token of the one Authorization header of r.
// ErrMissing: there is none, or it is of another scheme.
func BearerToken(r *http.Request) (string, error) { panic("skeleton") }

// Refusal is an error as HTTP shows it.
type Refusal struct {
	Status      int
	Code        string // "error"
	Description string // "error_description"; never names a secret
	Scope       string // of a 403's challenge
}

// RefusalOf is the table of this package's errors and the denylist's.
func RefusalOf(err error) Refusal { panic("skeleton") }

// Write answers with the refusal: JSON, no-store, the RFC 6750 challenge on
// 401 and 403, Retry-After on 503.
func (f Refusal) Write(w http.ResponseWriter) { panic("skeleton") }
