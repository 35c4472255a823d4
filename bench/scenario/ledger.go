package scenario

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

const (
	classForgotten = "forgotten" // Redis lost what it had acknowledged, and said that it may
	// forgets is how much of what a Redis acknowledged last may be gone after it
	// was killed or failed over: README, what an acknowledged revocation survives.
	forgets = 2 * time.Second
)

// ledger knows of tokens that are revoked while they are verified: when somebody
// first tried, and when Redis acknowledged it. Whoever revokes is another than
// those who verify, as an operator is.
type ledger struct {
	began  time.Time
	grace  time.Duration // from the acknowledgement until a check that begins has to be refused
	tokens []token       // that are revoked one after the other
	state  []revoked     // of each
	tried  atomic.Int64  // up to which one
	losses atomic.Pointer[[]loss]
}

// revoked is what became of one token, in nanoseconds since the ledger began; 0:
// not yet.
type revoked struct{ tried, acknowledged atomic.Int64 }

// loss is a fault after which a Redis may lack what it acknowledged last. The
// newest is the first.
type loss struct{ from, until time.Duration }

func newLedger(tokens []token, grace time.Duration) *ledger {
	l := &ledger{began: time.Now(), grace: grace, tokens: tokens, state: make([]revoked, len(tokens))}
	l.losses.Store(&[]loss{})
	return l
}

// now is since the ledger began, and never 0.
func (l *ledger) now() time.Duration { return time.Since(l.began) + 1 }

// at is an instant since the ledger began.
func (l *ledger) at(instant time.Time) time.Duration { return instant.Sub(l.began) + 1 }

// try notes that a token is about to be revoked.
func (l *ledger) try(i int) {
	l.state[i].tried.CompareAndSwap(0, int64(l.now()))
	for next := int64(i + 1); ; {
		if has := l.tried.Load(); has >= next || l.tried.CompareAndSwap(has, next) {
			return
		}
	}
}

// acknowledge notes that Redis has said so.
func (l *ledger) acknowledge(i int) { l.state[i].acknowledged.CompareAndSwap(0, int64(l.now())) }

// acknowledged is how many tokens Redis has said are revoked.
func (l *ledger) acknowledged() int {
	n := 0
	for i := range l.state {
		if l.state[i].acknowledged.Load() != 0 {
			n++
		}
	}
	return n
}

// lose notes a fault after which something may be forgotten, until settle says
// when it was over.
func (l *ledger) lose(from time.Time) {
	all := append([]loss{{l.at(from), math.MaxInt64}}, *l.losses.Load()...)
	l.losses.Store(&all)
}

func (l *ledger) settle(until time.Time) {
	all := slices.Clone(*l.losses.Load())
	all[0].until = l.at(until)
	l.losses.Store(&all)
}

// judge holds an answer about a token of the ledger against what was known when
// the check began. A token that somebody tries to revoke may be refused or not
// until Redis has acknowledged it.
func (l *ledger) judge(i int, began time.Duration, answer error) error {
	state := &l.state[i]
	if answer != nil {
		if errors.Is(answer, denylist.ErrRevoked) && state.tried.Load() != 0 {
			return nil
		}
		return judge(answer, false)
	}
	acknowledged := time.Duration(state.acknowledged.Load())
	switch {
	case acknowledged == 0, began <= acknowledged+l.grace:
		return nil
	case l.mayBeForgotten(acknowledged, began):
		return &classed{classForgotten, errForgotten}
	}
	return wrong("a token was accepted %v after its revocation was acknowledged", began-acknowledged)
}

var errForgotten = errors.New("scenario: what Redis acknowledged right before it was lost is gone")

// mayBeForgotten reports whether what was acknowledged so shortly before a loss
// may be gone. An acknowledgement is noted a little after it was given.
func (l *ledger) mayBeForgotten(acknowledged, began time.Duration) bool {
	for _, at := range *l.losses.Load() {
		if began > at.from && acknowledged > at.from-forgets && acknowledged < at.until {
			return true
		}
	}
	return false
}

// verdict is what a caller saw: nothing where the answer was right.
func verdict(err error) string {
	var c bench.Classed
	switch {
	case err == nil:
		return ""
	case errors.As(err, &c):
		return c.Class()
	}
	return "error"
}
