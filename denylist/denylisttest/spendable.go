package denylisttest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// spendable says what Spend would, with no key and no window, and spends
// nothing.
func spendable(f *fixture) {
	t := f.token("s")
	next := successor(t, "a")
	child := following(t, next)
	ask := func(t denylist.Token, want error, what string) {
		f.t.Helper()
		err := f.spender.Spendable(f.t.Context(), t)
		if want == nil {
			assert.NoError(f.t, err, "Spendable: %s", what)
			return
		}
		assert.ErrorIs(f.t, err, want, "Spendable: %s", what)
	}
	for range 2 {
		ask(t, nil, "the first of the session, asked twice")
	}
	f.spend(t, next, denylist.Exchange{Window: time.Hour})
	ask(t, denylist.ErrReused, "spent, though the window is open")
	ask(child, nil, "the successor")
	ask(changed(t, func(t *denylist.Token) { t.Rotation = 1 }), denylist.ErrReused, "not the successor")
	ask(changed(child, func(t *denylist.Token) { t.ExpiresAt = t.Login.Add(-time.Second) }), denylist.ErrExpired, "expired")
	grandchild := successor(child, "b")
	grandchild.Key = "key"
	f.spend(child, grandchild, denylist.Exchange{Window: time.Hour})
	ask(t, denylist.ErrReused, "a grandparent")
	ask(child, denylist.ErrReused, "spent with a key")

	last := following(child, grandchild)
	for _, scope := range denylist.Scopes() {
		other := last
		other.Issuer = fmt.Sprintf("%s/%v", issuer, scope)
		ask(other, nil, "before it is revoked")
		f.revoked(entryOf(scope, other))
		ask(other, denylist.ErrRevoked, fmt.Sprintf("revoked by its %v", scope))
	}
	for _, spoil := range invalidTokens() {
		ask(changed(last, spoil), denylist.ErrInvalid, "invalid")
	}
	f.spend(last, successor(last, "c"), denylist.Exchange{})
}

func changed(t denylist.Token, change func(*denylist.Token)) denylist.Token {
	change(&t)
	return t
}
