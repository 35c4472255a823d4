// Command single is a client and a service whose sessions are carried by one
// token, which the client exchanges for the next before it expires.
//
//	go run ./examples/single
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func main() {
	sessions, api, err := newService(denylist.NewMemory(denylist.MemoryOptions{})) // or denylist.NewRedis
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	at, err := sessions.Now(ctx)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := sessions.Login(ctx, rotation.Login{At: at, Subject: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	c := client{exchange: sessions.Exchange, now: time.Now, raw: tokens.Access, renewAt: halfway(tokens)}
	for range 5 {
		raw, err := c.token(ctx)
		if err != nil {
			log.Fatal(err)
		}
		claims, err := api.Verify(ctx, raw)
		fmt.Println(claims.Subject(), "rotation", claims.Rotation(), "until", claims.ExpiresAt().Format(time.TimeOnly), err)
		time.Sleep(3 * time.Second)
	}
}

func newService(store rotation.Store) (*rotation.Sessions, *verifier.Verifier, error) {
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := rotation.New(ring, store, rotation.Options{
		Issuer: "https://id.example", Style: rotation.Single,
		AccessTTL: 10 * time.Second, ReplayWindow: 10 * time.Second, VerifyOverlap: 10 * time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	api, err := verifier.New(store, []verifier.Issuer{sessions.Issuer()}, verifier.Options{})
	return sessions, api, err
}

// client keeps its token young. One goroutine at a time may use it.
type client struct {
	// exchange is POST /v1/rotate of a server.
	exchange func(context.Context, string, rotation.Attempt) (rotation.Tokens, error)
	now      func() time.Time
	raw      string
	renewAt  time.Time
	attempt  string // its Idempotency-Key, while an answer is missing
}

// token returns a token for the next request. An exchange whose answer is lost
// is repeated with the same key: it has the same answer, however much later.
func (c *client) token(ctx context.Context) (string, error) {
	if c.now().Before(c.renewAt) {
		return c.raw, nil
	}
	if c.attempt == "" {
		c.attempt = rand.Text()
	}
	tokens, err := c.exchange(ctx, c.raw, rotation.Attempt{IdempotencyKey: c.attempt})
	switch {
	case errors.Is(err, denylist.ErrUnavailable):
		return c.raw, nil // it is good for a while yet: the next request tries again
	case err != nil:
		return "", fmt.Errorf("log in again: %w", err)
	}
	c.raw, c.renewAt, c.attempt = tokens.Access, halfway(tokens), ""
	return c.raw, nil
}

// halfway leaves as much time for retries as the token was used.
func halfway(t rotation.Tokens) time.Time {
	return t.IssuedAt.Add(t.AccessExpiresAt.Sub(t.IssuedAt) / 2)
}
