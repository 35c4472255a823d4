// Command browser is an application in a browser: its access token is in the
// memory of a page, its refresh token in a cookie that no script can read and
// that is sent to /session alone.
//
// Browsers keep such cookies over TLS, and of localhost without it:
//
//	go run ./examples/browser
//	open http://localhost:8000
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

//go:embed index.html
var page []byte

func main() {
	routes, err := newService(denylist.NewMemory(denylist.MemoryOptions{})) // or denylist.NewRedis
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: "127.0.0.1:8000", Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

const sessionTTL = 30 * 24 * time.Hour

func newService(store rotation.Store) (http.Handler, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	sessions, err := rotation.New(ring, store, rotation.Options{
		Issuer: "https://id.example", AccessTTL: 5 * time.Minute, SessionTTL: sessionTTL,
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	api, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	if err != nil {
		return nil, err
	}
	lock, err := verifier.NewCookieLock(verifier.CookieLockOptions{MaxAge: sessionTTL})
	if err != nil {
		return nil, err
	}
	browser, err := rotation.NewBrowser(sessions, lock, credentials, rotation.BrowserOptions{})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/session/", browser)
	mux.Handle("GET /api/hello", api.Middleware(lock.Middleware(http.HandlerFunc(hello))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	return mux, nil
}

// credentials is where a real service looks at a password.
func credentials(r *http.Request) (rotation.Login, error) {
	var body struct {
		User string `json:"user"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return rotation.Login{}, rotation.ErrInvalid
	}
	if body.User != "alice" {
		return rotation.Login{}, rotation.ErrCredentials
	}
	return rotation.Login{Subject: "3e0f5a52"}, nil
}

func hello(w http.ResponseWriter, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	fmt.Fprintln(w, "hello,", claims.Subject())
}
