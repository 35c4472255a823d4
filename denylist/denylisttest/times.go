package denylisttest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// lastInstant is the last that RFC 3339 can write: later ones are cut.
func lastInstant() time.Time {
	return time.Date(9999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)
}

// expiries: an entry outlives what it denies by MaxLeeway and the skew margin,
// to the millisecond.
func expiries(f *fixture) {
	var (
		margins = denylist.MaxLeeway + f.SkewMargin
		begin   = f.now()
		end     = begin.Add(time.Hour + 123*time.Millisecond)
		ahead   = begin.Add(f.SkewMargin)
		century = end.AddDate(100, 0, 0)
		absurd  = time.Unix(18446744073709552, 0) // its milliseconds wrap to 384
		unknown time.Time
		token   = func(exp time.Time) denylist.Entry { return denylist.TokenEntry(issuer, "", exp) }
		session = func(end time.Time) denylist.Entry { return denylist.SessionEntry(issuer, "", end) }
		subject = func(cutoff time.Time) denylist.Entry { return denylist.SubjectEntry(issuer, "", cutoff) }
	)
	for i, c := range []struct {
		what  string
		entry denylist.Entry
		at    time.Time     // when it must expire; or
		after time.Duration // how long after the write
	}{
		{"a token's exp", token(end), end.Add(margins), 0},
		{"a token's exp, below the millisecond", token(end.Add(999 * time.Microsecond)), end.Add(margins), 0},
		{"a token of unknown exp", token(unknown), unknown, f.Lifetime + margins},
		{"a session's end", session(end), end.Add(margins), 0},
		{"a session of unknown end", session(unknown), unknown, f.Lifetime + margins},
		{"a subject", subject(unknown), unknown, f.Lifetime + margins},
		{"a subject, cutoff in the past", subject(begin.Add(-time.Hour)), unknown, f.Lifetime + margins},
		{"a subject, cutoff ahead", subject(ahead), ahead.Add(f.Lifetime + margins), 0},
		{"an issuer", denylist.IssuerEntry(issuer, unknown), unknown, f.Lifetime + margins},
		{"the issuer's longest lifetime", lifetime(subject(unknown), 12345*time.Millisecond), unknown, 12345*time.Millisecond + margins},
		{"a known end before the lifetime", lifetime(session(end), time.Minute), end.Add(margins), 0},
		{"an operator's later expiry", expiring(token(end), end.Add(time.Hour)), end.Add(time.Hour), 0},
		{"an operator's earlier expiry", expiring(token(end), end), end.Add(margins), 0},
		{"an operator's expiry, a dead token", expiring(token(begin.Add(-time.Hour)), end), end, 0},
		{"an exp a century ahead", token(century), century.Add(margins), 0},
		{"the last instant", token(lastInstant()), lastInstant(), 0},
		{"an exp that overflows milliseconds", token(absurd), lastInstant(), 0},
		{"an expiry that overflows milliseconds", expiring(token(end), absurd), lastInstant(), 0},
	} {
		e := c.entry
		if e.Scope != denylist.ScopeIssuer {
			e.ID = fmt.Sprintf("id %d", i)
		}
		receipt := f.revoke(e)
		if !assert.Equal(f.t, denylist.Recorded.String(), receipt.Results[0].Outcome.String(), "%s: outcome", c.what) {
			continue
		}
		want := c.at
		if c.after != 0 {
			want = receipt.At.Add(c.after)
		}
		f.sameInstant(want, receipt.Results[0].Entry.ExpiresAt, c.what)
		f.sameInstant(want, f.get(e.Scope, e.Issuer, e.ID).ExpiresAt, c.what+": Get")
	}
}

func lifetime(e denylist.Entry, d time.Duration) denylist.Entry { e.Lifetime = d; return e }

func expiring(e denylist.Entry, t time.Time) denylist.Entry { e.ExpiresAt = t; return e }

// obsolete: an entry is not written when no verifier can still accept what it
// denies, and is written for as long as one can.
func obsolete(f *fixture) {
	margins := denylist.MaxLeeway + f.SkewMargin
	dead := f.now().Add(-margins)
	for _, scope := range []denylist.Scope{denylist.ScopeToken, denylist.ScopeSession, denylist.ScopeSubject} {
		e := denylist.Entry{Scope: scope, Issuer: issuer, ID: "dead", Until: dead, Revoked: &denylist.Revoked{}}
		receipt := f.revoke(e)
		assert.Equal(f.t, denylist.Obsolete.String(), receipt.Results[0].Outcome.String(), "%v: dead to the millisecond", scope)
		assert.Equal(f.t, idOf(e), idOf(receipt.Results[0].Entry), "%v: the receipt still names it", scope)
		f.absent(scope, issuer, "dead")

		e.ID, e.Until = "leeway", dead.Add(time.Minute)
		receipt = f.revoke(e)
		assert.Equal(f.t, denylist.Recorded.String(), receipt.Results[0].Outcome.String(), "%v: expired, but alive by the leeway and the margin", scope)
		f.sameInstant(e.Until.Add(margins), f.get(scope, issuer, "leeway").ExpiresAt, "ExpiresAt")
	}
	ancient := denylist.TokenEntry(issuer, "ancient", time.Unix(0, 0))
	live := denylist.TokenEntry(issuer, "live", time.Time{})
	receipt := f.revoke(ancient, live)
	assert.Equal(f.t, denylist.Obsolete.String(), receipt.Results[0].Outcome.String(), "ancient")
	assert.Equal(f.t, denylist.Recorded.String(), receipt.Results[1].Outcome.String(), "one that is obsolete stops no other")
	f.absent(denylist.ScopeToken, issuer, "ancient")
	f.forgets()
}

