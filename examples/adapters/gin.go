package adapters

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/rescindhq/rescind/verifier"
)

// Gin serves with gin, whose middleware is of another form. An engine is an
// http.Handler: what is before all routes goes around it, and needs nothing.
// Sliding has to be there, since it wraps the ResponseWriter. What only decides
// whether a request may pass can stand within, by way of ginGate.
func (s *Service) Gin() http.Handler {
	handler := func(c *gin.Context) {
		c.Status(http.StatusOK)
		hello(c.Writer, c.Request)
	}
	engine := gin.New()
	engine.GET("/hello", handler)
	engine.GET("/jobs", ginGate(verifier.RequireScope("jobs")), handler)
	var h http.Handler = engine
	for _, m := range slices.Backward(s.middleware()) {
		h = m(h)
	}
	return h
}

// ginGate is middleware that lets a request pass, or answers it. A request that
// it does not let pass must not reach gin's next handler, which gin would call
// if nobody said Abort.
func ginGate(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed, c.Request = true, r // with its claims
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}
