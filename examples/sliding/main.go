// Command sliding is a service whose sessions last for as long as they are used,
// by one token that is renewed in a response header. The client does no more
// than to use the last token that it was sent:
//
//	const renewed = response.headers.get("X-Renewed-Token")
//	if (renewed) token = renewed
//
//	go run ./examples/sliding
//	curl -d subject=alice localhost:8000/login
//	curl -i -H "Authorization: Bearer $TOKEN" localhost:8000/hello
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
	routes, err := newService(denylist.NewMemory(denylist.MemoryOptions{}), time.Now) // or denylist.NewRedis
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: "127.0.0.1:8000", Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func newService(store rotation.Store, now func() time.Time) (http.Handler, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{Now: now})
	if err != nil {
		return nil, err
	}
	sessions, err := rotation.New(ring, store, rotation.Options{
		Issuer: "https://id.example", Style: rotation.Single, Now: now,
		AccessTTL:  30 * time.Minute, // idle for longer is logged out
		SessionTTL: 12 * time.Hour,   // whatever is renewed
		// Requests that are under way with the old token may finish, and a
		// client that missed the new one is sent it again.
		VerifyOverlap: 10 * time.Second, ReplayWindow: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	api, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{Now: now})
	if err != nil {
		return nil, err
	}
	sliding, err := rotation.NewSliding(sessions, rotation.SlidingOptions{
		OnFailure: func(cause error) { log.Printf("not renewed: %v", cause) }, // better a counter
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { login(sessions, w, r) })
	mux.Handle("GET /hello", api.Middleware(sliding.Middleware(http.HandlerFunc(hello))))
	return mux, nil
}

func login(sessions *rotation.Sessions, w http.ResponseWriter, r *http.Request) {
	at, err := sessions.Now(r.Context()) // before the credentials are looked at
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	// Here a real service looks at a password.
	tokens, err := sessions.Login(r.Context(), rotation.Login{At: at, Subject: r.PostFormValue("subject")})
	if err != nil {
		rotation.RefusalOf(err).Write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, tokens.Access)
}

func hello(w http.ResponseWriter, r *http.Request) {
	claims, _ := verifier.FromContext(r.Context())
	fmt.Fprintln(w, "hello,", claims.Subject())
}
