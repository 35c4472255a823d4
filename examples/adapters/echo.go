package adapters

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/rescindhq/rescind/verifier"
)

// Echo serves with echo, which brings WrapMiddleware for middleware of ours.
func (s *Service) Echo() http.Handler {
	handler := func(c *echo.Context) error {
		c.Response().WriteHeader(http.StatusOK)
		hello(c.Response(), c.Request())
		return nil
	}
	e := echo.New()
	for _, m := range s.middleware() {
		e.Use(echo.WrapMiddleware(m))
	}
	e.GET("/hello", handler)
	e.GET("/jobs", handler, echo.WrapMiddleware(verifier.RequireScope("jobs")))
	return e
}
