// Command naive is the service that people write today, to be measured beside
// ours: golang-jwt and one EXISTS, behind net/http and gorilla/mux.
//
//	naive ADDR REDIS-URL KEYS...
//
// KEYS are directories of rescind's signing keys. A signal ends it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/mux"
	"github.com/redis/go-redis/v9"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
}

func serve(args []string) error {
	if len(args) < 3 {
		return errors.New("want an address, the URL of a Redis, and directories of keys")
	}
	options, err := redis.ParseURL(args[1])
	if err != nil {
		return fmt.Errorf("the URL of the Redis: %w", err)
	}
	s := &service{keys: map[string]any{}, client: redis.NewClient(options)}
	for _, dir := range args[2:] {
		if err := s.read(filepath.Join(dir, "keys.json")); err != nil {
			return err
		}
	}
	return http.ListenAndServe(args[0], s.routes()) // #nosec G114 -- as people write it
}

// service checks tokens.
type service struct {
	keys   map[string]any // by kid
	client *redis.Client
}

// read reads a file of keys.
func (s *service) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file struct {
		Keys []struct {
			JWK jose.JSONWebKey `json:"jwk"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%s: no file of keys", path) // its error might show one
	}
	for _, k := range file.Keys {
		key := k.JWK.Key
		if public := k.JWK.Public(); public.Key != nil {
			key = public.Key
		}
		s.keys[k.JWK.KeyID] = key
	}
	return nil
}

func (s *service) routes() http.Handler {
	router := mux.NewRouter()
	router.HandleFunc("/verify", s.verify)
	return router
}

type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

// verify says 200, 401, or 503 where Redis does not answer.
func (s *service) verify(w http.ResponseWriter, r *http.Request) {
	raw := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var c claims
	_, err := jwt.ParseWithClaims(raw, &c, s.key, jwt.WithValidMethods([]string{"HS256", "ES256"}))
	if err != nil {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	found, err := s.client.Exists(r.Context(), "revoked:"+c.ID).Result()
	switch {
	case err != nil:
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
	case found > 0:
		http.Error(w, "revoked", http.StatusUnauthorized)
	default:
		w.Header().Set("X-Auth-Subject", c.Subject)
		w.WriteHeader(http.StatusOK)
	}
}

func (s *service) key(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	key, ok := s.keys[kid]
	if !ok {
		return nil, errors.New("no such key")
	}
	return key, nil
}
