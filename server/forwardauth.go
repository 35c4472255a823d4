package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// forwardAuth says to a proxy whether a request may pass: 200 with who is
// asking, 401, 403 or 503, whatever the method and the path.
func (s *Server) forwardAuth(a *answer, r *http.Request) error {
	who, err := s.caller(r)
	if err != nil {
		return err
	}
	wanted, err := wantedScopes(r.URL)
	if err != nil {
		return err
	}
	for _, scope := range wanted {
		if !slices.Contains(who.Scopes, scope) {
			return &scopeError{wanted}
		}
	}
	header := a.Header()
	header.Set("Cache-Control", "no-store")
	// All five, always: a proxy that copies them then overwrites what its
	// client may have sent by these names.
	who.SetHeaders(header)
	a.WriteHeader(http.StatusOK)
	return nil
}

// caller finds out by the token of a request or, where the option allows it, by
// a client's key. A key is no session and has no token: these two are empty.
func (s *Server) caller(r *http.Request) (verifier.Identity, error) {
	if keys := r.Header.Values(apiKeyHeader); s.opts.ForwardAuthAPIKeys && len(keys) > 0 {
		return s.callerByKey(r, keys)
	}
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return verifier.Identity{}, err
	}
	claims, err := s.callers.Verify(r.Context(), raw)
	if err != nil {
		return verifier.Identity{}, err
	}
	return claims.Identity(), nil
}

func (s *Server) callerByKey(r *http.Request, keys []string) (verifier.Identity, error) {
	if len(keys) > 1 || len(r.Header.Values("Authorization")) > 0 {
		return verifier.Identity{}, errTwoCredentials
	}
	client, err := s.clientOfKey(r.Context(), keys[0])
	if err != nil {
		return verifier.Identity{}, err
	}
	if err := s.store.Check(r.Context(), keyAsToken(s.issuer, client)); err != nil {
		return verifier.Identity{}, err
	}
	return verifier.Identity{Issuer: s.issuer, Subject: client.ID, Scopes: client.Scope}, nil
}

// keyAsToken is a key as the denylist knows it: a token of its client's whose
// login was when the key was made. So an entry of the client, or of the whole
// issuer, ends it also where the clients file is an old copy, and spares a key
// that was made since. It has no jti: its client's id stands for it.
func keyAsToken(issuer string, client Client) denylist.Token {
	return denylist.Token{Issuer: issuer, ID: client.ID, Subject: client.ID, Login: client.KeyMadeAt}
}

// errTwoCredentials: of two, a proxy and what is behind it might each believe
// another.
var errTwoCredentials = fmt.Errorf("%w: a key and another credential", verifier.ErrMalformed)

// scopeError is a verifier.ErrScope that knows which scopes were wanted.
type scopeError struct{ wanted []string }

func (e *scopeError) Error() string { return verifier.ErrScope.Error() }
func (e *scopeError) Unwrap() error { return verifier.ErrScope }

// forwardRefusal is the table of forward auth: the verifier's, so that what is
// neither 401 nor 403 is 503, a panic included.
func forwardRefusal(err error) verifier.Refusal {
	if errors.Is(err, ErrClient) {
		return keyRefusal
	}
	refusal := verifier.RefusalOf(err)
	var scope *scopeError
	if errors.As(err, &scope) {
		refusal.Scope = strings.Join(scope.wanted, " ")
	}
	return refusal
}

// keyRefusal is of a key that is nobody's.
var keyRefusal = verifier.Refusal{
	Status: http.StatusUnauthorized, Code: "token_invalid", Description: "The key is not known.",
}

// wantedScopes are those that the proxy asks for: ?scope=a+b, at exactly
// /v1/verify. Below it the query is the client's, who must not choose. A
// proxy that asks for something that is not a scope lets nobody pass.
func wantedScopes(u *url.URL) ([]string, error) {
	if u.Path != routeVerify {
		return nil, nil
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: the query is malformed", verifier.ErrScope)
	}
	var wanted []string
	for _, value := range query["scope"] {
		scopes := strings.Fields(value)
		if len(scopes) == 0 {
			return nil, fmt.Errorf("%w: an empty one is asked for", verifier.ErrScope)
		}
		wanted = append(wanted, scopes...)
	}
	return wanted, nil
}
