package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rescindhq/rescind/denylist"
)

// Two lines are all that most programs need: one revokes, one checks.
func Example() {
	ctx := context.Background()
	var store denylist.Store = denylist.NewMemory(denylist.MemoryOptions{})

	exp := time.Now().Add(15 * time.Minute)
	token := denylist.Token{Issuer: "https://issuer.example", ID: "jti-1", ExpiresAt: exp}

	fmt.Println(store.Check(ctx, token))

	if _, err := store.Revoke(ctx, denylist.TokenEntry(token.Issuer, token.ID, exp)); err != nil {
		fmt.Println("try again:", err)
	}
	fmt.Println(store.Check(ctx, token))
	// Output:
	// <nil>
	// denylist: revoked by a token entry
}

// A store that cannot tell has not said yes. Both errors refuse the token; the
// difference is what the caller of the service is told.
func ExampleStore() {
	store := denylist.NewMemory(denylist.MemoryOptions{})
	status := func(ctx context.Context, t denylist.Token) int {
		switch err := store.Check(ctx, t); {
		case err == nil:
			return 200
		case errors.Is(err, denylist.ErrRevoked):
			return 401
		default:
			return 503
		}
	}
	token := denylist.Token{Issuer: "https://issuer.example", ID: "jti-1", Subject: "user-7", Login: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println(status(ctx, token))

	// Everything that this user has logged in to so far.
	receipt, err := store.Revoke(ctx, denylist.SubjectEntry(token.Issuer, "user-7", time.Time{}).WithReason("laptop stolen"))
	if err != nil {
		panic(err)
	}
	fmt.Println(receipt.Results[0].Outcome, status(ctx, token))

	token.Login = time.Now().Add(time.Second) // the next login
	fmt.Println(status(ctx, token))

	cancel()
	fmt.Println(status(ctx, token))
	// Output:
	// 200
	// recorded 401
	// 200
	// 503
}

// Each token buys exactly one successor, whoever asks how often.
func ExampleMemory() {
	ctx := context.Background()
	store := denylist.NewMemory(denylist.MemoryOptions{})
	now := time.Now()
	token := denylist.Token{
		Issuer: "https://issuer.example", ID: "refresh-1", Session: "session-1",
		Login: now, ExpiresAt: now.Add(24 * time.Hour),
	}
	exchange := func(attempt string) {
		successor := denylist.Successor{ID: attempt, IssuedAt: now, ExpiresAt: now.Add(24 * time.Hour)}
		spent, err := store.Spend(ctx, token, successor, denylist.Exchange{})
		if err != nil {
			fmt.Println(errors.Is(err, denylist.ErrReused))
			return
		}
		fmt.Println("minted", spent.Successor.ID)
	}
	exchange("refresh-2")
	exchange("refresh-2") // its answer was lost: the same attempt again
	exchange("refresh-3") // a thief, or a bug
	// Output:
	// minted refresh-2
	// minted refresh-2
	// true
}
