package server

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// listedSession is a session as its user sees it in a list.
type listedSession struct {
	ID            string  `json:"sid"`
	Label         string  `json:"label,omitempty"`
	Current       bool    `json:"current"` // the caller's own
	CreatedAt     instant `json:"created_at"`
	RenewedAt     instant `json:"renewed_at,omitzero"` // last exchanged
	ExpiresAt     instant `json:"expires_at"`          // whatever is exchanged
	IdleExpiresAt instant `json:"idle_expires_at"`     // unless it is exchanged before
}

// sessionsBody is the answer of a list.
type sessionsBody struct {
	Sessions []listedSession `json:"sessions"`
}

func newSessionsBody(list []denylist.Listed, current string) sessionsBody {
	body := sessionsBody{Sessions: make([]listedSession, 0, len(list))}
	for _, l := range list {
		body.Sessions = append(body.Sessions, listedSession{
			ID: l.Session, Label: l.Label, Current: l.Session == current,
			CreatedAt: instant(l.Begun), RenewedAt: instant(l.Renewed),
			ExpiresAt: instant(l.Ends), IdleExpiresAt: instant(l.IdleUntil),
		})
	}
	return body
}

// ownCaller verifies the caller's access token, which must be one of ours: a
// subject of another issuer may have the id of a user here.
func (s *Server) ownCaller(r *http.Request) (verifier.Claims, error) {
	raw, err := verifier.BearerToken(r)
	if err != nil {
		return verifier.Claims{}, err
	}
	claims, err := s.callers.Verify(r.Context(), raw)
	if err != nil {
		return verifier.Claims{}, err
	}
	if claims.Issuer() != s.issuer || claims.Subject() == "" {
		return verifier.Claims{}, verifier.ErrIssuer
	}
	return claims, nil
}

// listSessions shows a user's sessions to one of them.
func (s *Server) listSessions(a *answer, r *http.Request) error {
	claims, err := s.ownCaller(r)
	if err != nil {
		return err
	}
	list, err := s.sessions.List(r.Context(), claims.Subject())
	if err != nil {
		return err
	}
	return a.json(http.StatusOK, newSessionsBody(list, claims.Session()))
}

// endSession ends one of the caller's sessions, which may be its own.
func (s *Server) endSession(a *answer, r *http.Request) error {
	claims, err := s.ownCaller(r)
	if err != nil {
		return err
	}
	sid, err := url.PathUnescape(mux.Vars(r)["sid"])
	if err != nil {
		return errNotFound
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	if err := s.sessions.End(ctx, claims.Subject(), sid); err != nil {
		return err
	}
	a.noContent()
	return nil
}

// logoutOthers ends all sessions of the caller's user but its own.
func (s *Server) logoutOthers(a *answer, r *http.Request) error {
	claims, err := s.ownCaller(r)
	if err != nil {
		return err
	}
	ctx, cancel := untilDone(r)
	defer cancel()
	if err := s.sessions.EndOthers(ctx, claims); err != nil {
		return err
	}
	a.noContent()
	return nil
}

// sessionsOf shows an operator the sessions of a user.
func (o *operatorAPI) sessionsOf(a *answer, r *http.Request) error {
	query, err := parameters(r, "sub")
	if err != nil {
		return err
	}
	if sub := query["sub"]; sub == "" || len(sub) > denylist.MaxID {
		return badRequest("The query must have sub, of 1 to %d bytes.", denylist.MaxID)
	}
	list, err := o.sessions.List(r.Context(), query["sub"])
	if err != nil {
		return err
	}
	return a.json(http.StatusOK, newSessionsBody(list, ""))
}
