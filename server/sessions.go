package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// tokensBody is the answer to a login or an exchange (RFC 6749, section 5.1).
type tokensBody struct {
	AccessToken      string `json:"access_token"`
	TokenType        string `json:"token_type"`
	ExpiresIn        int64  `json:"expires_in"` // seconds
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_expires_in,omitzero"`
}

func (s *Server) tokens(t rotation.Tokens) tokensBody {
	// A fresh token says its whole life; one that is signed again, what is left.
	from := t.IssuedAt
	if t.Replayed {
		from = s.opts.Now()
	}
	body := tokensBody{AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: secondsLeft(from, t.AccessExpiresAt)}
	if t.Refresh != "" {
		body.RefreshToken, body.RefreshExpiresIn = t.Refresh, secondsLeft(from, t.RefreshExpiresAt)
	}
	return body
}

func secondsLeft(from, end time.Time) int64 { return max(0, int64(end.Sub(from)/time.Second)) }

// login begins a session. Its instant is read on the store's clock before the
// credentials are looked at, so that a revocation during the hashing of the
// password catches it (R6), and no password is hashed while the denylist is
// out of reach.
func (s *Server) login(a *answer, r *http.Request) error {
	var body struct {
		Username *string `json:"username"`
		Password *string `json:"password"`
	}
	if err := readJSON(a, r, &body); err != nil {
		return err
	}
	if body.Username == nil || body.Password == nil {
		return badRequest("A login needs a username and a password.")
	}
	client, err := s.loginClient(r)
	if err != nil {
		return err
	}
	tokens, err := s.begin(r.Context(), *body.Username, *body.Password, client.ID)
	s.metrics.login(err)
	if err != nil {
		return err
	}
	return a.json(http.StatusCreated, s.tokens(tokens))
}

// begin makes a pair of the client's, or nobody's where clientID is empty. Its
// scope is the user's: that of the client is of its own tokens.
func (s *Server) begin(ctx context.Context, username, password, clientID string) (rotation.Tokens, error) {
	at, err := s.sessions.Now(ctx)
	if err != nil {
		return rotation.Tokens{}, err
	}
	who, err := s.opts.Login.Authenticate(ctx, username, password)
	s.watchLogin()
	if err != nil {
		return rotation.Tokens{}, err
	}
	tokens, err := s.sessions.Login(ctx, rotation.Login{At: at, Subject: who.Subject, Scope: who.Scope, ClientID: clientID})
	if err != nil {
		// Who knows the password has done nothing wrong: 503, whatever it is.
		return rotation.Tokens{}, fmt.Errorf("server: cannot begin a session: %v", err)
	}
	return tokens, nil
}

// watchLogin logs, once, that the file of users has gone bad or good again.
func (s *Server) watchLogin() {
	if users, ok := s.opts.Login.(interface{ Health() error }); ok {
		s.logChange(&s.loginState, "users", users.Health())
	}
}

// sessionBody is what a caller may know of its own token.
type sessionBody struct {
	Claims           map[string]jsontext.Value `json:"claims"`
	ExpiresAt        instant                   `json:"expires_at"`
	ExpiresIn        int64                     `json:"expires_in"` // seconds
	SessionExpiresAt instant                   `json:"session_expires_at,omitzero"`
	SessionExpiresIn int64                     `json:"session_expires_in,omitzero"`
}

// session shows the claims and the remaining life of the caller's token.
func (s *Server) session(a *answer, r *http.Request) error {
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return err
	}
	claims, err := s.callers.Verify(r.Context(), raw)
	if err != nil {
		return err
	}
	now := s.opts.Now()
	body := sessionBody{ExpiresAt: instant(claims.ExpiresAt()), ExpiresIn: secondsLeft(now, claims.ExpiresAt())}
	if end := claims.SessionExpiresAt(); !end.IsZero() {
		body.SessionExpiresAt, body.SessionExpiresIn = instant(end), secondsLeft(now, end)
	}
	if err := claims.Decode(&body.Claims); err != nil {
		return err
	}
	return a.json(http.StatusOK, body)
}

// rotate exchanges the caller's token for its successor.
func (s *Server) rotate(a *answer, r *http.Request) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	tokens, err := s.sessions.Exchange(ctx, raw, rotation.Attempt{IdempotencyKey: key})
	s.metrics.exchange(tokens.Replayed, err)
	if err != nil {
		return err
	}
	a.note(slog.Bool("replayed", tokens.Replayed))
	return a.json(http.StatusOK, s.tokens(tokens))
}

// logout ends the session of the caller's token, which may have expired or
// been spent: it only takes away.
func (s *Server) logout(a *answer, r *http.Request) error {
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	if err := s.sessions.Logout(ctx, raw); err != nil {
		return err
	}
	a.noContent()
	return nil
}

// logoutAll ends every session of the subject of the caller's token.
func (s *Server) logoutAll(a *answer, r *http.Request) error {
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	if err := s.sessions.LogoutAll(ctx, raw); err != nil {
		return err
	}
	a.noContent()
	return nil
}
