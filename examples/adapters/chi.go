package adapters

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/rescindhq/rescind/verifier"
)

// Chi serves with chi, whose middleware is ours: Use for all routes, With for
// one.
func (s *Service) Chi() http.Handler {
	handler := func(w http.ResponseWriter, r *http.Request) { hello(w, r) }
	r := chi.NewRouter()
	r.Use(s.middleware()...)
	r.Get("/hello", handler)
	r.With(verifier.RequireScope("jobs")).Get("/jobs", handler)
	return r
}
