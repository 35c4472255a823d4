package denylisttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

func barrier(f *fixture) {
	t := f.token("s")
	f.revoked(entryOf(denylist.ScopeSession, t))
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	assert.NoError(f.t, f.barrier.Barrier(ctx), "Barrier")
	f.denied(t, "after the barrier")
	cancel()
	assert.ErrorIs(f.t, f.barrier.Barrier(ctx), denylist.ErrUnknown, "Barrier with a cancelled context")
}

// calls are all calls that a store offers, as a question for one error. They
// ask and write what t names.
func (f *fixture) calls(t denylist.Token) map[string]func(context.Context) error {
	e := entryOf(denylist.ScopeSession, t)
	calls := map[string]func(context.Context) error{
		"Check":  func(ctx context.Context) error { return f.Store.Check(ctx, t) },
		"Revoke": func(ctx context.Context) error { _, err := f.Store.Revoke(ctx, e); return err },
	}
	if s := f.spender; s != nil {
		calls["Spend"] = func(ctx context.Context) error {
			_, err := s.Spend(ctx, t, successor(t, "lost"), denying(access(t)))
			return err
		}
		calls["Spendable"] = func(ctx context.Context) error { return s.Spendable(ctx, t) }
		calls["Now"] = func(ctx context.Context) error { _, err := s.Now(ctx); return err }
	}
	if o := f.operator; o != nil {
		calls["Get"] = func(ctx context.Context) error { _, err := o.Get(ctx, e.Scope, e.Issuer, e.ID); return err }
		calls["List"] = func(ctx context.Context) error { _, err := o.List(ctx, denylist.Query{}); return err }
		calls["Counts"] = func(ctx context.Context) error { _, err := o.Counts(ctx); return err }
		calls["Reinstate"] = func(ctx context.Context) error { _, err := o.Reinstate(ctx, e.Scope, e.Issuer, e.ID); return err }
	}
	return calls
}

// cancelled: a caller that has gone gets an error that says so, and nothing is
// written for it.
func cancelled(f *fixture) {
	gone, cancel := context.WithCancel(f.t.Context())
	cancel()
	late, cancel := context.WithDeadline(f.t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range []struct {
		ctx   context.Context
		cause error
	}{{gone, context.Canceled}, {late, context.DeadlineExceeded}} {
		t := f.token("s")
		calls := f.calls(t)
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			err := calls[name](c.ctx)
			assert.ErrorIs(f.t, err, c.cause, "%s", name)
			assert.ErrorIs(f.t, err, denylist.ErrUnavailable, "%s", name)
			assert.NotErrorIs(f.t, err, denylist.ErrRevoked, "%s", name)
		}
		if f.operator != nil {
			f.absent(denylist.ScopeSession, t.Issuer, t.Session)
			f.absent(denylist.ScopeToken, t.Issuer, access(t).ID)
		}
	}
	if f.spender != nil {
		t := f.token("s")
		t.Issuer += "/fresh"
		_, err := f.spender.Spend(gone, t, successor(t, "lost"), denylist.Exchange{})
		f.ErrorIs(err, context.Canceled)
		f.spend(t, successor(t, "later"), denylist.Exchange{})
	}
}

// cannotTell: a store that cannot tell says so. That is no answer: neither
// nil, nor that the token is revoked, spent or expired.
func cannotTell(f *fixture) {
	clean, dead := f.token("clean"), f.token("dead")
	f.revoked(entryOf(denylist.ScopeSession, dead))
	f.Break()
	asked := clean
	asked.Session, asked.ID = "asked", "asked"
	calls := f.calls(asked)
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if name == "Revoke" { // below: from then on a check may know
			continue
		}
		f.run(name, func(f *fixture) { f.isOnly(calls[name](f.t.Context()), denylist.ErrUnavailable) })
	}
	err := calls["Revoke"](f.t.Context())
	assert.ErrorIs(f.t, err, denylist.ErrUnavailable, "Revoke")
	f.Error(f.Store.Check(f.t.Context(), asked), "Check: after a revocation that may have been written")
	f.Error(f.Store.Check(f.t.Context(), dead), "Check of a token that was revoked before")
	f.Mend()

	f.recovers(clean)
	f.denied(dead, "revoked before")
	if errors.Is(err, denylist.ErrUnknown) {
		f.denied(asked, "R16: its revocation was tried")
	}
	f.NoError(calls["Revoke"](f.t.Context()), "Revoke, repeated")
	f.denied(asked, "revoked")
}