// forgets: an entry is gone at its expiry.
func (f *fixture) forgets() {
	t := f.token("soon gone")
	t.ExpiresAt = t.Login.Add(40*time.Millisecond - denylist.MaxLeeway - f.SkewMargin)
	e := f.revoked(entryOf(denylist.ScopeToken, t))
	if f.Store.Check(f.t.Context(), t) == nil {
		assert.False(f.t, f.now().Before(e.ExpiresAt), "Check passes before the entry's expiry")
	}
	f.waitUntil(e.ExpiresAt)
	f.absent(e.Scope, e.Issuer, e.ID)
	f.passes(t, "the entry is over")
	counts, err := f.operator.Counts(f.t.Context())
	f.NoError(err)
	assert.EqualValues(f.t, 2, counts.Token, "Counts: an entry that is over counts no more: %+v", counts)
}

// cutoffs: a login 5 ms before a cutoff dies, one 5 ms after it lives, a tie
// dies. To the millisecond, for checks and exchanges alike.
func cutoffs(f *fixture) {
	for _, scope := range []denylist.Scope{denylist.ScopeSubject, denylist.ScopeIssuer} {
		f.run(scope.String(), func(f *fixture) {
			t := f.token("s")
			t.Issuer += "/" + scope.String()
			cutoff := t.Login.Add(-time.Minute)
			e := entryOf(scope, t)
			e.Revoked.Cutoff = cutoff
			f.revoked(e)
			for i, d := range []time.Duration{-time.Hour, -5 * time.Millisecond, -time.Millisecond, 0, 999 * time.Microsecond} {
				t.Login, t.Session, t.ID = cutoff.Add(d), fmt.Sprintf("dies %d", i), fmt.Sprintf("dies %d", i)
				f.denied(t, fmt.Sprintf("a login %v after the cutoff", d))
				assert.ErrorIs(f.t, f.spender.Spendable(f.t.Context(), t), denylist.ErrRevoked, "Spendable: a login %v after the cutoff", d)
				_, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), denylist.Exchange{})
				assert.ErrorIs(f.t, err, denylist.ErrRevoked, "Spend: a login %v after the cutoff", d)
			}
			for i, d := range []time.Duration{time.Millisecond, 5 * time.Millisecond, time.Hour} {
				t.Login, t.Session, t.ID = cutoff.Add(d), fmt.Sprintf("lives %d", i), fmt.Sprintf("lives %d", i)
				f.passes(t, fmt.Sprintf("a login %v after the cutoff", d))
				f.spend(t, successor(t, "a"), denylist.Exchange{})
			}
			t.Login = time.Time{}
			f.denied(t, "a login that nobody knows")
		})
	}
}

// omittedCutoff: now is read inside the write, on the clock that logins are
// stamped with.
func omittedCutoff(f *fixture) {
	for _, scope := range []denylist.Scope{denylist.ScopeSubject, denylist.ScopeIssuer} {
		f.run(scope.String(), func(f *fixture) {
			before := f.token("before")
			e := entryOf(scope, before)
			e.Revoked.Cutoff = time.Time{}
			e.ID = map[bool]string{true: before.Subject}[scope == denylist.ScopeSubject]
			receipt := f.revoke(e)
			cutoff := receipt.Results[0].Entry.Revoked.Cutoff
			f.sameInstant(receipt.At, cutoff, "the cutoff is the write's instant")
			f.denied(before, "a login before the write")

			after := f.waitUntil(cutoff)
			login := before
			login.Login = after
			f.passes(login, "a login in the millisecond after the write")
		})
	}
}

// clockError is how far a check's idea of the store's clock may be off, where
// that clock is another machine's.
const clockError = 25 * time.Millisecond

// effectiveFrom: a rotated token passes until then, and never after.
func effectiveFrom(f *fixture) {
	const overlap = 100 * time.Millisecond
	t := f.token("s")
	how := denying(access(t))
	how.Overlap = overlap
	effective := f.spend(t, successor(t, "a"), how).At.Add(overlap)
	for deadline := time.Now().Add(patience); ; {
		before := f.now()
		err := f.Store.Check(f.t.Context(), access(t))
		if err != nil {
			f.ErrorIs(err, denylist.ErrRevoked)
			after := f.now()
			assert.True(f.t, after.After(effective.Add(-clockError)), "denied by %v, effective from %v", after, effective)
			break
		}
		f.True(before.Before(effective.Add(clockError)), "passes at %v, effective from %v", before, effective)
		f.True(time.Now().Before(deadline), "the token was never denied")
		time.Sleep(time.Millisecond)
	}
	t = f.token("at once")
	f.spend(t, successor(t, "a"), denying(access(t)))
	f.denied(access(t), "no overlap: the exchange has returned")
	f.passes(following(t, successor(t, "a")), "the successor")

	var revoked *denylist.RevokedError
	f.ErrorAs(f.Store.Check(f.t.Context(), access(t)), &revoked)
	assert.True(f.t, revoked.Entry.Revoked == nil && revoked.Entry.Rotated != nil, "denied by the exchange: %+v", revoked.Entry)
}

// revocationActsAtOnce: no overlap postpones a revocation.
func revocationActsAtOnce(f *fixture) {
	for _, scope := range denylist.Scopes() {
		f.run(scope.String(), func(f *fixture) {
			t := f.token("s" + scope.String())
			t.Issuer += "/" + scope.String()
			how := denying(access(t))
			how.Overlap = time.Hour
			f.spend(t, successor(t, "a"), how)
			t = access(t)
			f.passes(t, "within the overlap")
			f.revoked(entryOf(scope, t))
			f.denied(t, "revoked within the overlap")
		})
	}
}
