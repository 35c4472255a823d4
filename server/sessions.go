package server

import (
	"context"
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
	return end(a, r, s.sessions.Logout)
}

// logoutAll ends every session of the subject of the caller's token.
func (s *Server) logoutAll(a *answer, r *http.Request) error {
	return end(a, r, s.sessions.LogoutAll)
}

// end ends what the caller's token stands for.
func end(a *answer, r *http.Request, logout func(ctx context.Context, raw string) error) error {
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	if err := logout(ctx, raw); err != nil {
		return err
	}
	a.noContent()
	return nil
}
