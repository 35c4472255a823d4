package denylisttest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

var errEnough = errors.New("enough")

// standing is the position of the newest change.
func (f *fixture) standing() string {
	f.t.Helper()
	position, err := f.follower.Position(f.t.Context())
	f.NoError(err, "Position")
	f.NotEmpty(position, "Position")
	return position
}

// follows returns the first n changes after a position.
func (f *fixture) follows(after string, n int) []denylist.Change {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	var changes []denylist.Change
	err := f.follower.Follow(ctx, after, func(c denylist.Change) error {
		changes = append(changes, c)
		if len(changes) == n {
			return errEnough
		}
		return nil
	})
	f.ErrorIs(err, errEnough, "Follow(%q): %d changes", after, n)
	return changes
}

// follow: every change is told once, those of one entry in their order, with
// the entry as it stands; what changes nothing is not.
func follow(f *fixture) {
	before := f.standing()
	t := f.token("s")
	var want []denylist.Entry
	for _, scope := range denylist.Scopes() {
		want = append(want, f.revoked(entryOf(scope, t).WithReason("because")))
	}
	f.revoke(denylist.TokenEntry(issuer, "obsolete", t.Login.AddDate(-1, 0, 0)))
	f.revoke(entryOf(denylist.ScopeSession, t)) // unchanged
	longer := entryOf(denylist.ScopeToken, t)
	longer.Until = longer.Until.AddDate(0, 0, 1)
	want = append(want, f.revoked(longer))

	told := map[denylist.Scope][]denylist.Change{}
	changes := f.follows(before, len(want))
	for _, c := range changes {
		told[c.Scope] = append(told[c.Scope], c)
	}
	for _, e := range want {
		if !assert.NotEmpty(f.t, told[e.Scope], "%v: not told", e.Scope) {
			continue
		}
		c := told[e.Scope][0]
		told[e.Scope] = told[e.Scope][1:]
		f.sameChange(e, c)
		if assert.NotNil(f.t, c.Entry) && e.Scope != denylist.ScopeToken {
			f.sameEntry(e, *c.Entry, "the entry that a change is about")
		}
	}
	next := f.revoked(denylist.SessionEntry(issuer, "next", t.ExpiresAt))
	f.sameChange(next, f.follows(changes[len(changes)-1].Position, 1)[0])
}

// sameChange checks a change that left an entry so.
func (f *fixture) sameChange(e denylist.Entry, c denylist.Change) {
	f.t.Helper()
	assert.Equal(f.t, e.Scope, c.Scope)
	assert.Len(f.t, c.Digest, 22)
	assert.Equal(f.t, e.Revoked != nil, c.Revoked)
	if e.Revoked != nil {
		f.sameInstant(e.Revoked.Cutoff, c.Cutoff, "Change.Cutoff")
	}
	f.sameInstant(e.ExpiresAt, c.ExpiresAt, "Change.ExpiresAt")
	assert.False(f.t, c.Reinstated)
	assert.False(f.t, c.At.IsZero())
}

// followResumed: changes come once, wherever one stops and goes on.
func followResumed(f *fixture) {
	t := f.token("s")
	at := f.standing()
	const changes = 9
	for i := range changes {
		f.revoke(denylist.SessionEntry(issuer, fmt.Sprint(i), t.ExpiresAt))
	}
	told := map[string]bool{}
	for _, n := range []int{1, 2, 3, 3} {
		for _, c := range f.follows(at, n) {
			assert.False(f.t, told[c.Entry.ID], "%s: told twice", c.Entry.ID)
			told[c.Entry.ID] = true
			at = c.Position
		}
	}
	assert.Len(f.t, told, changes)
}

// followReinstated: what an operator takes back is told.
func followReinstated(f *fixture) {
	t := f.token("s")
	e := f.revoked(entryOf(denylist.ScopeSession, t))
	at := f.standing()
	_, err := f.operator.Reinstate(f.t.Context(), e.Scope, e.Issuer, e.ID)
	f.NoError(err)
	c := f.follows(at, 1)[0]
	assert.True(f.t, c.Reinstated)
	assert.False(f.t, c.Revoked)
	assert.Equal(f.t, denylist.ScopeSession, c.Scope)
	assert.Nil(f.t, c.Entry, "it is gone")
}

// followExchanged: tokens that an exchange denies are told.
func followExchanged(f *fixture) {
	t := f.token("s")
	at := f.standing()
	spent := f.spend(t, successor(t, "a"), denying(access(t)))
	c := f.follows(at, 1)[0]
	f.sameInstant(spent.At, c.EffectiveFrom, "Change.EffectiveFrom")
	assert.False(f.t, c.Revoked)
	if assert.NotNil(f.t, c.Entry) {
		assert.Equal(f.t, access(t).ID, c.Entry.ID)
	}
}

// followLive: a change is told to one who waits for it, who ends when the
// context does.
func followLive(f *fixture) {
	ctx, stop := context.WithTimeout(f.t.Context(), patience)
	defer stop()
	told, ended := make(chan denylist.Change), make(chan error, 1)
	at := f.standing()
	go func() {
		ended <- f.follower.Follow(ctx, at, func(c denylist.Change) error {
			told <- c
			return nil
		})
	}()
	for i := range 3 {
		e := f.revoked(denylist.SessionEntry(issuer, fmt.Sprint(i), f.now().AddDate(0, 0, 1)))
		select {
		case c := <-told:
			f.sameChange(e, c)
		case err := <-ended:
			f.NoError(err, "Follow")
		}
	}
	stop()
	assert.ErrorIs(f.t, <-ended, context.Canceled)
	_, err := f.follower.Position(ctx)
	assert.ErrorIs(f.t, err, context.Canceled)
}

// followGap: what is no position of this store is a gap, whatever it is.
func followGap(f *fixture) {
	f.revoke(denylist.SessionEntry(issuer, "s", f.now().AddDate(0, 0, 1)))
	at := f.standing()
	for _, position := range []string{
		"x", "\x00", "..", "-1", at + "0", "0" + at, at + ",", strings.Repeat("9", 10000), strings.Replace(at, ".1", ".2", 1) + "7",
	} {
		ctx, cancel := context.WithTimeout(f.t.Context(), patience)
		err := f.follower.Follow(ctx, position, func(denylist.Change) error { return errEnough })
		cancel()
		assert.ErrorIs(f.t, err, denylist.ErrGap, "Follow(%.50q)", position)
	}
}
