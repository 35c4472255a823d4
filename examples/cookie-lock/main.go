// Command cookie-lock is a service whose tokens are worth nothing without a
// cookie that no script can read: one that leaks from a page, a log or a crash
// report opens no door. Other services verify the same tokens as ever.
//
// Browsers send such cookies over TLS, and to localhost without it:
//
//	go run ./examples/cookie-lock
//	curl -c jar -d subject=alice localhost:8000/login
//	curl -b jar -H "Authorization: Bearer $TOKEN" localhost:8000/hello
package main

import (
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

const sessionTTL = 12 * time.Hour

type service struct {
	sessions *rotation.Sessions
	api      *verifier.Verifier
	lock     *verifier.CookieLock
	sliding  *rotation.Sliding
}

func newService(store rotation.Store) (*service, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	s := new(service)
	s.sessions, err = rotation.New(ring, store, rotation.Options{
		Issuer: "https://id.example", Style: rotation.Single, SessionTTL: sessionTTL,
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if s.api, err = verifier.New(store, []verifier.Issuer{s.sessions.Issuer()}, verifier.Options{}); err != nil {
		return nil, err
	}
	if s.lock, err = verifier.NewCookieLock(verifier.CookieLockOptions{MaxAge: sessionTTL}); err != nil {
		return nil, err
	}
	s.sliding, err = rotation.NewSliding(s.sessions, rotation.SlidingOptions{})
	return s, err
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.login)
	// In this order: what comes without its cookie is not renewed either.
	mux.Handle("GET /hello", s.api.Middleware(s.lock.Middleware(s.sliding.Middleware(http.HandlerFunc(hello)))))
	return mux
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	at, err := s.sessions.Now(r.Context()) // before the credentials are looked at
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	// Here a real service looks at a password.
	cookie, lock := s.lock.New()
	tokens, err := s.sessions.Login(r.Context(), rotation.Login{At: at, Subject: r.PostFormValue("subject"), Lock: lock})
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	http.SetCookie(w, cookie)
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, tokens.Access)
}

func hello(w http.ResponseWriter, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	fmt.Fprintln(w, "hello,", claims.Subject())
}
