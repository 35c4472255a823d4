package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// operatorAPI is what operators can do.
type operatorAPI struct {
	*Server
	denylist denylist.Operator
}

// adminRoutes are the routes of the admin listener.
func (s *Server) adminRoutes(operator denylist.Operator) http.Handler {
	o := &operatorAPI{Server: s, denylist: operator}
	routes := map[string]methods{
		routeRevocations: {http.MethodGet: s.admins(o.list), http.MethodPost: s.admins(o.revoke)},
		routeRevocation:  {http.MethodGet: s.admins(o.get), http.MethodDelete: s.admins(o.reinstate)},
		routeRenewals:    {http.MethodPost: s.admins(o.renew)},
		routeEvents:      {http.MethodGet: s.admins(o.events)},
		routeStats:       {http.MethodGet: s.admins(o.stats)},
		routeMetrics:     {http.MethodGet: s.metrics.serve},
		routeConsole:     {http.MethodGet: s.console},
	}
	if s.sessions.KeepsInventory() {
		routes[routeSessions] = methods{http.MethodGet: s.admins(o.sessionsOf)}
	}
	return s.router(routes)
}

// admins lets only those with the admin token pass.
func (s *Server) admins(next handler) handler {
	return func(a *answer, r *http.Request) error {
		token, err := verifier.BearerToken(r)
		if err != nil {
			return err
		}
		// Digests have one length, so the comparison does not tell the token's.
		digest := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(digest[:], s.adminToken[:]) != 1 {
			return errAdmin
		}
		return next(a, r)
	}
}
