package denylisttest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// strictestWins merges a stricter and a laxer entry, each onto the other.
func strictestWins(f *fixture) {
	now := f.now()
	lax := denylist.Entry{Scope: denylist.ScopeSubject, Issuer: issuer, Until: now.Add(time.Hour)}
	for i, c := range []struct {
		what          string
		first, second func(*denylist.Entry)
		cutoff, until time.Time // that must stand
	}{
		{"a later cutoff wins", cutoffAt(now.Add(-time.Hour)), cutoffAt(now.Add(-time.Minute)), now.Add(-time.Minute), lax.Until},
		{"an earlier cutoff weakens nothing", cutoffAt(now.Add(-time.Minute)), cutoffAt(now.Add(-time.Hour)), now.Add(-time.Minute), lax.Until},
		{"a later expiry wins", until(now.Add(time.Hour)), until(now.Add(2 * time.Hour)), now, now.Add(2 * time.Hour)},
		{"an earlier expiry shortens nothing", until(now.Add(2 * time.Hour)), until(now.Add(time.Hour)), now, now.Add(2 * time.Hour)},
		{"the later of each wins", both(cutoffAt(now.Add(-time.Minute)), until(now.Add(time.Hour))),
			both(cutoffAt(now.Add(-time.Hour)), until(now.Add(2*time.Hour))), now.Add(-time.Minute), now.Add(2 * time.Hour)},
	} {
		f.run(c.what, func(f *fixture) {
			first, second := lax, lax
			first.ID, first.Revoked = fmt.Sprintf("subject %d", i), &denylist.Revoked{Reason: "first", Cutoff: now}
			second.ID, second.Revoked = first.ID, &denylist.Revoked{Reason: "second", Cutoff: now}
			c.first(&first)
			c.second(&second)

			at := f.revoke(first).At
			f.waitUntil(at)
			got := f.revoked(second)
			f.sameEntry(denylist.Entry{
				Scope: first.Scope, Issuer: issuer, ID: first.ID,
				Revoked:   &denylist.Revoked{At: at, Reason: "first", Cutoff: c.cutoff},
				ExpiresAt: c.until.Add(denylist.MaxLeeway + f.SkewMargin),
			}, got, "merged")
			f.sameEntry(got, f.get(first.Scope, issuer, first.ID), "Get: what the receipt said")
		})
	}
}

func cutoffAt(t time.Time) func(*denylist.Entry) {
	return func(e *denylist.Entry) { e.Revoked.Cutoff = t }
}

func until(t time.Time) func(*denylist.Entry) { return func(e *denylist.Entry) { e.Until = t } }

func both(a, b func(*denylist.Entry)) func(*denylist.Entry) {
	return func(e *denylist.Entry) { a(e); b(e) }
}

// unchanged: a merge that changes nothing says so, whatever else it brings.
func unchanged(f *fixture) {
	now := f.now()
	wide := denylist.Entry{
		Scope: denylist.ScopeSubject, Issuer: issuer, ID: "u", Until: now.Add(time.Hour),
		Revoked: &denylist.Revoked{Reason: "first", Cutoff: now.Add(-time.Minute)},
	}
	for _, step := range []struct {
		what   string
		change func(*denylist.Entry)
		want   denylist.Outcome
	}{
		{"the first", func(*denylist.Entry) {}, denylist.Recorded},
		{"the same again", func(*denylist.Entry) {}, denylist.Unchanged},
		{"another reason", func(e *denylist.Entry) { *e = e.WithReason("second") }, denylist.Unchanged},
		{"an earlier cutoff", cutoffAt(now.Add(-time.Hour)), denylist.Unchanged},
		{"an earlier expiry", until(now.Add(time.Minute)), denylist.Unchanged},
		{"an operator's earlier expiry", func(e *denylist.Entry) { e.ExpiresAt = now.Add(time.Minute) }, denylist.Unchanged},
		{"a later cutoff", cutoffAt(now.Add(-time.Second)), denylist.Merged},
		{"a later expiry", until(now.Add(time.Hour + time.Millisecond)), denylist.Merged},
		{"an operator's later expiry", func(e *denylist.Entry) { e.ExpiresAt = now.Add(2 * time.Hour) }, denylist.Merged},
		{"the first once more", func(*denylist.Entry) {}, denylist.Unchanged},
	} {
		e := wide
		e.Revoked = &denylist.Revoked{Reason: wide.Revoked.Reason, Cutoff: wide.Revoked.Cutoff}
		step.change(&e)
		got := f.revoke(e).Results[0]
		assert.Equal(f.t, step.want.String(), got.Outcome.String(), "%s", step.what)
		assert.Equal(f.t, "first", got.Entry.Revoked.Reason, "%s: the first reason stands", step.what)
	}
}

