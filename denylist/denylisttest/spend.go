package denylisttest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// invalidTokens are changes that make a token one that no chain can record.
func invalidTokens() map[string]func(*denylist.Token) {
	long := strings.Repeat("x", denylist.MaxID+1)
	return map[string]func(*denylist.Token){
		"no issuer":         func(t *denylist.Token) { t.Issuer = "" },
		"no id":             func(t *denylist.Token) { t.ID = "" },
		"no session":        func(t *denylist.Token) { t.Session = "" },
		"long issuer":       func(t *denylist.Token) { t.Issuer = long },
		"long id":           func(t *denylist.Token) { t.ID = long },
		"long session":      func(t *denylist.Token) { t.Session = long },
		"long subject":      func(t *denylist.Token) { t.Subject = long },
		"negative rotation": func(t *denylist.Token) { t.Rotation = -1 },
		"absurd rotation":   func(t *denylist.Token) { t.Rotation = 1 << 60 },
	}
}

func spendInvalid(f *fixture) {
	t := f.token("s")
	refused := func(what string, t denylist.Token, s denylist.Successor, how denylist.Exchange) {
		f.t.Helper()
		_, err := f.spender.Spend(f.t.Context(), t, s, how)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "Spend with %s", what)
	}
	for what, spoil := range invalidTokens() {
		refused(what, changed(t, spoil), successor(t, "a"), denylist.Exchange{})
	}
	for what, spoil := range map[string]func(*denylist.Successor){
		"no successor":     func(s *denylist.Successor) { s.ID = "" },
		"a long successor": func(s *denylist.Successor) { s.ID = strings.Repeat("x", denylist.MaxID+1) },
		"a long note":      func(s *denylist.Successor) { s.Note = strings.Repeat("x", denylist.MaxNote+1) },
	} {
		s := successor(t, "a")
		spoil(&s)
		refused(what, t, s, denylist.Exchange{})
	}
	access := t
	access.ID = "access"
	revokedToo := rotated(access)
	revokedToo.Revoked = &denylist.Revoked{}
	sessionWide := rotated(access)
	sessionWide.Scope = denylist.ScopeSession
	nameless := rotated(access)
	nameless.ID = ""
	for what, how := range map[string]denylist.Exchange{
		"a negative window":      {Window: -1},
		"a negative overlap":     {Overlap: -1},
		"a revocation to write":  {Denies: []denylist.Entry{rotated(access), denylist.TokenEntry(issuer, "x", t.ExpiresAt)}},
		"both halves to write":   {Denies: []denylist.Entry{revokedToo}},
		"a session to rotate":    {Denies: []denylist.Entry{sessionWide}},
		"a denial without an id": {Denies: []denylist.Entry{rotated(access), nameless}},
	} {
		refused(what, t, successor(t, "a"), how)
	}
	f.passes(access, "an invalid exchange writes nothing")
	f.spend(t, successor(t, "b"), denylist.Exchange{})
}

// spendDenies: the denials of an exchange are written with it, on the store's
// clock, and an attempt that is repeated neither postpones nor repeats them.
func spendDenies(f *fixture) {
	const overlap = time.Hour
	t := f.token("s")
	access, dead, late := t, t, t
	access.ID, dead.ID, late.ID = "access", "dead", "late"
	margins := denylist.MaxLeeway + f.SkewMargin
	dead.ExpiresAt = t.Login.Add(-margins)
	late.ExpiresAt = dead.ExpiresAt.Add(time.Minute)
	how := denying(access, dead, late)
	how.Window, how.Overlap = time.Hour, overlap

	spent := f.spend(t, successor(t, "a"), how)
	want := denylist.Entry{
		Scope: denylist.ScopeToken, Issuer: issuer, ID: access.ID, ExpiresAt: access.ExpiresAt.Add(margins),
		Rotated: &denylist.Rotated{At: spent.At, EffectiveFrom: spent.At.Add(overlap)},
	}
	f.sameEntry(want, f.get(denylist.ScopeToken, issuer, access.ID), "the old access token")
	f.absent(denylist.ScopeToken, issuer, dead.ID)
	f.sameInstant(late.ExpiresAt.Add(margins), f.get(denylist.ScopeToken, issuer, late.ID).ExpiresAt,
		"a token that some verifier may still accept")
	f.absent(denylist.ScopeToken, issuer, t.ID) // it is spent in the chain

	f.waitUntil(spent.At)
	for _, attempt := range []string{"a", "b"} { // the first again; a replay
		_, err := f.spender.Spend(f.t.Context(), t, successor(t, attempt), how)
		f.NoError(err)
		f.sameEntry(want, f.get(denylist.ScopeToken, issuer, access.ID), "after attempt "+attempt)
	}
	assert.Equal(f.t, denylist.Entry{}.Until, how.Denies[0].Rotated.At, "the caller's entries are not touched")
}

