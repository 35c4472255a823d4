// Command golang-jwt is a service that verifies tokens with golang-jwt, as many
// do. What rescind adds to it are the two calls on the denylist: Check, behind
// jwt.ParseWithClaims, and Revoke, at logout.
//
//	REDIS_URL=redis://127.0.0.1:6379 JWT_KEY=$(openssl rand -hex 32) go run ./examples/golang-jwt
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rescindhq/rescind/denylist"
)

const (
	issuer   = "https://id.example"
	audience = "shop"
)

func main() {
	if err := serve(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context) error {
	client, err := denylist.OpenURL(os.Getenv("REDIS_URL"), os.Getenv("REDIS_PASSWORD"))
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := denylist.NewRedis(client, denylist.RedisOptions{})
	if err != nil {
		return err
	}
	if _, err := list.Inspect(ctx); err != nil { // a Redis that evicts forgets what is revoked
		return err
	}
	key := os.Getenv("JWT_KEY")
	if len(key) < 32 {
		return errors.New("JWT_KEY: want 32 bytes or more")
	}
	server := http.Server{
		Addr:              "127.0.0.1:8000",
		Handler:           (&service{key: []byte(key), denylist: list}).routes(),
		ReadHeaderTimeout: 5 * time.Second,
	}
	return server.ListenAndServe()
}

// service has what it had before, and a denylist.
type service struct {
	key      []byte
	denylist denylist.Store
}

// claims are the service's own. golang-jwt calls Validate after its checks.
type claims struct {
	jwt.RegisteredClaims
}

// Validate wants what the denylist needs: golang-jwt does not insist on a jti
// or an iat.
func (c claims) Validate() error {
	if c.ID == "" || c.IssuedAt == nil {
		return errors.New("want jti and iat")
	}
	return nil
}

// errToken: golang-jwt refused the token.
var errToken = errors.New("token refused")

// authenticate returns the claims of a token that is genuine and not revoked.
func (s *service) authenticate(ctx context.Context, raw string) (*claims, error) {
	c := new(claims)
	_, err := jwt.ParseWithClaims(raw, c, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	// The denylist comes last: it is asked about genuine tokens only.
	if err := s.denylist.Check(ctx, denylist.Token{
		Issuer: c.Issuer, ID: c.ID, Subject: c.Subject, Login: c.IssuedAt.Time, ExpiresAt: c.ExpiresAt.Time,
	}); err != nil {
		return nil, err
	}
	return c, nil
}

// logout ends one token.
func (s *service) logout(ctx context.Context, c *claims) error {
	_, err := s.denylist.Revoke(ctx, denylist.TokenEntry(c.Issuer, c.ID, c.ExpiresAt.Time))
	return err
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /hello", s.authenticated(func(w http.ResponseWriter, r *http.Request, c *claims) error {
		_, err := w.Write([]byte("hello, " + c.Subject + "\n"))
		return err
	}))
	mux.Handle("POST /logout", s.authenticated(func(w http.ResponseWriter, r *http.Request, c *claims) error {
		if err := s.logout(r.Context(), c); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	return mux
}

// authenticated calls next with the claims of the caller's token.
func (s *service) authenticated(next func(http.ResponseWriter, *http.Request, *claims) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		c, err := s.authenticate(r.Context(), raw)
		if err == nil {
			err = next(w, r, c)
		}
		if err != nil {
			http.Error(w, http.StatusText(status(err)), status(err))
		}
	})
}

// status: a denylist that cannot tell has not denied the token, and has not
// allowed it either.
func status(err error) int {
	if errors.Is(err, errToken) || errors.Is(err, denylist.ErrRevoked) {
		return http.StatusUnauthorized
	}
	return http.StatusServiceUnavailable
}
