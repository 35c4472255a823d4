package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

// A server on the embedded store. Run would listen; here its handler is asked
// directly.
func ExampleNew() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	store := denylist.NewMemory(denylist.MemoryOptions{}) // or denylist.NewRedis
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	must(err)
	sessions, err := rotation.New(ring, store, rotation.Options{Issuer: "https://issuer.example"})
	must(err)
	v, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	must(err)
	users := server.NewUsers() // or server.OpenUsers("users.json")
	_, err = users.Add("alice", "correct horse battery", []string{"read"})
	must(err)
	srv, err := server.New(sessions, v, store, server.Options{Login: users})
	must(err)

	login := httptest.NewRequest(http.MethodPost, "/v1/login",
		strings.NewReader(`{"username":"alice","password":"correct horse battery"}`))
	answer := httptest.NewRecorder()
	srv.Handler().ServeHTTP(answer, login)
	fmt.Println(answer.Code)

	verify := httptest.NewRequest(http.MethodGet, "/v1/verify", nil)
	answer = httptest.NewRecorder()
	srv.Handler().ServeHTTP(answer, verify)
	fmt.Println(answer.Code, strings.TrimSpace(answer.Body.String()))
	// Output:
	// 201
	// 401 {"error":"token_missing","error_description":"A bearer token is required."}
}
