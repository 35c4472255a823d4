package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// TestStores_Agree asks Memory and Redis the same thousand random
// questions. The Lua scripts say what the Go functions say, or one is wrong.
func TestStores_Agree(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("partitions=%d/seed=%d", partitions, seed), func(t *testing.T) {
				t.Parallel()
				server := redistest.Shared(t)
				redis := newRedis(t, open(t, server.URL()), denylist.RedisOptions{Prefix: server.Prefix(), Partitions: partitions})
				memory := denylist.NewMemory(denylist.MemoryOptions{})
				w := &walk{Rand: rand.New(rand.NewPCG(seed, 0)), now: time.Now().Truncate(time.Millisecond), denyItself: partitions == 1}
				for i := range 1000 {
					name, question := w.question()
					want, got := question(t.Context(), memory), question(t.Context(), redis)
					require.Equal(t, want, got, "question %d, %s", i, name)
				}
			})
		}
	}
}

// operable is what both stores are.
type operable interface {
	denylist.Store
	denylist.Spender
	denylist.Operator
}

// walk makes questions about few ids, so that they meet. Instants are given or
// an hour away: the two stores' clocks must not matter.
type walk struct {
	*rand.Rand
	now        time.Time
	denyItself bool
	asked      int
}

// question returns a question that answers in words what a store said.
func (w *walk) question() (string, func(context.Context, operable) string) {
	w.asked++
	token, e := w.token(), w.entry()
	switch n := w.IntN(20); {
	case n < 9:
		s, how := w.successor(token), w.exchange(token)
		return fmt.Sprintf("Spend(%+v, %+v, %+v)", token, s, how), func(ctx context.Context, store operable) string {
			spent, err := store.Spend(ctx, token, s, how)
			return fmt.Sprint(w.denial(err), spent.Successor, spent.Replayed)
		}
	case n < 12:
		return fmt.Sprintf("Revoke(%+v %+v)", e, e.Revoked), func(ctx context.Context, store operable) string {
			receipt, err := store.Revoke(ctx, e)
			if err != nil {
				return kind(err)
			}
			return fmt.Sprint(receipt.Results[0].Outcome, w.inWords(receipt.Results[0].Entry))
		}
	case n < 14:
		return fmt.Sprintf("Reinstate(%v)", e), func(ctx context.Context, store operable) string {
			left, err := store.Reinstate(ctx, e.Scope, e.Issuer, e.ID)
			return fmt.Sprint(kind(err), w.inWords(left))
		}
	case n < 16:
		return fmt.Sprintf("Spendable(%+v)", token), func(ctx context.Context, store operable) string {
			return w.denial(store.Spendable(ctx, token))
		}
	case n < 18:
		return fmt.Sprintf("Check(%+v)", token), func(ctx context.Context, store operable) string {
			return w.denial(store.Check(ctx, token))
		}
	default:
		return "List", func(ctx context.Context, store operable) string { return w.list(ctx, store, denylist.Query{Limit: 7}) }
	}
}

// hours is an instant some hours from the beginning.
func (w *walk) hours(choice ...int) time.Time {
	return w.now.Add(time.Duration(choice[w.IntN(len(choice))]) * time.Hour)
}

func (w *walk) pick(choice ...string) string { return choice[w.IntN(len(choice))] }

func (w *walk) token() denylist.Token {
	// Sessions come and go: new ones have the most to answer.
	session, rotation := w.asked/40+w.IntN(4), w.Int64N(4)
	return denylist.Token{
		Issuer: w.pick("a", "a", "b"), Session: fmt.Sprint("s", session), Subject: w.pick("u", "v", "w", ""), Rotation: rotation,
		ID:        fmt.Sprint("s", session, "/", rotation, w.pick("x", "x", "x", "x", "y")),
		ExpiresAt: w.hours(-1, 1, 1, 1, 1, 1, 1, 2), Login: w.hours(-4, 0, 0, 0, 0, 0, 0),
	}
}

func (w *walk) successor(t denylist.Token) denylist.Successor {
	return denylist.Successor{
		ID:       fmt.Sprint(t.Session, "/", t.Rotation+1, w.pick("x", "x", "x", "y")),
		IssuedAt: w.now, ExpiresAt: w.hours(-1, 1, 2, 2, 2, 2), Key: w.pick("", "", "k", "l"), Note: w.pick("", "note"),
	}
}

func (w *walk) exchange(t denylist.Token) denylist.Exchange {
	how := denylist.Exchange{Window: time.Duration(w.IntN(2)) * time.Hour, Overlap: time.Duration(w.IntN(2)) * time.Hour}
	for range w.IntN(3) {
		denied := w.token()
		if w.denyItself || denied.ID != t.ID {
			how.Denies = append(how.Denies, denylist.Entry{
				Scope: denylist.ScopeToken, Issuer: t.Issuer, ID: denied.ID, Until: denied.ExpiresAt, Rotated: &denylist.Rotated{},
			})
		}
	}
	return how
}

func (w *walk) entry() denylist.Entry {
	t := w.token()
	e := denylist.Entry{Scope: denylist.Scopes()[w.IntN(4)], Issuer: t.Issuer, Until: w.hours(-1, 1, 2, 3), Revoked: &denylist.Revoked{Reason: w.pick("", "r", "s")}}
	switch e.Scope {
	case denylist.ScopeToken:
		e.ID = t.ID
	case denylist.ScopeSession:
		e.ID = t.Session
	case denylist.ScopeSubject:
		e.ID = w.pick("u", "v", "w")
	}
	if e.Scope.Wide() {
		e.Revoked.Cutoff = w.hours(-5, -4, -3)
	}
	if w.IntN(4) == 0 {
		e.ExpiresAt = w.hours(1, 2, 4)
	}
	return e
}

// list reads all pages.
func (w *walk) list(ctx context.Context, store operable, q denylist.Query) string {
	counts, err := store.Counts(ctx)
	words := fmt.Sprint(kind(err), counts)
	for {
		page, err := store.List(ctx, q)
		words += kind(err)
		for _, e := range page.Entries {
			words += "\n" + w.inWords(e)
		}
		if page.Next == "" {
			return words
		}
		q.Cursor = page.Next
	}
}

// denial is what an error says. Over partitions, which of several entries
// denies a token is a matter of their order.
func (w *walk) denial(err error) string {
	var revoked *denylist.RevokedError
	if w.denyItself && errors.As(err, &revoked) {
		return kind(err) + " by " + w.inWords(revoked.Entry)
	}
	return kind(err)
}

// inWords is an entry without the instants that a store's clock set, but for
// the hour.
func (w *walk) inWords(e denylist.Entry) string {
	words := fmt.Sprint(e.Scope, " ", e.Issuer, " ", e.ID, " ", e.ExpiresAt.UnixMilli())
	if r := e.Revoked; r != nil {
		words += fmt.Sprint(" revoked ", r.Reason, " ", r.Cutoff.UnixMilli())
	}
	if r := e.Rotated; r != nil {
		words += fmt.Sprint(" rotated ", r.EffectiveFrom.Sub(w.now).Round(time.Hour))
	}
	return words
}

// kind is which of the sentinels an error is.
func kind(err error) string {
	for _, sentinel := range []error{
		denylist.ErrRevoked, denylist.ErrReused, denylist.ErrExpired, denylist.ErrInvalid, denylist.ErrNotFound, denylist.ErrSpent,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return fmt.Sprint(err)
}
