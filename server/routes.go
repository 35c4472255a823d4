package server

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// The routes, by the names that logs and metrics know them by.
const (
	routeLogin     = "/v1/login"
	routeSession   = "/v1/session"
	routeRotate    = "/v1/rotate"
	routeLogout    = "/v1/logout"
	routeLogoutAll = "/v1/logout-all"
	routeVerify    = "/v1/verify"
	routeKeys      = "/.well-known/jwks.json"
	routeHealth    = "/healthz"
	routeReady     = "/readyz"
	routeVersion   = "/version"

	routeRevocations = "/v1/revocations"
	routeRevocation  = "/v1/revocations/{scope}/{id}"
	routeEvents      = "/v1/events"
	routeStats       = "/v1/stats"
	routeMetrics     = "/metrics"
	routeConsole     = "/"

	routeUnknown = "unknown"
)

// mainRoutes are the routes of the main listener.
func (s *Server) mainRoutes() http.Handler {
	router := s.router(map[string]methods{
		routeSession:   {http.MethodGet: s.session},
		routeRotate:    {http.MethodPost: s.rotate},
		routeLogout:    {http.MethodPost: s.logout},
		routeLogoutAll: {http.MethodPost: s.logoutAll},
		routeKeys:      {http.MethodGet: s.keys},
		routeHealth:    {http.MethodGet: s.health},
		routeReady:     {http.MethodGet: s.ready},
		routeVersion:   {http.MethodGet: s.version},
	})
	if s.opts.Login != nil {
		router.Handle(routeLogin, s.route(routeLogin, refusalOf, methods{http.MethodPost: s.login}.handle))
	}
	// Forward auth comes before the router, which knows methods and statuses
	// that a proxy must not be given.
	forward := s.route(routeVerify, forwardRefusal, s.forwardAuth)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == routeVerify || strings.HasPrefix(r.URL.Path, routeVerify+"/") {
			forward.ServeHTTP(w, r)
			return
		}
		router.ServeHTTP(w, r)
	})
}

// router matches paths as they were sent: none is cleaned, none redirected. An
// id may be empty: an issuer's entry has none.
func (s *Server) router(routes map[string]methods) *mux.Router {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for name, m := range routes {
		path := strings.Replace(name, "{id}", "{id:[^/]*}", 1)
		router.Handle(path, s.route(name, refusalOf, m.handle))
	}
	router.NotFoundHandler = s.route(routeUnknown, refusalOf, func(*answer, *http.Request) error { return errNotFound })
	return router
}
