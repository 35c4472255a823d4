package denylisttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

func operatorGet(f *fixture) {
	t := f.token("s")
	for _, scope := range denylist.Scopes() {
		e := entryOf(scope, t)
		f.absent(scope, e.Issuer, e.ID)
		want := f.revoked(e.WithReason("because"))
		f.sameEntry(want, f.get(scope, e.Issuer, e.ID), "Get: what the receipt said")
		assert.Equal(f.t, "because", want.Revoked.Reason)
	}
	f.absent(denylist.ScopeToken, "https://another.example", t.ID)
	f.absent(denylist.ScopeSession, t.Issuer, t.ID)
	for what, name := range invalidNames() {
		_, err := f.operator.Get(f.t.Context(), name.scope, name.issuer, name.id)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "Get with %s", what)
	}
}

// invalidNames can be the name of no entry.
func invalidNames() map[string]id {
	return map[string]id{
		"no scope":       {0, issuer, "x"},
		"unknown scope":  {9, issuer, "x"},
		"no issuer":      {denylist.ScopeToken, "", "x"},
		"no id":          {denylist.ScopeToken, issuer, ""},
		"a long id":      {denylist.ScopeToken, issuer, strings.Repeat("x", denylist.MaxID+1)},
		"an issuer's id": {denylist.ScopeIssuer, issuer, "x"},
		"a long issuer":  {denylist.ScopeIssuer, strings.Repeat("x", denylist.MaxID+1), ""},
	}
}

// operatorList reads a list of every scope in pages. Some entries expire in
// the same millisecond, so that a page ends between them.
func operatorList(f *fixture) {
	now := f.now()
	var want []denylist.Entry
	for i := range 12 {
		e := denylist.Entry{
			Scope: denylist.Scopes()[i%4], Issuer: issuer, ID: fmt.Sprintf("id %d", i),
			Until: now.Add(time.Duration(1+i/6) * time.Hour), Revoked: &denylist.Revoked{},
		}
		if e.Scope == denylist.ScopeIssuer {
			e.Issuer, e.ID = fmt.Sprintf("https://issuer-%d.example", i), ""
		}
		want = append(want, f.revoked(e))
	}
	f.revoke(denylist.TokenEntry(issuer, "obsolete", time.Unix(0, 0)))
	for limit := range 14 {
		f.lists(denylist.Query{Limit: limit}, want)
	}
	for _, scope := range denylist.Scopes() {
		of := slices.DeleteFunc(slices.Clone(want), func(e denylist.Entry) bool { return e.Scope != scope })
		f.lists(denylist.Query{Scope: scope}, of)
		f.lists(denylist.Query{Scope: scope, Limit: 2}, of)
	}
}

// lists reads all pages of a query and checks that each entry comes once, the
// next to expire first.
func (f *fixture) lists(q denylist.Query, want []denylist.Entry) {
	f.t.Helper()
	wanted := map[id]denylist.Entry{}
	for _, e := range want {
		wanted[idOf(e)] = e
	}
	var last time.Time
	for pages := 0; ; pages++ {
		f.Less(pages, len(want)+2, "%+v: pages without end", q)
		page, err := f.operator.List(f.t.Context(), q)
		f.NoError(err, "List(%+v)", q)
		f.False(q.Limit > 0 && len(page.Entries) > q.Limit, "List(%+v): %d entries", q, len(page.Entries))
		for _, e := range page.Entries {
			w, ok := wanted[idOf(e)]
			f.True(ok, "List(%+v): unexpected, or seen before: %+v", q, e)
			f.sameEntry(w, e, "listed")
			f.False(e.ExpiresAt.Before(last), "List(%+v): the next to expire comes first", q)
			last = e.ExpiresAt
			delete(wanted, idOf(e))
		}
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	assert.Empty(f.t, wanted, "List(%+v): missing", q)
}

func operatorListInvalid(f *fixture) {
	for _, q := range []denylist.Query{
		{Scope: 9}, {Limit: -1}, {Limit: 1001},
		{Cursor: "x"}, {Cursor: "\x00"}, {Cursor: strings.Repeat("9", 10000)}, {Cursor: "-1"}, {Cursor: "é"},
	} {
		_, err := f.operator.List(f.t.Context(), q)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "List(%+v)", q)
	}
	page, err := f.operator.List(f.t.Context(), denylist.Query{Limit: 1000})
	f.NoError(err, "the largest page")
	assert.Empty(f.t, page.Entries)
	assert.Empty(f.t, page.Next, "the list of an empty store has one page")
}

