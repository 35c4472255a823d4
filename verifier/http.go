package verifier

import (
	"context"
	"net/http"
	"strings"
)

// claimsKey is the context key of a request's claims.
type claimsKey struct{}

// Middleware lets only requests with a valid bearer token pass (RFC 6750) and
// puts its claims into their context: see [FromContext]. All others get the
// [Refusal] of the reason.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := BearerToken(r)
		if err != nil {
			RefusalOf(err).Write(w)
			return
		}
		claims, err := v.Verify(r.Context(), raw)
		if err != nil {
			RefusalOf(err).Write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	})
}

// RequireScope is for use behind Middleware: it lets only tokens with every
// one of the scopes pass. A request without claims is refused as one without a
// token.
func RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, ok := FromContext(r.Context())
			if !ok {
				RefusalOf(ErrMissing).Write(w)
				return
			}
			for _, scope := range scopes {
				if !claims.HasScope(scope) {
					refusal := RefusalOf(ErrScope)
					refusal.Scope = strings.Join(scopes, " ")
					refusal.Write(w)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// FromContext returns the claims that Middleware found.
func FromContext(ctx context.Context) (Claims, bool) {
	claims, ok := ctx.Value(claimsKey{}).(Claims)
	return claims, ok
}

// BearerToken returns the token of the one Authorization header of r (RFC 6750
// section 2.1): never one of the query or the body, which end up in logs.
// ErrMissing: there is none, or it is of another scheme. ErrMalformed: there
// are two headers, of which somebody else may have read the other.
func BearerToken(r *http.Request) (string, error) {
	headers := r.Header["Authorization"]
	switch len(headers) {
	case 0:
		return "", ErrMissing
	case 1:
	default:
		return "", malformed("two Authorization headers")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrMissing
	}
	return token, nil
}
