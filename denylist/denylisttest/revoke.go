package denylisttest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

func emptyStore(f *fixture) {
	t := f.token("s")
	f.passes(t, "nothing was revoked")
	t.Session, t.Subject = "", ""
	f.passes(t, "a token without session and subject")
}

func checkInvalid(f *fixture) {
	good := f.token("s")
	long := strings.Repeat("x", denylist.MaxID+1)
	for name, spoil := range map[string]func(*denylist.Token){
		"no issuer":    func(t *denylist.Token) { t.Issuer = "" },
		"no id":        func(t *denylist.Token) { t.ID = "" },
		"long issuer":  func(t *denylist.Token) { t.Issuer = long },
		"long id":      func(t *denylist.Token) { t.ID = long },
		"long session": func(t *denylist.Token) { t.Session = long },
		"long subject": func(t *denylist.Token) { t.Subject = long },
	} {
		t := good
		spoil(&t)
		err := f.Store.Check(f.t.Context(), t)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "Check of a token with %s: no entry could deny it", name)
	}
}

// scopes revokes one token by each scope and looks which others die with it.
func scopes(f *fixture) {
	for _, scope := range denylist.Scopes() {
		f.run(scope.String(), func(f *fixture) {
			t := f.token("s" + scope.String())
			t.Issuer += "/" + scope.String()
			kin := map[denylist.Scope]denylist.Token{} // by the widest scope that they share with t
			sibling := t
			sibling.ID = "another token"
			kin[denylist.ScopeSession] = sibling
			sibling.Session = "another session"
			kin[denylist.ScopeSubject] = sibling
			sibling.Subject = "another subject"
			kin[denylist.ScopeIssuer] = sibling
			stranger := t
			stranger.Issuer += "/of another"

			f.revoked(entryOf(scope, t))
			f.denied(t, "revoked")
			for shared, other := range kin {
				if shared <= scope {
					f.denied(other, "the entry names it too")
				} else {
					f.passes(other, "the entry does not name it")
				}
			}
			f.passes(stranger, "the same ids of another issuer")
		})
	}
}

func receipts(f *fixture) {
	t := f.token("s")
	before := f.now()
	receipt := f.revoke(
		entryOf(denylist.ScopeSession, t).WithReason("stolen"),
		entryOf(denylist.ScopeIssuer, t),
		entryOf(denylist.ScopeSession, t).WithReason("again"),
		entryOf(denylist.ScopeToken, t),
	)
	after := f.now()
	assert.False(f.t, receipt.At.Before(before) || receipt.At.After(after), "At %v, written between %v and %v", receipt.At, before, after)

	want := []struct {
		scope   denylist.Scope
		id      string
		outcome denylist.Outcome
	}{
		{denylist.ScopeSession, t.Session, denylist.Recorded},
		{denylist.ScopeIssuer, "", denylist.Recorded},
		{denylist.ScopeSession, t.Session, denylist.Unchanged},
		{denylist.ScopeToken, t.ID, denylist.Recorded},
	}
	for i, w := range want {
		got := receipt.Results[i]
		assert.Equal(f.t, id{w.scope, t.Issuer, w.id}, idOf(got.Entry), "result %d", i)
		assert.Equal(f.t, w.outcome.String(), got.Outcome.String(), "result %d: outcome", i)
		assert.Nil(f.t, got.Entry.Rotated, "result %d: nothing was exchanged", i)
		assert.True(f.t, got.Entry.Until.IsZero() && got.Entry.Lifetime == 0, "result %d: stores do not return Until and Lifetime", i)
		if assert.NotNil(f.t, got.Entry.Revoked, "result %d", i) {
			f.sameInstant(receipt.At, got.Entry.Revoked.At, "Revoked.At")
		}
	}
	assert.Equal(f.t, "stolen", receipt.Results[2].Entry.Revoked.Reason, "the first reason stands")
	assert.True(f.t, receipt.Results[0].Entry.Revoked.Cutoff.IsZero(), "a session entry has no cutoff")
	f.sameInstant(t.Login, receipt.Results[1].Entry.Revoked.Cutoff, "the issuer's cutoff")
	f.revoke() // of nothing
}

