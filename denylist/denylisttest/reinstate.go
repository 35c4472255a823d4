package denylisttest

import (
	"errors"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// The steps whose every order everyOrderOfReinstate states.
const (
	revoke    = 'r'
	exchange  = 'x'
	reinstate = 'i'
)

// Halves of an entry.
const (
	neither     = ""
	rotatedHalf = "rotated"
	revokedHalf = "revoked"
	bothHalves  = "rotated and revoked"
)

// everyOrderOfReinstate states what each order of a revocation, an exchange
// and a reinstatement leaves: whether the token that verifiers meet is denied,
// whether the one that was presented is spent, and the entry.
func everyOrderOfReinstate(f *fixture) {
	type row struct {
		order  string
		fails  map[rune]error // the other steps succeed
		denied bool
		spent  bool
		left   string
	}
	refused := map[rune]error{exchange: denylist.ErrRevoked}
	none := map[rune]error{reinstate: denylist.ErrNotFound}
	for _, table := range []struct {
		name string
		// of the token that is presented to the exchange:
		bearer func(denylist.Token) denylist.Token // the one that the exchange denies
		scope  denylist.Scope                      // by which the bearer is revoked
		rows   []row
	}{
		{"a renewable token", func(t denylist.Token) denylist.Token { return t }, denylist.ScopeToken, []row{
			{"rxi", refused, false, false, neither},
			{"rix", nil, true, true, rotatedHalf},
			{"xri", nil, true, true, rotatedHalf},
			{"xir", map[rune]error{reinstate: denylist.ErrSpent}, true, true, bothHalves},
			{"irx", map[rune]error{reinstate: denylist.ErrNotFound, exchange: denylist.ErrRevoked}, true, false, revokedHalf},
			{"ixr", none, true, true, bothHalves},
		}},
		{"the access token of a pair", access, denylist.ScopeToken, []row{
			{"rxi", nil, true, true, rotatedHalf},
			{"rix", nil, true, true, rotatedHalf},
			{"xri", nil, true, true, rotatedHalf},
			{"xir", map[rune]error{reinstate: denylist.ErrSpent}, true, true, bothHalves},
			{"irx", none, true, true, bothHalves},
			{"ixr", none, true, true, bothHalves},
		}},
		{"the session of a pair", access, denylist.ScopeSession, []row{
			{"rxi", refused, false, false, neither},
			{"rix", nil, true, true, neither},
			{"xri", nil, true, true, neither},
			{"xir", none, true, true, revokedHalf},
			{"irx", map[rune]error{reinstate: denylist.ErrNotFound, exchange: denylist.ErrRevoked}, true, false, revokedHalf},
			{"ixr", none, true, true, revokedHalf},
		}},
	} {
		t := f.token("s")
		if f.DeniesApart && table.bearer(t).ID == t.ID {
			continue // Spend_DeniesItsOwnToken
		}
		for _, row := range table.rows {
			f.run(table.name+"/"+row.order, func(f *fixture) {
				t := f.token(table.name + row.order)
				bearer := table.bearer(t)
				f.take(row.order, row.fails, t, bearer, entryOf(table.scope, bearer))
				f.ends(t, bearer, row.denied, row.spent)
				f.left(entryOf(table.scope, bearer), row.left)
			})
		}
	}
}

// take takes the steps in their order.
func (f *fixture) take(order string, fails map[rune]error, t, bearer denylist.Token, e denylist.Entry) {
	f.t.Helper()
	for _, step := range order {
		var err error
		switch step {
		case revoke:
			_, err = f.Store.Revoke(f.t.Context(), e)
		case exchange:
			_, err = f.spender.Spend(f.t.Context(), t, successor(t, "a"), denying(bearer))
		case reinstate:
			_, err = f.operator.Reinstate(f.t.Context(), e.Scope, e.Issuer, e.ID)
		}
		f.ErrorIs(err, fails[step], "step %c of %s", step, order)
	}
}

// ends checks what is true of the tokens at the end.
func (f *fixture) ends(t, bearer denylist.Token, denied, spent bool) {
	f.t.Helper()
	if denied {
		f.denied(bearer, "at the end")
	} else {
		f.passes(bearer, "at the end")
	}
	err := f.spender.Spendable(f.t.Context(), t)
	assert.Equal(f.t, spent, errors.Is(err, denylist.ErrReused), "Spendable at the end: %v; nothing un-spends", err)
}

// left checks which halves of an entry there are at the end.
func (f *fixture) left(e denylist.Entry, want string) {
	f.t.Helper()
	if want == neither {
		f.absent(e.Scope, e.Issuer, e.ID)
		return
	}
	got := f.get(e.Scope, e.Issuer, e.ID)
	assert.Equal(f.t, want == rotatedHalf || want == bothHalves, got.Rotated != nil, "rotated half of %+v", got)
	assert.Equal(f.t, want == revokedHalf || want == bothHalves, got.Revoked != nil, "revoked half of %+v", got)
}