// recovers waits until a clean token passes again.
func (f *fixture) recovers(clean denylist.Token) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := f.Store.Check(f.t.Context(), clean)
		if err == nil {
			return
		}
		f.ErrorIs(err, denylist.ErrUnavailable, "a clean token")
		f.True(time.Now().Before(deadline), "the store never recovered: %v", err)
	}
}

// cannotTellSpend: an exchange that met a broken store may be tried again, as
// the same attempt, and wins.
func cannotTellSpend(f *fixture) {
	if f.spender == nil {
		return
	}
	t := f.token("s")
	f.Break()
	_, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), denylist.Exchange{})
	f.isOnly(err, denylist.ErrUnavailable)
	f.Mend()
	f.recovers(t)
	f.spend(t, successor(t, "a"), denylist.Exchange{})
}

// lostRevoke: a revocation whose reply is lost acts from the attempt on, and
// to repeat it does no harm.
func lostRevoke(f *fixture) {
	for _, scope := range denylist.Scopes() {
		f.run(scope.String(), func(f *fixture) {
			t := f.token("s")
			t.Issuer += "/" + scope.String()
			e := entryOf(scope, t)
			e.Until = t.ExpiresAt
			f.LoseReply()
			receipt, err := f.Store.Revoke(f.t.Context(), e)
			for deadline := time.Now().Add(patience); err != nil; receipt, err = f.Store.Revoke(f.t.Context(), e) {
				f.ErrorIs(err, denylist.ErrUnknown, "Revoke, its reply lost")
				f.denied(t, "from the attempt on")
				f.True(time.Now().Before(deadline), "the revocation never succeeded: %v", err)
			}
			assert.Contains(f.t, []denylist.Outcome{denylist.Recorded, denylist.Unchanged}, receipt.Results[0].Outcome, "repeated, it changes nothing")
			f.denied(t, "revoked")
			if f.operator == nil {
				return
			}
			f.sameInstant(t.ExpiresAt.Add(denylist.MaxLeeway+f.SkewMargin), f.get(scope, e.Issuer, e.ID).ExpiresAt, "ExpiresAt")
			_, err = f.operator.Reinstate(f.t.Context(), scope, e.Issuer, e.ID)
			f.NoError(err, "Reinstate")
			f.passes(t, "reinstated: nothing of the unknown outcome is left")
		})
	}
}

// lostSpend: the attempt that won, and never heard so, finds itself the winner
// when it is repeated: without a key, with no window.
func lostSpend(f *fixture) {
	if f.spender == nil {
		return
	}
	for i, how := range []denylist.Exchange{{}, {Window: time.Hour}} {
		t := f.token(fmt.Sprintf("s%d", i))
		how.Denies = denying(access(t)).Denies
		f.LoseReply()
		spent, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), how)
		for deadline := time.Now().Add(patience); err != nil; {
			f.ErrorIs(err, denylist.ErrUnknown, "Spend, its reply lost")
			f.True(time.Now().Before(deadline), "the attempt never heard that it won: %v", err)
			spent, err = f.spender.Spend(f.t.Context(), t, successor(t, "a"), how)
		}
		assert.False(f.t, spent.Replayed, "the attempt finds itself the winner")
		f.sameSuccessor(successor(t, "a"), spent.Successor)
		f.denied(access(t), "exchanged")
		_, err = f.spender.Spend(f.t.Context(), t, successor(t, "b"), denylist.Exchange{})
		assert.ErrorIs(f.t, err, denylist.ErrReused, "another attempt")
		f.spend(following(t, successor(t, "a")), successor(following(t, successor(t, "a")), "c"), denylist.Exchange{})
	}
}
