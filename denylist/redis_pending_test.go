package denylist

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// tries is a pending table with a clock.
type tries struct {
	*pending
	now time.Time
}

func newTries(limit int) *tries {
	return &tries{newPending(limit), time.Unix(1_000_000, 0)}
}

// begin begins a revocation, an instant after whatever was before.
func (p *tries) begin(e Entry) *attempt {
	p.now = p.now.Add(time.Second)
	return p.pending.begin(keyOf(e.Scope, e.ID), e, newPolicy(0, 0).foresee(e, p.now), p.now)
}

// write ends an attempt that Redis wrote at an instant.
func (p *tries) write(a *attempt, at time.Time) {
	stands := a.entry.clone()
	if stands.Scope.Wide() && a.named.IsZero() {
		stands.Revoked.Cutoff = at
	}
	p.written(a, stands)
}

func (p *tries) lose(a *attempt) { p.unknown(a, p.now) }

func keyOf(s Scope, id string) string { return fmt.Sprint(s, id) }

// ask asks about a token of alice's.
func (p *tries) ask(login time.Time) error {
	t := Token{Issuer: "i", ID: "jti", Subject: "alice", Login: login}
	return p.check([]place{{key: keyOf(ScopeToken, "jti")}, {key: keyOf(ScopeSubject, "alice")}}, t, p.now)
}

func alice(cutoff time.Time) Entry { return SubjectEntry("i", "alice", cutoff) }

// TestR16_PendingFromTheAttemptOn: an attempt denies while it is under way and
// while its outcome is unknown, and no longer.
func TestR16_PendingFromTheAttemptOn(t *testing.T) {
	ends := map[string]struct {
		end    func(*tries, *attempt)
		denied bool
	}{
		"written": {func(p *tries, a *attempt) { p.write(a, p.now) }, false},
		"refused": {func(p *tries, a *attempt) { p.refused(a) }, false},
		"unknown": {func(p *tries, a *attempt) { p.lose(a) }, true},
	}
	for name, c := range ends {
		t.Run(name, func(t *testing.T) {
			p := newTries(1)
			assert.True(t, p.empty())
			a := p.begin(TokenEntry("i", "jti", p.now.Add(time.Hour)))
			assert.ErrorIs(t, p.ask(p.now), ErrRevoked, "under way")
			c.end(p, a)
			assert.Equal(t, !c.denied, p.empty())
			if !c.denied {
				assert.NoError(t, p.ask(p.now))
				return
			}
			assert.ErrorIs(t, p.ask(p.now), ErrRevoked)
			p.now = p.now.Add(2 * time.Hour)
			assert.NoError(t, p.ask(p.now), "the entry is over")
		})
	}
}

// TestR16_PendingIsSettledByWhatDeniesAsMuch: a revocation that was
// acknowledged settles those before it, unless they denied more.
func TestR16_PendingIsSettledByWhatDeniesAsMuch(t *testing.T) {
	for name, c := range map[string]struct {
		try     func(*tries)
		settled bool
	}{
		"a later one, both at Redis's now": {func(p *tries) {
			p.lose(p.begin(alice(time.Time{})))
			p.write(p.begin(alice(time.Time{})), p.now)
		}, true},
		"one that names an earlier cutoff": {func(p *tries) {
			p.lose(p.begin(alice(time.Time{})))
			p.write(p.begin(alice(p.now.Add(-time.Hour))), p.now)
		}, false},
		"a cutoff ahead, which was named": {func(p *tries) {
			p.lose(p.begin(alice(p.now.Add(30 * time.Second))))
			p.write(p.begin(alice(time.Time{})), p.now)
		}, false},
		"one that began before, and may have been written before": {func(p *tries) {
			early := p.begin(alice(time.Time{}))
			at := p.now
			p.lose(p.begin(alice(time.Time{})))
			p.write(early, at)
		}, false},
		"a reinstatement": {func(p *tries) {
			p.lose(p.begin(alice(time.Time{})))
			p.reinstated(keyOf(ScopeSubject, "alice"), p.tick())
		}, true},
		"a reinstatement, after which it may have been written": {func(p *tries) {
			begun := p.tick()
			p.lose(p.begin(alice(time.Time{})))
			p.reinstated(keyOf(ScopeSubject, "alice"), begun)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTries(1)
			c.try(p)
			assert.Equal(t, c.settled, p.empty())
			if !c.settled {
				assert.ErrorIs(t, p.ask(p.now.Add(-time.Second)), ErrRevoked)
			}
		})
	}
}

// TestR16_PendingRefusedLeavesNothing: what Redis refused denies nobody, even
// where an earlier attempt is unknown, and does not keep that from being
// settled.
func TestR16_PendingRefusedLeavesNothing(t *testing.T) {
	p := newTries(1)
	p.lose(p.begin(alice(time.Time{})))
	after := p.now.Add(time.Millisecond)
	assert.NoError(t, p.ask(after), "a login after the cutoff")
	p.refused(p.begin(alice(p.now.AddDate(100, 0, 0))))
	assert.NoError(t, p.ask(after), "a cutoff that Redis did not take")
	p.write(p.begin(alice(time.Time{})), p.now)
	assert.True(t, p.empty(), "settled")
}

// TestR16_PendingIsBounded: when there is no room for an attempt, nothing can
// be told while it is under way or unknown; one that succeeds costs nothing.
func TestR16_PendingIsBounded(t *testing.T) {
	end := func(p *tries) time.Time { return p.now.Add(time.Hour) }
	p := newTries(2)
	for i := range 2 {
		p.lose(p.begin(TokenEntry("i", fmt.Sprint(i), end(p))))
	}
	assert.NoError(t, p.ask(p.now))

	a := p.begin(TokenEntry("i", "jti", end(p)))
	assert.ErrorIs(t, p.ask(p.now), ErrUnavailable, "under way")
	assert.NotErrorIs(t, p.ask(p.now), ErrRevoked)
	p.write(a, p.now)
	assert.NoError(t, p.ask(p.now), "written")

	p.refused(p.begin(TokenEntry("i", "jti", end(p))))
	assert.NoError(t, p.ask(p.now), "refused")

	p.lose(p.begin(TokenEntry("i", "jti", end(p))))
	assert.ErrorIs(t, p.ask(p.now), ErrUnavailable, "unknown")

	p.now = p.now.Add(2 * time.Hour)
	assert.NoError(t, p.ask(p.now), "all of them are over")
	p.write(p.begin(TokenEntry("i", "jti", end(p))), p.now)
	p.write(p.begin(TokenEntry("i", "2", end(p))), p.now)
	p.lose(p.begin(TokenEntry("i", "3", end(p))))
	p.lose(p.begin(TokenEntry("i", "4", end(p))))
	assert.NoError(t, p.ask(p.now), "there is room again")
	p.reinstated(keyOf(ScopeToken, "3"), p.tick())
	p.reinstated(keyOf(ScopeToken, "4"), p.tick())
	assert.True(t, p.empty())
}
