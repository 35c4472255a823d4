// Command bearer-pair is a service whose sessions are carried by a short access
// token and a refresh token: the client sends the first with each request, and
// exchanges the second before the first expires.
//
//	go run ./examples/bearer-pair
//	curl -d subject=alice localhost:8000/login
//	curl -H "Authorization: Bearer $ACCESS" localhost:8000/hello
//	curl -d token=$REFRESH localhost:8000/refresh
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func main() {
	s, err := newService(denylist.NewMemory(denylist.MemoryOptions{})) // or denylist.NewRedis
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: "127.0.0.1:8000", Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type service struct {
	sessions *rotation.Sessions
	api      *verifier.Verifier
}

func newService(store rotation.Store) (*service, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{}) // or OpenKeyRing
	if err != nil {
		return nil, err
	}
	sessions, err := rotation.New(ring, store, rotation.Options{
		Issuer:     "https://id.example",
		AccessTTL:  5 * time.Minute,
		RefreshTTL: 24 * time.Hour,      // idle for longer is logged out
		SessionTTL: 30 * 24 * time.Hour, // whatever is exchanged
		// A client that missed an answer may ask again for so long; requests
		// that are under way with the old access token may finish.
		ReplayWindow:  10 * time.Second,
		VerifyOverlap: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	api, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	return &service{sessions: sessions, api: api}, err
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /refresh", s.refresh)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("GET /hello", s.api.Middleware(http.HandlerFunc(hello)))
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
	answer(w, tokens, err)
}

func (s *service) refresh(w http.ResponseWriter, r *http.Request) {
	tokens, err := s.sessions.Exchange(r.Context(), r.PostFormValue("token"), rotation.Attempt{})
	answer(w, tokens, err)
}

func (s *service) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Logout(r.Context(), r.PostFormValue("token")); err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// answer: a token that cannot be exchanged is 401, a denylist that cannot tell
// 503.
func answer(w http.ResponseWriter, tokens rotation.Tokens, err error) {
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"access": tokens.Access, "refresh": tokens.Refresh})
}

func hello(w http.ResponseWriter, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	fmt.Fprintln(w, "hello,", claims.Subject())
}
