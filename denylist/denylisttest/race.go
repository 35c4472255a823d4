package denylisttest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// racers is how many attempts run at once.
const racers = 64

// attempt is the answer to one of them.
type attempt struct {
	spent denylist.Spent
	err   error
}

// race exchanges t many times at once, each for a successor of its own.
func (f *fixture) race(t denylist.Token, how denylist.Exchange) []attempt {
	attempts := make([]attempt, racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range attempts {
		wg.Go(func() {
			<-start
			attempts[i].spent, attempts[i].err = f.spender.Spend(f.t.Context(), t, successor(t, fmt.Sprint(i)), how)
		})
	}
	close(start)
	wg.Wait()
	return attempts
}

// oneWinner: with no window, one attempt wins and all others learn that the
// token is spent.
func oneWinner(f *fixture) {
	for round := range 4 {
		t := f.token(fmt.Sprintf("s%d", round))
		winners := 0
		for i, a := range f.race(t, denying(access(t))) {
			if a.err != nil {
				assert.ErrorIs(f.t, a.err, denylist.ErrReused, "attempt %d", i)
				continue
			}
			winners++
			assert.False(f.t, a.spent.Replayed, "attempt %d", i)
			assert.Equal(f.t, successor(t, fmt.Sprint(i)).ID, a.spent.Successor.ID, "the winner's successor is its own")
		}
		assert.Equal(f.t, 1, winners, "winners")
		f.denied(access(t), "exchanged")
	}
}

// oneSuccessor: within the window one attempt wins and all others have its
// successor.
func oneSuccessor(f *fixture) {
	t := f.token("s")
	winners := 0
	successors := map[string]int{}
	for i, a := range f.race(t, denylist.Exchange{Window: time.Hour}) {
		f.NoError(a.err, "attempt %d", i)
		successors[a.spent.Successor.ID+a.spent.Successor.Note+a.spent.Successor.ExpiresAt.String()]++
		if !a.spent.Replayed {
			winners++
		}
	}
	assert.Equal(f.t, 1, winners, "winners")
	assert.Len(f.t, successors, 1, "successors")
}

// oneAttempt: an attempt that is sent many times at once wins every time.
func oneAttempt(f *fixture) {
	t := f.token("s")
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			spent, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), denying(access(t)))
			assert.NoError(f.t, err)
			assert.False(f.t, spent.Replayed)
			assert.Equal(f.t, successor(t, "a").ID, spent.Successor.ID)
		})
	}
	wg.Wait()
}

// revocationRaces: once a revocation of the session has returned, nothing of
// it can be exchanged, and whatever was exchanged before is denied.
func revocationRaces(f *fixture) {
	t := f.token("s")
	cut := entryOf(denylist.ScopeSession, t)
	var returned sync.WaitGroup
	started := make(chan struct{})
	returned.Go(func() {
		<-started
		_, err := f.Store.Revoke(f.t.Context(), cut)
		assert.NoError(f.t, err, "Revoke")
	})
	for i := 0; ; i++ {
		if i == 8 {
			close(started)
		}
		f.Less(i, 1_000_000, "the revocation never took")
		_, err := f.spender.Spend(f.t.Context(), t, successor(t, "a"), denylist.Exchange{})
		if errors.Is(err, denylist.ErrRevoked) {
			break
		}
		f.NoError(err)
		t = following(t, successor(t, "a"))
	}
	returned.Wait()
	f.denied(t, "the last successor of a revoked session")
	assert.ErrorIs(f.t, f.spender.Spendable(f.t.Context(), t), denylist.ErrRevoked)
}
