package denylist

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// mirrorOn runs a mirror of a store until the test ends.
func mirrorOn(t *testing.T, store *Redis) *Mirror {
	t.Helper()
	m, err := NewMirror(store, MirrorOptions{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
	return m
}

// untilMirror waits until what a mirror says of itself is so.
func untilMirror(t *testing.T, m *Mirror, is func(MirrorStats) bool) {
	t.Helper()
	require.NoError(t, eventually(t, func() error {
		if s := m.Stats(); s.State != MirrorFresh || !is(s) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	}))
}

// lost is a Redis that is about to forget some entries, and mirrors that know
// them: the second can be cut off.
type lost struct {
	server  *redistest.Server
	link    *redistest.Proxy
	store   *Redis // without a mirror
	mirrors [2]*Mirror
	entries []Entry
	tokens  []Token // which they deny
}

func newLost(t *testing.T, partitions int) *lost {
	t.Helper()
	s := redistest.Start(t)
	opts := RedisOptions{Prefix: s.Prefix(), Partitions: partitions, MaxStaleness: 200 * time.Millisecond}
	store, _ := storeOn(t, s, opts)
	l := &lost{server: s, link: redistest.NewProxy(t, s), store: store}
	now := time.Now().Truncate(time.Millisecond)
	for i, e := range []Entry{
		TokenEntry(testIssuer, "t", now.Add(time.Hour)), SessionEntry(testIssuer, "s", now.Add(2*time.Hour)),
		SubjectEntry(testIssuer, "u", now), IssuerEntry("https://gone.example", now), SessionEntry(testIssuer, "undone", now.Add(time.Hour)),
	} {
		_, err := store.Revoke(t.Context(), e)
		require.NoError(t, err)
		token := Token{Issuer: testIssuer, ID: "t", Session: "x", Subject: "x", Login: now, ExpiresAt: now.Add(time.Hour)}
		switch i {
		case 1, 4:
			token.ID, token.Session = "x", e.ID
		case 2:
			token.ID, token.Subject = "x", e.ID
		case 3:
			token.Issuer = e.Issuer
		}
		l.entries, l.tokens = append(l.entries, e), append(l.tokens, token)
	}
	behind := openStore(t, l.link.URL(), opts)
	for i, r := range []*Redis{openStore(t, s.URL(), opts), behind} {
		l.mirrors[i] = mirrorOn(t, r)
		untilMirror(t, l.mirrors[i], func(s MirrorStats) bool { return s.Entries == int64(len(l.entries)) })
	}
	return l
}

func openStore(t *testing.T, url string, opts RedisOptions) *Redis {
	t.Helper()
	client, err := OpenURL(url, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	r, err := NewRedis(client, patient(opts))
	require.NoError(t, err)
	return r
}

func (l *lost) forget(t *testing.T) {
	require.NoError(t, l.server.Client().FlushAll(t.Context()).Err())
}

// TestR18_MirrorGivesBack: what Redis forgot, and a mirror did not, is denied by
// every store again, can be listed, revoked by name, and taken back.
func TestR18_MirrorGivesBack(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			l := newLost(t, partitions)
			l.forget(t)
			for _, m := range l.mirrors {
				untilMirror(t, m, func(s MirrorStats) bool { return s.Forgotten == 1 && s.Entries == 5 && !m.looksBack() })
			}
			assert.EqualValues(t, 5, l.mirrors[0].Stats().GivenBack+l.mirrors[1].Stats().GivenBack, "each entry once")
			for i, token := range l.tokens {
				for _, store := range []Store{l.store, l.mirrors[0], l.mirrors[1]} {
					err := store.Check(t.Context(), token)
					var revoked *RevokedError
					if assert.ErrorAs(t, err, &revoked, "%v", token) {
						assert.Equal(t, l.entries[i].ID, revoked.Entry.ID)
						assert.Equal(t, l.entries[i].Issuer, revoked.Entry.Issuer)
					}
				}
			}
			later := l.tokens[2]
			later.Login = later.Login.Add(time.Millisecond)
			assert.NoError(t, l.store.Check(t.Context(), later), "after the cutoff")
			l.named(t)
		})
	}
}

