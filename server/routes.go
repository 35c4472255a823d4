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

	routeSessions     = "/v1/sessions"
	routeOneSession   = "/v1/sessions/{sid}"
	routeLogoutOthers = "/v1/logout-others"

	routeVerify  = "/v1/verify"
	routeHealth  = "/healthz"
	routeReady   = "/readyz"
	routeVersion = "/version"

	routeToken      = "/oauth/token"
	routeRevoke     = "/oauth/revoke"
	routeIntrospect = "/oauth/introspect"
	routeKeys       = "/.well-known/jwks.json"
	routeMetadata   = "/.well-known/oauth-authorization-server"
	routeDiscovery  = "/.well-known/openid-configuration"
	routeOpenAPI    = "/openapi.json"

	routeRevocations = "/v1/revocations"
	routeRevocation  = "/v1/revocations/{scope}/{id}"
	routeRenewals    = "/v1/renewals"
	routeEvents      = "/v1/events"
	routeStats       = "/v1/stats"
	routeMetrics     = "/metrics"
	routeConsole     = "/"

	routeUnknown = "unknown"
)

// mainRoutes are the routes of the main listener.
func (s *Server) mainRoutes() http.Handler {
	router := s.router(s.publicRoutes())
	for name, m := range s.oauthRoutes() {
		router.Handle(name, s.route(name, oauthRefusal, m.handle))
	}
	pages := s.shared(router)
	// Forward auth comes before the router, which knows methods and statuses
	// that a proxy must not be given.
	forward := s.route(routeVerify, forwardRefusal, s.forwardAuth)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == routeVerify || strings.HasPrefix(r.URL.Path, routeVerify+"/") {
			forward.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// publicRoutes are those that there are by the options.
func (s *Server) publicRoutes() map[string]methods {
	routes := map[string]methods{
		routeSession:   {http.MethodGet: s.session},
		routeRotate:    {http.MethodPost: s.rotate},
		routeLogout:    {http.MethodPost: s.logout},
		routeLogoutAll: {http.MethodPost: s.logoutAll},
		routeKeys:      {http.MethodGet: s.keys},
		routeOpenAPI:   {http.MethodGet: s.openAPI},
		routeHealth:    {http.MethodGet: s.health},
		routeReady:     {http.MethodGet: s.ready},
		routeVersion:   {http.MethodGet: s.version},
	}
	if s.opts.Login != nil {
		routes[routeLogin] = methods{http.MethodPost: s.login}
	}
	if s.sessions.KeepsInventory() {
		routes[routeSessions] = methods{http.MethodGet: s.listSessions}
		routes[routeOneSession] = methods{http.MethodDelete: s.endSession}
		routes[routeLogoutOthers] = methods{http.MethodPost: s.logoutOthers}
	}
	if s.metadataJSON != nil {
		routes[routeMetadata] = methods{http.MethodGet: s.metadata}
		routes[routeDiscovery] = routes[routeMetadata]
	}
	return routes
}

// oauthRoutes have their own table of errors, in RFC 6749's words.
func (s *Server) oauthRoutes() map[string]methods {
	routes := map[string]methods{
		routeToken:  {http.MethodPost: s.token},
		routeRevoke: {http.MethodPost: s.revokeToken},
	}
	if s.opts.Clients != nil {
		routes[routeIntrospect] = methods{http.MethodPost: s.introspect}
	}
	return routes
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
