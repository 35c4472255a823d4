package server

import (
	_ "embed"
	"net/http"
)

// openAPIDocument describes the routes of the main listener in OpenAPI 3.1, for
// programs that make clients of it. A test holds it against the routes.
//
//go:embed openapi.json
var openAPIDocument string

func (s *Server) openAPI(a *answer, _ *http.Request) error {
	a.Header().Set("Cache-Control", jwksMaxAge)
	a.body(http.StatusOK, "application/json", []byte(openAPIDocument))
	return nil
}