// manyAtOnce gives one call more entries than any one batch is likely to hold.
func manyAtOnce(f *fixture) {
	var tokens []denylist.Token
	var entries []denylist.Entry
	for i := range 300 {
		t := f.tokenAt(fmt.Sprintf("s%d", i), time.Now())
		t.Issuer = fmt.Sprintf("https://issuer-%d.example", i)
		tokens = append(tokens, t)
		entries = append(entries, entryOf(denylist.Scopes()[i%4], t))
	}
	receipt := f.revoke(entries...)
	for i, t := range tokens {
		assert.Equal(f.t, idOf(entries[i]), idOf(receipt.Results[i].Entry), "results keep the order of the entries")
		f.denied(t, "one of many")
	}
}

// tokenAt is token without a question for the time.
func (f *fixture) tokenAt(session string, login time.Time) denylist.Token {
	return tokenOf(session, login.Truncate(time.Millisecond))
}

func revokeInvalid(f *fixture) {
	t := f.token("s")
	long := strings.Repeat("x", denylist.MaxID+1)
	entry := func(change func(*denylist.Entry)) denylist.Entry {
		e := entryOf(denylist.ScopeToken, t)
		change(&e)
		return e
	}
	bad := map[string]denylist.Entry{
		"no scope":            entry(func(e *denylist.Entry) { e.Scope = 0 }),
		"unknown scope":       entry(func(e *denylist.Entry) { e.Scope = 5 }),
		"no issuer":           entry(func(e *denylist.Entry) { e.Issuer = "" }),
		"long issuer":         entry(func(e *denylist.Entry) { e.Issuer = long }),
		"no id":               entry(func(e *denylist.Entry) { e.ID = "" }),
		"long id":             entry(func(e *denylist.Entry) { e.ID = long }),
		"issuer with an id":   entry(func(e *denylist.Entry) { e.Scope = denylist.ScopeIssuer }),
		"no half":             entry(func(e *denylist.Entry) { e.Revoked = nil }),
		"rotated by hand":     rotated(t),
		"both halves by hand": entry(func(e *denylist.Entry) { e.Rotated = &denylist.Rotated{} }),
		"negative lifetime":   entry(func(e *denylist.Entry) { e.Lifetime = -1 }),
		"long reason":         entry(func(e *denylist.Entry) { e.Revoked.Reason = strings.Repeat("x", denylist.MaxReason+1) }),
		"cutoff of a token":   entry(func(e *denylist.Entry) { e.Revoked.Cutoff = t.Login }),
	}
	for name, e := range bad {
		_, err := f.Store.Revoke(f.t.Context(), entryOf(denylist.ScopeSession, t), e)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "Revoke of an entry with %s", name)
	}
	f.passes(t, "a call with an invalid entry writes none")
}

// cutoffAhead: a cutoff that only skewed clocks explain is taken, one further
// ahead would deny logins that have not happened.
func cutoffAhead(f *fixture) {
	t := f.token("s")
	for _, scope := range []denylist.Scope{denylist.ScopeSubject, denylist.ScopeIssuer} {
		ahead := entryOf(scope, t)
		ahead.Revoked.Cutoff = f.now().Add(f.SkewMargin + patience)
		_, err := f.Store.Revoke(f.t.Context(), entryOf(denylist.ScopeToken, t), ahead)
		assert.ErrorIs(f.t, err, denylist.ErrInvalid, "%v: a cutoff beyond the skew margin", scope)
	}
	f.passes(t, "a call with a refused cutoff writes nothing")

	for _, scope := range []denylist.Scope{denylist.ScopeSubject, denylist.ScopeIssuer} {
		within := entryOf(scope, t)
		within.Revoked.Cutoff = f.now().Add(f.SkewMargin)
		e := f.revoked(within)
		f.sameInstant(within.Revoked.Cutoff, e.Revoked.Cutoff, "a cutoff at the skew margin")
	}
	f.cutoffJustAhead(t)
}

// cutoffJustAhead: the margin is exact, on the clock of the write.
func (f *fixture) cutoffJustAhead(t denylist.Token) {
	beyond := entryOf(denylist.ScopeIssuer, t)
	beyond.Revoked.Cutoff = f.now().Add(f.SkewMargin + clockError)
	receipt, err := f.Store.Revoke(f.t.Context(), beyond)
	if err != nil {
		assert.ErrorIs(f.t, err, denylist.ErrInvalid)
		return
	}
	ahead := beyond.Revoked.Cutoff.Sub(receipt.At)
	assert.LessOrEqual(f.t, ahead, f.SkewMargin, "a cutoff was taken that is %v ahead", ahead)
}

