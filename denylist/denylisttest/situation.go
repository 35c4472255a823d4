package denylisttest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rescindhq/rescind/denylist"
)

// situation is a session that has exchanged its fourth token, and the attempt
// that comes next. What a row of the table leaves alone is the best that it
// can be: the same token, a fresh attempt without a key, the window open,
// nothing expired or revoked.
type situation struct {
	// The exchange on record:
	firstKey string
	deadNext bool // its successor has expired
	fresh    bool // there is none
	rotated  bool // another exchange denies the token
	// The attempt:
	token     func(*denylist.Token)
	same      bool // the attempt on record again
	key       string
	windowOff bool
	windowEnd bool // the window is over
	revoked   denylist.Scope
}

// answer is what Spend says: an error, or whether the attempt won.
type answer struct {
	err      error
	replayed bool
}

// encounter is a situation that has come about.
type encounter struct {
	first  denylist.Token     // the one that the session exchanged
	record denylist.Successor // what for
	spent  denylist.Spent

	token  denylist.Token // that is presented now
	next   denylist.Successor
	how    denylist.Exchange
	marker denylist.Token // that the attempt denies
}

// arrange brings about a situation, for an issuer of its own.
func (f *fixture) arrange(issuer string, s situation) encounter {
	f.t.Helper()
	e := encounter{first: f.token("session")}
	e.first.Issuer, e.first.ID, e.first.Rotation = issuer, "fourth", 3
	e.record = successor(e.first, "first")
	e.record.Key = s.firstKey
	if s.deadNext {
		e.record.ExpiresAt = e.first.Login.Add(-time.Second)
	}
	if !s.fresh {
		e.spent = f.spend(e.first, e.record, denylist.Exchange{Window: time.Hour})
	}
	if s.rotated {
		other := f.token("the other session that denies " + issuer)
		f.spend(other, successor(other, "first"), denying(e.first))
		f.denied(e.first, "exchanged")
	}
	e.token = e.first
	if s.token != nil {
		s.token(&e.token)
	}
	if s.revoked != 0 {
		entry := entryOf(s.revoked, e.token)
		entry.Until = time.Time{} // the token may have expired
		f.revoked(entry)
	}
	e.next = successor(e.token, "second")
	if s.same {
		e.next = e.record
	}
	e.next.Key = s.key
	e.marker = e.token
	e.marker.ID, e.marker.ExpiresAt = "marker", e.first.ExpiresAt
	e.how = denying(e.marker)
	e.how.Window = f.window(s, e.spent.At)
	return e
}

// window is the window of a situation's attempt, and waits for its end.
func (f *fixture) window(s situation, spent time.Time) time.Duration {
	f.t.Helper()
	switch {
	case s.windowOff:
		return 0
	case s.windowEnd:
		f.waitUntil(spent.Add(time.Millisecond))
		return time.Millisecond
	}
	return time.Hour
}

// meet checks what Spend answers in a situation.
func (f *fixture) meet(name string, s situation, want answer) {
	e := f.arrange("https://table.example/"+name, s)
	got, err := f.spender.Spend(f.t.Context(), e.token, e.next, e.how)
	if want.err != nil {
		f.isOnly(err, want.err)
		f.names(err, e.token)
		f.undisturbed(e, s)
		return
	}
	f.NoError(err)
	assert.Equal(f.t, want.replayed, got.Replayed, "Replayed")
	f.denied(e.marker, "what wins or is replayed writes its denials")
	if want.replayed || s.same {
		f.sameInstant(e.spent.At, got.At, "At: when the token was spent first")
		f.sameSuccessor(e.record, got.Successor)
		return
	}
	f.sameSuccessor(e.next, got.Successor)
}

// names checks that a refusal for a revocation names an entry of the token.
func (f *fixture) names(err error, t denylist.Token) {
	f.t.Helper()
	var revoked *denylist.RevokedError
	if errors.As(err, &revoked) {
		assert.Contains(f.t, idsOf(t), idOf(revoked.Entry), "the entry that denies it")
		assert.NotNil(f.t, revoked.Entry.Revoked, "only a revoked half counts")
		return
	}
	assert.NotErrorIs(f.t, err, denylist.ErrRevoked, "want a RevokedError")
}

// undisturbed checks that a refused attempt has written nothing.
func (f *fixture) undisturbed(e encounter, s situation) {
	f.t.Helper()
	if s.revoked != 0 {
		return
	}
	f.passes(e.marker, "a refused exchange writes no denials")
	if !s.fresh {
		again := f.spend(e.first, e.record, denylist.Exchange{})
		f.sameInstant(e.spent.At, again.At, "At: a refused exchange leaves the chain as it was")
		f.sameSuccessor(e.record, again.Successor)
	}
}

// isOnly checks that a refusal is the one that is wanted and no other: a
// caller branches on them.
func (f *fixture) isOnly(err, want error) {
	f.t.Helper()
	assert.ErrorIs(f.t, err, want)
	for _, other := range []error{
		denylist.ErrReused, denylist.ErrExpired, denylist.ErrRevoked, denylist.ErrUnavailable, denylist.ErrInvalid, denylist.ErrNotFound,
	} {
		if other != want {
			assert.NotErrorIs(f.t, err, other)
		}
	}
}

// sameSuccessor checks that a successor can be signed again from the record.
func (f *fixture) sameSuccessor(want, got denylist.Successor) {
	f.t.Helper()
	assert.Equal(f.t, want.ID, got.ID, "successor")
	assert.Equal(f.t, want.Note, got.Note, "note")
	assert.Empty(f.t, got.Key, "the key stays with the caller")
	f.sameInstant(want.IssuedAt, got.IssuedAt, "successor's iat")
	f.sameInstant(want.ExpiresAt, got.ExpiresAt, "successor's exp")
}