// named: what has only a digest is as good as what has names.
func (l *lost) named(t *testing.T) {
	ctx := t.Context()
	page, err := l.store.List(ctx, Query{Limit: 2})
	require.NoError(t, err)
	second, err := l.store.List(ctx, Query{Cursor: page.Next})
	require.NoError(t, err)
	all := append(page.Entries, second.Entries...)
	assert.Len(t, all, len(l.entries))
	for _, e := range all {
		assert.Len(t, e.Digest, digestLen)
		assert.Empty(t, e.Issuer+e.ID)
		_, err := l.store.Revoke(ctx, e)
		assert.ErrorIs(t, err, ErrInvalid, "names are needed to write")
	}
	got, err := l.store.Get(ctx, ScopeSession, testIssuer, "s")
	require.NoError(t, err)
	assert.Equal(t, "s", got.ID)
	assert.Equal(t, testIssuer, got.Issuer)

	receipt, err := l.store.Revoke(ctx, SessionEntry(testIssuer, "s", time.Time{}).WithReason("again"))
	require.NoError(t, err)
	assert.Equal(t, Merged, receipt.Results[0].Outcome)
	got, err = l.store.Get(ctx, ScopeSession, testIssuer, "s")
	require.NoError(t, err)
	assert.Equal(t, receipt.Results[0].Entry, got)
	counts, err := l.store.Counts(ctx)
	require.NoError(t, err)
	assert.Equal(t, Counts{Token: 1, Session: 2, Subject: 1, Issuer: 1}, counts)
	_, err = l.store.Reinstate(ctx, ScopeSession, testIssuer, "undone")
	require.NoError(t, err)
	assert.NoError(t, l.store.Check(ctx, l.tokens[4]))
}

// TestR10_MirrorGivesNothingReinstatedBack: a mirror that was cut off while
// Redis forgot, was given back what another knew, and an operator took some of
// that back, does not bring it again.
func TestR10_MirrorGivesNothingReinstatedBack(t *testing.T) {
	t.Parallel()
	l := newLost(t, 1)
	l.link.Refuse()
	l.forget(t)
	untilMirror(t, l.mirrors[0], func(s MirrorStats) bool { return s.GivenBack == 5 })
	_, err := l.store.Reinstate(t.Context(), ScopeSession, testIssuer, "undone")
	require.NoError(t, err)
	l.link.Allow()
	untilMirror(t, l.mirrors[1], func(s MirrorStats) bool { return s.Forgotten == 1 && !l.mirrors[1].looksBack() })
	assert.Zero(t, l.mirrors[1].Stats().GivenBack)
	for _, store := range []Store{l.store, l.mirrors[0], l.mirrors[1]} {
		assert.NoError(t, store.Check(t.Context(), l.tokens[4]))
		assert.ErrorIs(t, store.Check(t.Context(), l.tokens[1]), ErrRevoked)
	}
}

// TestR18_MirrorCannotGiveBack: it goes on denying by itself, and tries again.
// Where nobody can tell what was reinstated since, it keeps what it knows to
// itself.
func TestR18_MirrorCannotGiveBack(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		l := newLost(t, 1)
		broken := 2
		for _, m := range l.mirrors {
			m.client.AddHook(around{script: healScript, before: func() error {
				if l.mirrors[0].Stats().Loads < 2 {
					return nil // it only makes meta
				}
				if broken--; broken >= 0 {
					return errors.New("forbidden")
				}
				return nil
			}})
		}
		l.link.Refuse() // one goroutine counts
		l.forget(t)
		m := l.mirrors[0]
		untilMirror(t, m, func(s MirrorStats) bool { return s.Kept >= 1 })
		for _, token := range l.tokens {
			assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked)
		}
		untilMirror(t, m, func(s MirrorStats) bool { return s.GivenBack == 5 })
	})
	t.Run("unsure", func(t *testing.T) {
		t.Parallel()
		l := newLost(t, 1)
		l.link.Refuse()
		m := l.mirrors[1]
		require.NoError(t, eventually(t, func() error {
			if m.State() != MirrorStale {
				return errors.New("not stale")
			}
			return nil
		}))
		l.mirrors[0].client.AddHook(around{script: healScript, before: func() error { return errors.New("forbidden") }})
		l.forget(t)
		for i := range 3 {
			_, err := l.store.Revoke(t.Context(), SessionEntry(testIssuer, fmt.Sprint("new ", i), time.Now().Add(time.Hour)))
			require.NoError(t, err)
		}
		require.NoError(t, l.server.Client().XTrimMaxLen(t.Context(), l.store.keys.log(0), 1).Err())
		l.link.Allow()
		untilMirror(t, m, func(s MirrorStats) bool { return s.Forgotten == 1 && s.Kept > 0 })
		for _, token := range l.tokens {
			assert.ErrorIs(t, m.Check(t.Context(), token), ErrRevoked)
			_, err := m.Spend(t.Context(), token, successorOf(token), Exchange{})
			assert.ErrorIs(t, err, ErrRevoked, "nor does it buy a successor")
			assert.ErrorIs(t, m.Spendable(t.Context(), token), ErrRevoked)
		}
		assert.Zero(t, m.Stats().GivenBack)
		assert.NoError(t, l.store.Check(t.Context(), l.tokens[0]), "what it cannot be sure of is its own")
	})
}
