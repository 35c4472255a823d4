// Command foreign-issuer is a service whose users log in elsewhere: at a
// Keycloak realm and at an Auth0 tenant. It verifies their tokens, and revokes
// them: one token, a session, or all that a user has.
//
//	REDIS_URL=redis://127.0.0.1:6379 KEYCLOAK=https://id.example/realms/shop \
//	AUTH0=https://shop.eu.auth0.com/ go run ./examples/foreign-issuer
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
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
	s, err := newService(list, os.Getenv("KEYCLOAK"), os.Getenv("AUTH0"), time.Now)
	if err != nil {
		return err
	}
	server := http.Server{Addr: "127.0.0.1:8000", Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { s.refreshKeys(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); return server.Close() })
	group.Go(func() error {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return group.Wait()
}

// service trusts two issuers, each by its own policy.
type service struct {
	verifier *verifier.Verifier
	denylist denylist.Store
}

func newService(list denylist.Store, keycloak, auth0 string, now func() time.Time) (*service, error) {
	opts := verifier.RemoteOptions{Now: now}
	realm, err := verifier.NewRemote(keycloak, opts)
	if err != nil {
		return nil, err
	}
	tenant, err := verifier.NewRemote(auth0, opts)
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(list, []verifier.Issuer{
		{
			Name:       keycloak, // iss, byte for byte
			Keys:       realm,
			Audiences:  []string{"account"},
			Types:      []string{"JWT"}, // an ID token has it too: the audience tells them apart
			Algorithms: []verifier.Algorithm{verifier.RS256},
			// The realm's "SSO Session Max": an entry need not outlive it.
			SessionLife: 10 * time.Hour,
		},
		{
			Name:       auth0, // with the slash at its end
			Keys:       tenant,
			Audiences:  []string{"https://api.shop.example"},
			Types:      []string{"JWT", "at+jwt"},
			Algorithms: []verifier.Algorithm{verifier.RS256},
			// Its tokens have no jti: they are known by a digest of their claims.
			InsecureIDFingerprint: true,
		},
	}, verifier.Options{Leeway: 30 * time.Second, Now: now})
	return &service{verifier: v, denylist: list}, err
}

// refreshKeys spares requests the wait for keys that are due.
func (s *service) refreshKeys(ctx context.Context) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for issuer, keys := range s.verifier.Remotes() {
			if err := keys.Refresh(ctx); err != nil {
				log.Printf("keys of %s: %v", issuer, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /hello", s.verifier.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verifier.FromContext(r.Context())
		fmt.Fprintln(w, "hello,", claims.Subject(), "of", claims.Issuer())
	})))
	mux.Handle("POST /logout", s.verifier.Middleware(http.HandlerFunc(s.logout)))
	return mux
}

// logout ends this service's part of a session. The identity provider knows
// nothing of it: whoever logs in again there has a new session here.
func (s *service) logout(w http.ResponseWriter, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	if _, err := s.denylist.Revoke(r.Context(), s.entryOf(claims, r.URL.Query().Get("all") != "")); err != nil {
		verifier.RefusalOf(err).Write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// entryOf is what a logout denies: all that the user has, the session, or,
// where the issuer has no sessions, the one token.
func (s *service) entryOf(c verifier.Claims, all bool) denylist.Entry {
	var entry denylist.Entry
	switch {
	case all:
		entry = denylist.SubjectEntry(c.Issuer(), c.Subject(), time.Time{})
	case c.Session() != "":
		entry = denylist.SessionEntry(c.Issuer(), c.Session(), c.SessionExpiresAt())
	default:
		return denylist.TokenEntry(c.Issuer(), c.ID(), c.ExpiresAt())
	}
	entry.Lifetime = s.verifier.SessionLife(c.Issuer())
	return entry
}
