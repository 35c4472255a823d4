// Command soft-invalidation is a service that has its users' roles in their
// tokens. When a role changes, the tokens are marked: the next request
// succeeds, and brings a token with the new role. Nobody is logged out.
//
// What must not happen any more is revoked, not marked: a revocation wins over
// every mark.
//
//	go run ./examples/soft-invalidation
//	curl -d subject=alice localhost:8000/login
//	curl -i -H "Authorization: Bearer $TOKEN" localhost:8000/role
//	curl -d 'subject=alice&role=editor' localhost:8001/role
//	curl -i -H "Authorization: Bearer $TOKEN" localhost:8000/role
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

const issuer = "https://id.example"

// claimsVersion is raised with a deployment that needs other claims: tokens of
// an older one are exchanged at their next request, and no store is asked.
const claimsVersion = 1

func main() {
	s, err := newService(denylist.NewMemory(denylist.MemoryOptions{})) // or denylist.NewRedis
	if err != nil {
		log.Fatal(err)
	}
	admin := http.Server{Addr: "127.0.0.1:8001", Handler: s.admin(), ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(admin.ListenAndServe()) }()
	public := http.Server{Addr: "127.0.0.1:8000", Handler: s.public(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(public.ListenAndServe())
}

// store is denylist.Memory or denylist.Redis.
type store interface {
	rotation.Store
	denylist.Marker
}

type service struct {
	store    store
	sessions *rotation.Sessions
	api      *verifier.Verifier
	sliding  *rotation.Sliding
	roles    sync.Map // by subject; in earnest, a database
}

func newService(store store) (*service, error) {
	s := &service{store: store}
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	s.sessions, err = rotation.New(ring, store, rotation.Options{
		Issuer: issuer, Style: rotation.Single, Claims: s.claims, ClaimsVersion: claimsVersion,
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	s.api, err = verifier.New(store, []verifier.Issuer{s.sessions.Issuer()}, verifier.Options{})
	if err != nil {
		return nil, err
	}
	s.sliding, err = rotation.NewSliding(s.sessions, rotation.SlidingOptions{Marks: store})
	return s, err
}

// claims is asked at each login and at each renewal.
func (s *service) claims(_ context.Context, r rotation.ClaimsRequest) (rotation.FreshClaims, error) {
	role, known := s.roles.Load(r.Subject)
	if !known {
		role = "reader"
	}
	return rotation.FreshClaims{Extra: map[string]any{"role": role}}, nil
}

// setRole changes the role first and marks then: who is renewed for the mark
// has the new role.
func (s *service) setRole(ctx context.Context, subject, role string) error {
	s.roles.Store(subject, role)
	_, err := s.store.Mark(ctx, denylist.Mark{Scope: denylist.ScopeSubject, Issuer: issuer, ID: subject, Lifetime: 24 * time.Hour})
	return err // repeating is safe
}

func (s *service) public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.login)
	mux.Handle("GET /role", s.api.Middleware(s.sliding.Middleware(http.HandlerFunc(showRole))))
	return mux
}

func (s *service) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /role", func(w http.ResponseWriter, r *http.Request) {
		if err := s.setRole(r.Context(), r.PostFormValue("subject"), r.PostFormValue("role")); err != nil {
			verifier.RefusalOf(err).Write(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	at, err := s.sessions.Now(r.Context()) // before the credentials are looked at
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	// Here a real service looks at a password.
	tokens, err := s.sessions.Login(r.Context(), rotation.Login{At: at, Subject: r.PostFormValue("subject")})
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, tokens.Access)
}

// showRole shows the role of the token that the request came with.
func showRole(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Role string `json:"role"`
	}
	claims, _ := verifier.FromContext(r.Context())
	if err := claims.Decode(&c); err != nil {
		verifier.RefusalOf(err).Write(w)
		return
	}
	fmt.Fprintln(w, c.Role)
}
