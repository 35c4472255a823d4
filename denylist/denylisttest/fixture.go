package denylisttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

const issuer = "https://issuer.example"

// patience is how long the suite waits for what must come.
const patience = 10 * time.Second

// run is a subtest on the same store.
func (f *fixture) run(name string, test func(*fixture)) {
	f.t.Run(name, func(t *testing.T) {
		sub := *f
		sub.t, sub.Assertions = t, require.New(t)
		test(&sub)
	})
}

// now is the store's clock. A store without one is asked by a write, which
// denies nobody.
func (f *fixture) now() time.Time {
	f.t.Helper()
	if f.spender != nil {
		now, err := f.spender.Now(f.t.Context())
		f.NoError(err, "Now")
		return now
	}
	return f.revoke(denylist.TokenEntry("https://clock.example", "clock", time.Time{})).At
}

// waitUntil returns when the store's clock is past an instant.
func (f *fixture) waitUntil(past time.Time) time.Time {
	f.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if now := f.now(); now.After(past) {
			return now
		}
		time.Sleep(time.Millisecond / 2)
	}
	f.FailNow("the store's clock did not get past", "%v", past)
	return time.Time{}
}

// token is the first token of a session that begins now.
func (f *fixture) token(session string) denylist.Token {
	f.t.Helper()
	return tokenOf(session, f.now())
}

func tokenOf(session string, login time.Time) denylist.Token {
	return denylist.Token{
		Issuer: issuer, ID: session + "/0", Session: session, Subject: session + "'s user",
		Login: login, ExpiresAt: login.Add(time.Hour),
	}
}

// successor is an attempt of its own to exchange t.
func successor(t denylist.Token, attempt string) denylist.Successor {
	return denylist.Successor{
		ID:        fmt.Sprintf("%s/%d %s", t.Session, t.Rotation+1, attempt),
		IssuedAt:  t.Login,
		ExpiresAt: t.ExpiresAt.Add(time.Hour),
		Note:      "note of " + attempt,
	}
}

// following is the token that s stands for.
func following(t denylist.Token, s denylist.Successor) denylist.Token {
	t.ID, t.ExpiresAt = s.ID, s.ExpiresAt
	t.Rotation++
	return t
}

// rotated is the entry of a token that an exchange denies.
func rotated(t denylist.Token) denylist.Entry {
	return denylist.Entry{
		Scope: denylist.ScopeToken, Issuer: t.Issuer, ID: t.ID, Until: t.ExpiresAt, Rotated: &denylist.Rotated{},
	}
}

// access is the access token of the pair whose other half is t.
func access(t denylist.Token) denylist.Token {
	t.ID = "access token of " + t.ID
	return t
}

// denying is an exchange that denies tokens, at once.
func denying(tokens ...denylist.Token) denylist.Exchange {
	var how denylist.Exchange
	for _, t := range tokens {
		how.Denies = append(how.Denies, rotated(t))
	}
	return how
}

// revoke must succeed.
func (f *fixture) revoke(entries ...denylist.Entry) denylist.Receipt {
	f.t.Helper()
	receipt, err := f.Store.Revoke(f.t.Context(), entries...)
	f.NoError(err, "Revoke")
	f.Len(receipt.Results, len(entries), "Revoke: results")
	return receipt
}

// revoked revokes one entry and returns it as it stands.
func (f *fixture) revoked(e denylist.Entry) denylist.Entry {
	f.t.Helper()
	return f.revoke(e).Results[0].Entry
}

// spend must win.
func (f *fixture) spend(t denylist.Token, s denylist.Successor, how denylist.Exchange) denylist.Spent {
	f.t.Helper()
	spent, err := f.spender.Spend(f.t.Context(), t, s, how)
	f.NoError(err, "Spend")
	f.False(spent.Replayed, "Spend: Replayed")
	return spent
}

