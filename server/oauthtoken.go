package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// The grants (RFC 6749). A password is never one of them.
const (
	grantRefresh = "refresh_token"
	grantClient  = "client_credentials"
)

// grantBody is the answer of /oauth/token (RFC 6749, section 5.1).
type grantBody struct {
	tokensBody
	Scope string `json:"scope,omitempty"`
}

// token is the token endpoint.
func (s *Server) token(a *answer, r *http.Request) error {
	form, err := readForm(a, r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	var tokens rotation.Tokens
	grant := form["grant_type"]
	switch grant {
	case "":
		return badRequest("The grant_type is missing.")
	case grantRefresh:
		tokens, err = s.refresh(ctx, r, form)
	case grantClient:
		tokens, err = s.ofClient(ctx, r, form)
	default:
		return errGrantType
	}
	s.metrics.oauth.grant(grant, err)
	if err != nil {
		noteReplay(a, err)
		return err
	}
	a.note(slog.String("grant", grant), slog.Bool("replayed", tokens.Replayed))
	return a.json(http.StatusOK, s.granted(grant, tokens))
}

// refresh exchanges a refresh token of the client's, or one that is nobody's
// where there is no client.
func (s *Server) refresh(ctx context.Context, r *http.Request, form parametersOf) (rotation.Tokens, error) {
	client, err := s.clientOf(r, form)
	if err != nil {
		return rotation.Tokens{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return rotation.Tokens{}, err
	}
	raw, ok := form["refresh_token"]
	if !ok {
		return rotation.Tokens{}, badRequest("The refresh_token is missing.")
	}
	scope, err := wantedScope(form)
	if err != nil {
		return rotation.Tokens{}, err
	}
	tokens, err := s.sessions.Exchange(ctx, raw, rotation.Attempt{IdempotencyKey: key, ClientID: client.ID, Scope: scope})
	s.metrics.exchange(tokens.Replayed, err)
	return tokens, err
}

// ofClient issues a token to the client itself. Its instant is read before the
// credentials are looked at, so that who removes the client meanwhile, and then
// revokes its tokens, catches this one too (R6).
func (s *Server) ofClient(ctx context.Context, r *http.Request, form parametersOf) (rotation.Tokens, error) {
	at, err := s.sessions.Now(ctx)
	if err != nil {
		return rotation.Tokens{}, err
	}
	client, err := s.clientOf(r, form)
	switch {
	case err != nil:
		return rotation.Tokens{}, err
	case client.ID == "":
		return rotation.Tokens{}, ErrClient
	case client.Public:
		return rotation.Tokens{}, errUnauthorizedClient
	}
	scope, err := wantedScope(form)
	if err != nil {
		return rotation.Tokens{}, err
	}
	for _, wanted := range scope {
		if !slices.Contains(client.Scope, wanted) {
			return rotation.Tokens{}, errScope
		}
	}
	if scope == nil {
		scope = client.Scope
	}
	return s.sessions.ClientToken(ctx, rotation.ClientLogin{At: at, ClientID: client.ID, Scope: scope})
}

// granted is the answer to a grant. In single style the token that buys the
// next one is the access token: a client that refreshes by RFC 6749 has to find
// it where it looks, or it would spend the old one again.
func (s *Server) granted(grant string, t rotation.Tokens) grantBody {
	body := grantBody{tokensBody: s.tokens(t), Scope: strings.Join(t.Scope, " ")}
	if grant == grantRefresh && body.RefreshToken == "" {
		body.RefreshToken, body.RefreshExpiresIn = body.AccessToken, body.ExpiresIn
	}
	return body
}

// wantedScope is the scope that a request asks for; nil: all of it.
func wantedScope(form parametersOf) ([]string, error) {
	text, ok := form["scope"]
	if !ok {
		return nil, nil
	}
	scope := strings.Split(text, " ")
	if checkScope(scope) != nil {
		return nil, errScope
	}
	slices.Sort(scope)
	return slices.Compact(scope), nil
}

// noteReplay tells the log what invalid_grant tells nobody.
func noteReplay(a *answer, err error) {
	if errors.Is(err, denylist.ErrReused) {
		a.note(slog.String("reason", codeReused))
	}
}

// revokeToken is the revocation endpoint (RFC 7009). 200 says that the token is
// dead now, or never was alive.
func (s *Server) revokeToken(a *answer, r *http.Request) error {
	form, err := readForm(a, r)
	if err != nil {
		return err
	}
	client, err := s.clientOf(r, form)
	if err != nil {
		return err
	}
	raw, ok := form["token"]
	if !ok {
		return badRequest("The token is missing.")
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	err = s.sessions.Revoke(ctx, raw, client.ID)
	switch {
	case errors.Is(err, rotation.ErrNotExchangeable):
		return err // alive, and somebody else's: 200 would be a lie
	case err != nil && !isDead(err):
		return err
	}
	a.Header().Set("Cache-Control", "no-store")
	a.Header().Set("Content-Length", "0")
	a.WriteHeader(http.StatusOK)
	return nil
}

// isDead reports whether an error says that a token is none, or not any more:
// what is not known is neither (R14).
func isDead(err error) bool {
	status := refusalOf(err).Status
	return status == http.StatusUnauthorized
}