// everyOrderOfRevocations: four revocations of one subject leave one record,
// but for whose reason came first.
func everyOrderOfRevocations(f *fixture) {
	now := f.now()
	writes := []denylist.Entry{
		{Until: now.Add(3 * time.Hour), Revoked: &denylist.Revoked{Reason: "0", Cutoff: now.Add(-3 * time.Hour)}},
		{Until: now.Add(time.Hour), Revoked: &denylist.Revoked{Reason: "1", Cutoff: now.Add(-time.Hour)}},
		{Until: now.Add(2 * time.Hour), Revoked: &denylist.Revoked{Reason: "2", Cutoff: now.Add(-2 * time.Hour)}},
		{Until: now.Add(time.Minute), Revoked: &denylist.Revoked{Reason: "3", Cutoff: now.Add(-4 * time.Hour)}, ExpiresAt: now.Add(5 * time.Hour)},
	}
	for i, order := range permutations(len(writes)) {
		var at time.Time
		for j, k := range order {
			e := writes[k]
			e.Scope, e.Issuer, e.ID = denylist.ScopeSubject, issuer, fmt.Sprintf("subject %d", i)
			if receipt := f.revoke(e); j == 0 {
				at = receipt.At
			}
		}
		f.sameEntry(denylist.Entry{
			Scope: denylist.ScopeSubject, Issuer: issuer, ID: fmt.Sprintf("subject %d", i),
			Revoked:   &denylist.Revoked{At: at, Reason: writes[order[0]].Revoked.Reason, Cutoff: now.Add(-time.Hour)},
			ExpiresAt: now.Add(5 * time.Hour),
		}, f.get(denylist.ScopeSubject, issuer, fmt.Sprintf("subject %d", i)), fmt.Sprintf("order %v", order))
	}
}

// everyOrderOfRotations: two revocations of an access token and two exchanges
// that deny it leave one record.
func everyOrderOfRotations(f *fixture) {
	now := f.now()
	for i, order := range permutations(4) {
		access := tokenOf(fmt.Sprintf("access %d", i), now)
		var revokedAt, rotatedAt, effective time.Time
		var reason string
		revoke := func(why string, until time.Time) {
			e := denylist.TokenEntry(issuer, access.ID, until).WithReason(why)
			if receipt := f.revoke(e); revokedAt.IsZero() {
				revokedAt, reason = receipt.At, why
			}
		}
		exchange := func(session string, overlap time.Duration, until time.Time) {
			refresh := tokenOf(fmt.Sprintf("%s %d", session, i), now)
			denies := rotated(access)
			denies.Until = until
			spent := f.spend(refresh, successor(refresh, "a"), denylist.Exchange{Overlap: overlap, Denies: []denylist.Entry{denies}})
			if rotatedAt.IsZero() {
				rotatedAt = spent.At
			}
			if from := spent.At.Add(overlap); effective.IsZero() || from.Before(effective) {
				effective = from
			}
		}
		writes := []func(){
			func() { revoke("x", now.Add(time.Hour)) },
			func() { revoke("y", now.Add(3*time.Hour)) },
			func() { exchange("z", 2*time.Hour, now.Add(4*time.Hour)) },
			func() { exchange("w", time.Hour, now.Add(2*time.Hour)) },
		}
		for _, k := range order {
			writes[k]()
		}
		f.sameEntry(denylist.Entry{
			Scope: denylist.ScopeToken, Issuer: issuer, ID: access.ID,
			Revoked:   &denylist.Revoked{At: revokedAt, Reason: reason},
			Rotated:   &denylist.Rotated{At: rotatedAt, EffectiveFrom: effective},
			ExpiresAt: now.Add(4*time.Hour + denylist.MaxLeeway + f.SkewMargin),
		}, f.get(denylist.ScopeToken, issuer, access.ID), fmt.Sprintf("order %v", order))
	}
}