// get must find an entry.
func (f *fixture) get(scope denylist.Scope, issuer, id string) denylist.Entry {
	f.t.Helper()
	e, err := f.operator.Get(f.t.Context(), scope, issuer, id)
	f.NoError(err, "Get(%v, %q, %q)", scope, issuer, id)
	return e
}

// absent checks that there is no such entry.
func (f *fixture) absent(scope denylist.Scope, issuer, id string) {
	f.t.Helper()
	e, err := f.operator.Get(f.t.Context(), scope, issuer, id)
	assert.ErrorIs(f.t, err, denylist.ErrNotFound, "Get(%v, %q, %q) = %+v", scope, issuer, id, e)
}

// passes checks that nothing denies t.
func (f *fixture) passes(t denylist.Token, why string) {
	f.t.Helper()
	assert.NoError(f.t, f.Store.Check(f.t.Context(), t), "Check(%+v): %s", t, why)
}

// denied checks that something denies t, and that the error says what.
func (f *fixture) denied(t denylist.Token, why string) {
	f.t.Helper()
	err := f.Store.Check(f.t.Context(), t)
	if !assert.ErrorIs(f.t, err, denylist.ErrRevoked, "Check(%+v): %s", t, why) {
		return
	}
	var revoked *denylist.RevokedError
	if assert.ErrorAs(f.t, err, &revoked) {
		assert.Contains(f.t, idsOf(t), idOf(revoked.Entry), "Check(%+v): the entry that denies it", t)
	}
}

// id is what an entry is found by.
type id struct {
	scope      denylist.Scope
	issuer, id string
}

func idOf(e denylist.Entry) id { return id{e.Scope, e.Issuer, e.ID} }

// idsOf are the ids under which an entry may deny t.
func idsOf(t denylist.Token) []id {
	return []id{
		{denylist.ScopeToken, t.Issuer, t.ID},
		{denylist.ScopeSession, t.Issuer, t.Session},
		{denylist.ScopeSubject, t.Issuer, t.Subject},
		{denylist.ScopeIssuer, t.Issuer, ""},
	}
}

// entryOf revokes t by a scope. The cutoffs of wide ones are its login, so
// that the tie is what denies it.
func entryOf(scope denylist.Scope, t denylist.Token) denylist.Entry {
	switch scope {
	case denylist.ScopeToken:
		return denylist.TokenEntry(t.Issuer, t.ID, t.ExpiresAt)
	case denylist.ScopeSession:
		return denylist.SessionEntry(t.Issuer, t.Session, t.ExpiresAt)
	case denylist.ScopeSubject:
		return denylist.SubjectEntry(t.Issuer, t.Subject, t.Login)
	default:
		return denylist.IssuerEntry(t.Issuer, t.Login)
	}
}

// sameInstant checks two instants to the millisecond.
func (f *fixture) sameInstant(want, got time.Time, what string) {
	f.t.Helper()
	assert.Equal(f.t, want.UnixMilli(), got.UnixMilli(), "%s: want %v, got %v", what, want, got)
}

// sameEntry checks two entries to the millisecond.
func (f *fixture) sameEntry(want, got denylist.Entry, what string) {
	f.t.Helper()
	assert.Equal(f.t, inMillis(want), inMillis(got), what)
}

// inMillis is an entry that can be compared: its instants as Unix
// milliseconds, whatever their location.
func inMillis(e denylist.Entry) map[string]any {
	m := map[string]any{"scope": e.Scope, "issuer": e.Issuer, "id": e.ID, "expires": e.ExpiresAt.UnixMilli()}
	if r := e.Revoked; r != nil {
		m["revoked at"], m["reason"], m["cutoff"] = r.At.UnixMilli(), r.Reason, r.Cutoff.UnixMilli()
	}
	if r := e.Rotated; r != nil {
		m["rotated at"], m["effective from"] = r.At.UnixMilli(), r.EffectiveFrom.UnixMilli()
	}
	return m
}

// permutations returns every order of the numbers below n.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			longer := append(append(append([]int{}, p[:i]...), n-1), p[i:]...)
			all = append(all, longer)
		}
	}
	return all
}
