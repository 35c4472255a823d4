package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

// account is a row of an application's own table of users.
type account struct{ id, hash string }

// accounts are an application's users, as it keeps them already.
type accounts struct {
	find  func(ctx context.Context, login string) (account, bool, error)
	decoy string        // a hash of the same cost that nobody's password matches
	turns chan struct{} // how many passwords are hashed at once
}

// Authenticate implements server.Authenticator. For somebody who does not exist
// it hashes all the same, so that the time says nothing.
func (a accounts) Authenticate(ctx context.Context, login, password string) (server.Identity, error) {
	found, known, err := a.find(ctx, login)
	if err != nil {
		return server.Identity{}, err // it cannot tell: 503
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-time.After(2 * time.Second):
		return server.Identity{}, server.ErrBusy
	}
	hash := a.decoy
	if known {
		hash = found.hash
	}
	// bcrypt refuses passwords of over 72 bytes, at once: who exists must not
	// show there either.
	tooLong := len(password) > 72
	if tooLong {
		password = password[:72]
	}
	matches := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	if !known || !matches || tooLong {
		return server.Identity{}, server.ErrCredentials
	}
	return server.Identity{Subject: found.id, Scope: []string{"read"}}, nil
}

// Users that are kept elsewhere log in by an Authenticator. The server counts
// failures, by name and by address, before it asks.
func ExampleAuthenticator() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse battery"), bcrypt.MinCost)
	must(err)
	decoy, err := bcrypt.GenerateFromPassword([]byte("nobody's"), bcrypt.MinCost)
	must(err)
	users := accounts{
		find: func(_ context.Context, login string) (account, bool, error) {
			return account{"7d444840-9dc0-11d1-b245-5ffdce74fad2", string(hash)}, login == "alice@example.com", nil
		},
		decoy: string(decoy),
		turns: make(chan struct{}, 2),
	}

	store := denylist.NewMemory(denylist.MemoryOptions{})
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	must(err)
	sessions, err := rotation.New(ring, store, rotation.Options{Issuer: "https://issuer.example", Inventory: store})
	must(err)
	v, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	must(err)
	srv, err := server.New(sessions, v, store, server.Options{Login: users, LoginFailures: 3})
	must(err)
	for _, password := range []string{"correct horse battery", "guess", "guess", "guess", "guess"} {
		answer := httptest.NewRecorder()
		srv.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/v1/login",
			strings.NewReader(`{"username":"alice@example.com","password":"`+password+`","label":"phone"}`)))
		fmt.Println(answer.Code)
	}
	// Output:
	// 201
	// 401
	// 401
	// 401
	// 429
}
