package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

// A machine exchanges its key for a short token.
func ExampleClients() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	clients := server.NewClients() // or server.OpenClients("clients.json")
	client, key, err := clients.Add("billing", []string{"jobs"}, false)
	must(err)

	store := denylist.NewMemory(denylist.MemoryOptions{})
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	must(err)
	sessions, err := rotation.New(ring, store, rotation.Options{Issuer: "https://issuer.example"})
	must(err)
	v, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	must(err)
	srv, err := server.New(sessions, v, store, server.Options{Clients: clients})
	must(err)

	ask := func() int {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_secret": {key}}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		srv.Handler().ServeHTTP(answer, r)
		return answer.Code
	}
	fmt.Println(ask())
	_, err = clients.Remove("billing")
	must(err)
	fmt.Println(ask())
	// Output:
	// 200
	// 401
}
