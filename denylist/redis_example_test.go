package denylist_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// A service that shares its denylist with others. It does not start on a Redis
// that would lose revocations, and takes the password from a place of its own.
func ExampleNewRedis() {
	client, err := denylist.OpenURL("redis://localhost:6379/0", os.Getenv("RESCIND_REDIS_PASSWORD"))
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()
	store, err := denylist.NewRedis(client, denylist.RedisOptions{CheckTimeout: 20 * time.Millisecond})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if _, err := store.Inspect(ctx); err != nil {
		fmt.Println(err) // what is wrong, and what to change
		return
	}
	if _, err := store.Revoke(ctx, denylist.SessionEntry("https://issuer.example", "sid-1", time.Time{})); err != nil {
		fmt.Println("try again:", err)
	}
}