func operatorCounts(f *fixture) {
	counts := func() denylist.Counts {
		c, err := f.operator.Counts(f.t.Context())
		f.NoError(err, "Counts")
		return c
	}
	assert.Zero(f.t, counts())
	t := f.token("s")
	for i := range 3 {
		f.revoke(denylist.TokenEntry(issuer, fmt.Sprint(i), t.ExpiresAt))
	}
	f.revoke(entryOf(denylist.ScopeSession, t), denylist.SessionEntry(issuer, "other", t.ExpiresAt))
	f.revoke(entryOf(denylist.ScopeSubject, t), entryOf(denylist.ScopeIssuer, t))
	f.revoke(entryOf(denylist.ScopeSession, t))                        // merged
	f.revoke(denylist.TokenEntry(issuer, "obsolete", time.Unix(0, 0))) // not written
	assert.Equal(f.t, denylist.Counts{Token: 3, Session: 2, Subject: 1, Issuer: 1}, counts())
	assert.EqualValues(f.t, 7, counts().Total())

	_, err := f.operator.Reinstate(f.t.Context(), denylist.ScopeToken, issuer, "1")
	f.NoError(err)
	assert.Equal(f.t, denylist.Counts{Token: 2, Session: 2, Subject: 1, Issuer: 1}, counts(), "one was reinstated")

	if f.spender != nil {
		other := f.token("other than all these")
		other.Issuer += "/other"
		f.spend(other, successor(other, "a"), denying(access(other)))
		assert.Equal(f.t, denylist.Counts{Token: 3, Session: 2, Subject: 1, Issuer: 1}, counts(), "what exchanges deny counts, chains do not")
	}
}

func operatorReinstate(f *fixture) {
	reinstate := func(scope denylist.Scope, issuer, id string) (denylist.Entry, error) {
		return f.operator.Reinstate(f.t.Context(), scope, issuer, id)
	}
	t := f.token("s")
	for _, scope := range denylist.Scopes() {
		e := entryOf(scope, t)
		_, err := reinstate(scope, e.Issuer, e.ID)
		assert.ErrorIs(f.t, err, denylist.ErrNotFound, "%v: nothing to reinstate", scope)
		f.revoked(e.WithReason("a mistake"))
		f.denied(t, "revoked")
		left, err := reinstate(scope, e.Issuer, e.ID)
		f.NoError(err, "Reinstate %v", scope)
		assert.Zero(f.t, left, "%v: nothing is left", scope)
		f.passes(t, "reinstated")
		f.absent(scope, e.Issuer, e.ID)
		_, err = reinstate(scope, e.Issuer, e.ID)
		assert.ErrorIs(f.t, err, denylist.ErrNotFound, "%v: reinstated already", scope)

		again := f.revoke(e.WithReason("no mistake")).Results[0]
		assert.Equal(f.t, denylist.Recorded.String(), again.Outcome.String(), "%v: revoked anew", scope)
		assert.Equal(f.t, "no mistake", again.Entry.Revoked.Reason, "%v: the reason of the new revocation", scope)
		f.denied(t, "revoked anew")
		_, err = reinstate(scope, e.Issuer, e.ID)
		f.NoError(err)
	}
	for what, name := range invalidNames() {
		_, err := reinstate(name.scope, name.issuer, name.id)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "Reinstate with %s", what)
	}
	if f.spender != nil {
		f.reinstateSpent(t)
	}
}

// reinstateSpent: an operator takes back a revocation, never an exchange.
func (f *fixture) reinstateSpent(t denylist.Token) {
	spent := f.spend(t, successor(t, "a"), denying(access(t)))
	t = access(t)
	e := f.revoke(entryOf(denylist.ScopeToken, t)).Results[0]
	assert.Equal(f.t, denylist.Merged.String(), e.Outcome.String(), "a revocation of an exchanged token")

	left, err := f.operator.Reinstate(context.WithoutCancel(f.t.Context()), denylist.ScopeToken, t.Issuer, t.ID)
	f.NoError(err)
	f.sameEntry(denylist.Entry{
		Scope: denylist.ScopeToken, Issuer: t.Issuer, ID: t.ID, ExpiresAt: e.Entry.ExpiresAt,
		Rotated: &denylist.Rotated{At: spent.At, EffectiveFrom: spent.At},
	}, left, "the rotated half is left")
	f.sameEntry(left, f.get(denylist.ScopeToken, t.Issuer, t.ID), "Get")
	f.denied(t, "still exchanged")
	_, err = f.operator.Reinstate(f.t.Context(), denylist.ScopeToken, t.Issuer, t.ID)
	assert.ErrorIs(f.t, err, denylist.ErrSpent, "there is only the exchange")
}

// entriesAreCopies: nobody changes the denylist through what went in or came
// out.
func entriesAreCopies(f *fixture) {
	t := f.token("s")
	forge := func(e denylist.Entry) { e.Revoked.Reason, e.Revoked.Cutoff = "forged", time.Time{} }
	in := entryOf(denylist.ScopeSubject, t).WithReason("true")
	out := f.revoked(in) // recorded
	forge(in)
	forge(out)
	in.Revoked.Cutoff = t.Login
	in.Until = t.ExpiresAt
	forge(f.revoked(in)) // unchanged
	in.Revoked.Cutoff = t.Login.Add(-time.Hour)
	in.ExpiresAt = t.ExpiresAt.AddDate(1, 0, 0)
	forge(f.revoked(in)) // merged
	forge(f.get(in.Scope, in.Issuer, in.ID))
	page, err := f.operator.List(f.t.Context(), denylist.Query{})
	f.NoError(err)
	f.Len(page.Entries, 1)
	forge(page.Entries[0])
	var revoked *denylist.RevokedError
	f.ErrorAs(f.Store.Check(f.t.Context(), t), &revoked)
	forge(revoked.Entry)

	got := f.get(in.Scope, in.Issuer, in.ID)
	assert.Equal(f.t, "true", got.Revoked.Reason)
	f.sameInstant(t.Login, got.Revoked.Cutoff, "cutoff")
	f.denied(t, "still revoked")
}
