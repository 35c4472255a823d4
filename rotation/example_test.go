package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// A session from login to its end: the refresh token is exchanged, a stolen
// copy of it is presented again, and that ends the session.
func ExampleSessions() {
	ctx := context.Background()
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		log.Fatal(err)
	}
	list := denylist.NewMemory(denylist.MemoryOptions{}) // or denylist.NewRedis
	sessions, err := rotation.New(ring, list, rotation.Options{Issuer: "https://login.example"})
	if err != nil {
		log.Fatal(err)
	}
	api, err := verifier.New(list, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	if err != nil {
		log.Fatal(err)
	}

	at, err := sessions.Now(ctx) // before the credentials are looked at
	if err != nil {
		log.Fatal(err)
	}
	first, err := sessions.Login(ctx, rotation.Login{At: at, Subject: "3e0f5a52", Scope: []string{"read"}})
	if err != nil {
		log.Fatal(err)
	}
	second, err := sessions.Exchange(ctx, first.Refresh, rotation.Attempt{})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := api.Verify(ctx, second.Access)
	fmt.Println("successor:", claims.Subject(), claims.Scopes(), err)

	_, err = sessions.Exchange(ctx, first.Refresh, rotation.Attempt{})
	fmt.Println("replay:", errors.Is(err, denylist.ErrReused))
	_, err = api.Verify(ctx, second.Access)
	fmt.Println("session is dead:", errors.Is(err, denylist.ErrRevoked))
	// Output:
	// successor: 3e0f5a52 [read] <nil>
	// replay: true
	// session is dead: true
}

// A key is rotated without a token being refused: it waits, published, until
// every verifier knows it; then it signs, while the old one still verifies.
func ExampleKeyRing() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ring, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		if _, err := ring.Generate(verifier.ES256); err != nil {
			log.Fatal(err)
		}
	}
	show := func() {
		for i, key := range ring.List() {
			fmt.Println(i+1, key.State)
		}
	}
	show()
	if _, err := ring.Rotate(); err != nil {
		log.Fatal(err)
	}
	show()
	err = ring.Retire(ring.List()[0].ID, false)
	fmt.Println("tokens of the old key live:", errors.Is(err, rotation.ErrKeyInUse))
	// Output:
	// 1 signing
	// 2 waiting
	// 1 verifying
	// 2 signing
	// tokens of the old key live: true
}