// spendDeniesItself: a renewable token is denied by the exchange that spends
// it. Only exchanges may go on with it: a rotated half never counts there.
func spendDeniesItself(f *fixture) {
	t := f.token("s")
	how := denying(t)
	how.Window = time.Hour
	if f.DeniesApart {
		_, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), how)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid)
		f.passes(t, "a refused exchange writes nothing")
		f.spend(t, successor(t, "b"), denylist.Exchange{})
		return
	}
	spent := f.spend(t, successor(t, "a"), how)
	f.denied(t, "exchanged")
	f.passes(following(t, spent.Successor), "the successor")
	f.spend(t, successor(t, "a"), how)
	again, err := f.spender.Spend(f.t.Context(), t, successor(t, "b"), how)
	f.NoError(err)
	assert.True(f.t, again.Replayed, "in the window")
	f.sameSuccessor(spent.Successor, again.Successor)
	assert.ErrorIs(f.t, f.spender.Spendable(f.t.Context(), t), denylist.ErrReused)
}

// longChain: each token of a long session buys one successor, and no ancestor
// buys anything again.
func longChain(f *fixture) {
	t := f.token("s")
	var ancestors []denylist.Token
	for range 20 {
		next := successor(t, "a")
		f.spend(t, next, denylist.Exchange{Window: time.Hour})
		for _, a := range ancestors {
			_, err := f.spender.Spend(f.t.Context(), a, successor(a, "b"), denylist.Exchange{Window: time.Hour})
			f.ErrorIs(err, denylist.ErrReused, "rotation %d, when %d is spent", a.Rotation, t.Rotation)
			_, err = f.spender.Spend(f.t.Context(), a, successor(a, "a"), denylist.Exchange{Window: time.Hour})
			f.ErrorIs(err, denylist.ErrReused, "the attempt that won rotation %d, when %d is spent", a.Rotation, t.Rotation)
		}
		ancestors = append(ancestors, t)
		t = following(t, next)
	}
}

// sameSession: a sid means nothing without its issuer.
func sameSession(f *fixture) {
	a := f.token("same")
	b := a
	b.Issuer = "https://another.example"
	f.spend(a, successor(a, "a"), denylist.Exchange{})
	assert.NoError(f.t, f.spender.Spendable(f.t.Context(), b), "the other issuer's session has spent nothing")
	f.spend(b, successor(b, "b"), denylist.Exchange{})
	a, b = following(a, successor(a, "a")), following(b, successor(b, "b"))

	f.revoked(entryOf(denylist.ScopeSession, a))
	f.denied(a, "its session is revoked")
	assert.ErrorIs(f.t, f.spender.Spendable(f.t.Context(), a), denylist.ErrRevoked)
	f.passes(b, "the same sid of another issuer")
	f.spend(b, successor(b, "c"), denylist.Exchange{})
}

// spendOddIDs: sessions, tokens, successors, keys and notes are bytes.
func spendOddIDs(f *fixture) {
	how := denylist.Exchange{}
	for i, strange := range strangeIDs() {
		t := f.tokenAt(strange, time.Now())
		t.ID, t.Subject = strangeIDs()[(i+2)%len(strangeIDs())], strange
		denied := t
		denied.ID = strange
		s := successor(t, "a")
		s.ID, s.Key, s.Note = strangeIDs()[(i+1)%len(strangeIDs())], strange, strange
		how.Denies = denying(denied).Denies
		f.spend(t, s, how)
		f.denied(denied, "exchanged")

		again := s
		again.ID = "another attempt"
		got, err := f.spender.Spend(f.t.Context(), t, again, how)
		f.NoError(err, "session %q: the same key", strange)
		assert.True(f.t, got.Replayed)
		f.sameSuccessor(s, got.Successor)

		again.Key = strange + "x"
		_, err = f.spender.Spend(f.t.Context(), t, again, how)
		f.ErrorIs(err, denylist.ErrReused, "session %q: another key", strange)
		again.ID = "the next"
		f.spend(following(t, s), again, denylist.Exchange{})
	}
	t := f.token("largest")
	t.Subject, t.Rotation = "", 1<<53-2
	s := successor(t, "a")
	s.Note = fmt.Sprintf("%0*d", denylist.MaxNote, 0)
	s.Key = strings.Repeat("k", 4096)
	s.IssuedAt, s.ExpiresAt = time.Time{}, lastInstant()
	f.sameSuccessor(s, f.spend(t, s, denylist.Exchange{}).Successor)
	f.spend(t, s, denylist.Exchange{}) // as it was recorded, too
	f.spend(following(t, s), successor(t, "b"), denylist.Exchange{})
}