// sameID: an id means nothing without its scope and its issuer.
func sameID(f *fixture) {
	const same = "same"
	var tokens []denylist.Token
	for i, iss := range []string{"https://a.example", "https://b.example"} {
		for _, scope := range []denylist.Scope{denylist.ScopeToken, denylist.ScopeSession, denylist.ScopeSubject} {
			t := f.tokenAt(fmt.Sprintf("s%d", i), time.Now())
			t.Issuer, t.ID, t.Session, t.Subject = iss, "t"+scope.String(), "s"+scope.String(), "u"+scope.String()
			switch scope {
			case denylist.ScopeToken:
				t.ID = same
			case denylist.ScopeSession:
				t.Session = same
			case denylist.ScopeSubject:
				t.Subject = same
			}
			tokens = append(tokens, t)
		}
	}
	for i, t := range tokens {
		f.revoked(entryOf(denylist.Scopes()[i%3], t))
		for j, other := range tokens {
			if j <= i {
				f.denied(other, "revoked")
			} else {
				f.passes(other, "not revoked yet: another scope or issuer")
			}
		}
	}
}

// strangeIDs are ids that a careless key, script, list or escape would trip
// over, each another one than all the rest.
func strangeIDs() []string {
	return []string{
		"a:b", "a", "b", "a:", ":b", ":", "::", "{}", "{a}", "}{", "a\x00b", "\x00", "a\nb", "\n", "a\r\nb", " ", "a b", "a  b",
		"%", "%41", "A", "%25", "-", "--", "0", "1", "*", "?", "[a]", "\\", "\"", "'", "$", "/", "../x", "+", "=",
		strings.Repeat("x", denylist.MaxID), strings.Repeat("x", denylist.MaxID-1), strings.Repeat("\xff", denylist.MaxID),
		"é", "e\u0301", "日本語", "\u202e", "\ufeff", "\xff", "\xfe", "\xc3", "\ufffd", "nil", "null", "false",
	}
}

func oddIDs(f *fixture) {
	for _, scope := range denylist.Scopes() {
		f.run(scope.String(), func(f *fixture) {
			tokens := strangeTokens(scope)
			for i, t := range tokens {
				e := entryOf(scope, t)
				e = f.revoked(e.WithReason(strangeIDs()[i]))
				assert.Equal(f.t, idOf(entryOf(scope, t)), idOf(e), "ids come back byte for byte")
				assert.Equal(f.t, strangeIDs()[i], e.Revoked.Reason, "reasons come back byte for byte")
				f.denied(t, "revoked")
				if i+1 < len(tokens) {
					f.passes(tokens[i+1], "not revoked yet")
				}
			}
			if f.operator != nil {
				for i, t := range tokens {
					e := entryOf(scope, t)
					got := f.get(scope, e.Issuer, e.ID)
					assert.Equal(f.t, idOf(e), idOf(got), "Get: ids come back byte for byte")
					assert.Equal(f.t, strangeIDs()[i], got.Revoked.Reason, "Get: reasons come back byte for byte")
				}
			}
		})
	}
}

// strangeTokens are tokens that differ in the strange id of a scope only.
func strangeTokens(scope denylist.Scope) []denylist.Token {
	var tokens []denylist.Token
	for _, strange := range strangeIDs() {
		t := tokenOf("s", time.Now())
		t.Issuer = "https://odd.example/" + scope.String()
		switch scope {
		case denylist.ScopeToken:
			t.ID = strange
		case denylist.ScopeSession:
			t.Session = strange
		case denylist.ScopeSubject:
			t.Subject = strange
		case denylist.ScopeIssuer:
			t.Issuer = strange
		}
		tokens = append(tokens, t)
	}
	return tokens
}

// revokeConcurrently revokes overlapping entries from many goroutines: what is
// left is what one goroutine would have left.
func revokeConcurrently(f *fixture) {
	t := f.token("s")
	cutoff := func(i int) time.Time { return t.Login.Add(time.Duration(i-32) * time.Minute) }
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			e := denylist.SubjectEntry(t.Issuer, t.Subject, cutoff(i))
			own := denylist.TokenEntry(t.Issuer, fmt.Sprintf("own %d", i), t.ExpiresAt)
			_, err := f.Store.Revoke(f.t.Context(), e, own)
			assert.NoError(f.t, err, "Revoke")
			owned := t
			owned.ID = own.ID
			f.denied(owned, "its revocation has returned")
		})
	}
	wg.Wait()
	t.Login = cutoff(31)
	f.denied(t, "a login at the latest of all cutoffs")
	t.Login = t.Login.Add(time.Millisecond)
	f.passes(t, "a login after all cutoffs")
}
