package adapters

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/rescindhq/rescind/verifier"
)

// Mux serves with gorilla/mux, whose middleware is ours. Subrouters have what
// only some routes need.
func (s *Service) Mux() http.Handler {
	handler := func(w http.ResponseWriter, r *http.Request) { hello(w, r) }
	r := mux.NewRouter()
	for _, m := range s.middleware() {
		r.Use(m)
	}
	r.HandleFunc("/hello", handler).Methods(http.MethodGet)
	jobs := r.PathPrefix("/jobs").Subrouter()
	jobs.Use(verifier.RequireScope("jobs"))
	jobs.HandleFunc("", handler).Methods(http.MethodGet)
	return r
}
