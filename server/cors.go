package server

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/rs/cors"
)

// routePreflight is what logs and metrics call the question of a browser
// whether a page of another origin may ask.
const routePreflight = "preflight"

// checkOrigins refuses what is not one exact origin (RFC 6454, section 6.2): a
// pattern would let pages in that nobody has named, and "null" is anybody's.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("server: origin %q: want scheme://host or scheme://host:port, and nothing behind it", origin)
		}
		for _, c := range u.Host {
			if c == '*' || 'A' <= c && c <= 'Z' {
				return fmt.Errorf("server: origin %q: want one host, as browsers write it: in lower case, without a wildcard", origin)
			}
		}
	}
	return nil
}

// shared lets the pages of the listed origins read answers, and send the
// headers of this API. They have no cookie here that a browser could send along.
// Forward auth is asked by proxies, not by pages.
func (s *Server) shared(next http.Handler) http.Handler {
	if len(s.opts.CORSOrigins) == 0 {
		return next
	}
	policy := cors.New(cors.Options{
		AllowedOrigins: s.opts.CORSOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key"},
		ExposedHeaders: []string{"Retry-After", "WWW-Authenticate", "X-Request-Id"},
		MaxAge:         300, // seconds
	})
	preflight := s.route(routePreflight, refusalOf, func(a *answer, r *http.Request) error {
		policy.HandlerFunc(a, r)
		return nil
	})
	actual := policy.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight.ServeHTTP(w, r)
			return
		}
		actual.ServeHTTP(w, r)
	})
}
