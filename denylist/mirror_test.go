package denylist_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/denylist/denylisttest"
	"github.com/rescindhq/rescind/internal/redistest"
)

// staleness is long enough for a loaded machine to prove now and then.
const staleness = 200 * time.Millisecond

// running returns a mirror of store that runs until the test ends, and was
// fresh a moment ago.
func running(t testing.TB, store *denylist.Redis, opts denylist.MirrorOptions) *denylist.Mirror {
	t.Helper()
	m, err := denylist.NewMirror(store, opts)
	require.NoError(t, err)
	start(t, m)
	untilState(t, m, denylist.MirrorFresh)
	return m
}

// start runs a mirror until the test ends.
func start(t testing.TB, m *denylist.Mirror) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func untilState(t testing.TB, m *denylist.Mirror, states ...denylist.MirrorState) {
	t.Helper()
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		state := m.State()
		for _, want := range states {
			if state == want {
				return nil
			}
		}
		return fmt.Errorf("the mirror is in state %d", state)
	}))
}

// mirrored is a running mirror as a subject of the contract.
func mirrored(t *testing.T, client redis.UniversalClient, prefix string, partitions int, opts denylist.MirrorOptions) denylisttest.Subject {
	store := newRedis(t, client, denylist.RedisOptions{Prefix: prefix, Partitions: partitions, MaxStaleness: staleness})
	m := running(t, store, opts)
	return denylisttest.Subject{Store: m, DeniesApart: partitions > 1}
}

// mirroredBehindProxy is mirrored, on a link that can be broken. A mirror is
// broken once it can prove nothing any more; one whose answers Redis confirms,
// at once.
func mirroredBehindProxy(t *testing.T, partitions int, opts denylist.MirrorOptions) denylisttest.Subject {
	s := redistest.Shared(t)
	p := redistest.NewProxy(t, s)
	subject := mirrored(t, open(t, p.URL()), s.Prefix(), partitions, opts)
	m := subject.Store.(*denylist.Mirror)
	subject.LoseReply = func() { p.LoseReply("evalsha") }
	if opts.Confirmed {
		m.Crowd()
		subject.Break, subject.Mend = p.Refuse, p.Allow
		return subject
	}
	subject.Break = func() {
		p.Refuse()
		untilState(t, m, denylist.MirrorStale, denylist.MirrorLoading)
	}
	subject.Mend = func() {
		p.Allow()
		untilState(t, m, denylist.MirrorFresh)
	}
	return subject
}

func TestMirror_Contract(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
				return mirroredBehindProxy(t, partitions, denylist.MirrorOptions{})
			})
		})
	}
}

// TestConfirmed_Contract is of one partition; of 16 it is on a Cluster.
func TestConfirmed_Contract(t *testing.T) {
	t.Parallel()
	denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
		return mirroredBehindProxy(t, 1, denylist.MirrorOptions{Confirmed: true})
	})
}

func TestMirror_ContractCluster(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			cluster := redistest.StartCluster(t)
			client := open(t, cluster.URL())
			t.Run("adapts", func(t *testing.T) {
				t.Parallel()
				m := mirrored(t, client, redistest.NextPrefix(), partitions, denylist.MirrorOptions{}).Store.(*denylist.Mirror)
				require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
					// 16 is what it begins with; 16 partitions wake nobody.
					if wakes := m.Stats().Wakes; wakes == 16 || (wakes == 0) != (partitions == 16) {
						return fmt.Errorf("%d wakes", wakes)
					}
					return nil
				}))
			})
			for _, opts := range []denylist.MirrorOptions{{}, {Confirmed: true}} {
				if opts.Confirmed && partitions == 1 {
					continue
				}
				t.Run(fmt.Sprintf("confirmed=%v", opts.Confirmed), func(t *testing.T) {
					t.Parallel()
					denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
						subject := mirrored(t, client, redistest.NextPrefix(), partitions, opts)
						if opts.Confirmed {
							subject.Store.(*denylist.Mirror).Crowd()
						}
						return subject
					})
				})
			}
		})
	}
}

// TestMirror_Loads: what was there before the mirror is denied by it alone, but
// for tokens, of which the index does not say what they are denied for: those
// are asked about once.
func TestMirror_Loads(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			t.Parallel()
			s := redistest.Shared(t)
			client := s.Client()
			store := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix(), Partitions: partitions, MaxStaleness: time.Minute})
			now := time.Now()
			token := denylist.Token{Issuer: issuer, ID: "j", Session: "s", Subject: "u", Login: now, ExpiresAt: now.Add(time.Hour)}
			entries := map[string]denylist.Entry{
				"token":   denylist.TokenEntry(issuer, "j", token.ExpiresAt),
				"session": denylist.SessionEntry(issuer, "s", token.ExpiresAt),
				"subject": denylist.SubjectEntry(issuer, "u", now),
				"issuer":  denylist.IssuerEntry("other", now),
			}
			for _, e := range entries {
				_, err := store.Revoke(t.Context(), e)
				require.NoError(t, err)
			}
			m := running(t, store, denylist.MirrorOptions{})
			assert.EqualValues(t, len(entries), m.Stats().Entries)
			ask := func(change func(*denylist.Token), denied bool, asked uint64) {
				t.Helper()
				was := m.Stats()
				one := denylist.Token{Issuer: issuer, ID: "x", Login: now, ExpiresAt: token.ExpiresAt}
				change(&one)
				err := m.Check(t.Context(), one)
				assert.Equal(t, denied, errors.Is(err, denylist.ErrRevoked), "%v: %v", one, err)
				assert.Equal(t, denied, err != nil)
				assert.Equal(t, asked, m.Stats().Asked-was.Asked, "%v: asked", one)
			}
			ask(func(*denylist.Token) {}, false, 0)
			ask(func(t *denylist.Token) { t.ID = "j" }, true, 1)
			ask(func(t *denylist.Token) { t.ID = "j" }, true, 0)
			ask(func(t *denylist.Token) { t.Session = "s" }, true, 0)
			ask(func(t *denylist.Token) { t.Subject = "u" }, true, 0)
			ask(func(t *denylist.Token) { t.Subject, t.Login = "u", now.Add(time.Millisecond) }, false, 0)
			ask(func(t *denylist.Token) { t.Issuer = "other" }, true, 0)
			ask(func(t *denylist.Token) { t.Issuer, t.Login = "other", now.Add(time.Millisecond) }, false, 0)
		})
	}
}

// TestMirror_Refuses what would not keep what a mirror promises.
func TestMirror_Refuses(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	store := newRedis(t, s.Client(), denylist.RedisOptions{Prefix: s.Prefix()})
	for name, opts := range map[string]denylist.MirrorOptions{
		"older than the fleet's": {MaxStaleness: time.Second + 1},
		"younger than can be":    {MaxStaleness: time.Millisecond},
		"of negative age":        {MaxStaleness: -1},
		"of few bytes":           {MaxBytes: 1},
		"of fewer wakes":         {Wakes: -1},
		"of more wakes":          {Wakes: 1001},
		"a shadow of one in -1":  {Shadow: -1},
	} {
		_, err := denylist.NewMirror(store, opts)
		assert.ErrorIs(t, err, denylist.ErrInvalid, name)
	}
	_, err := denylist.NewMirror(nil, denylist.MirrorOptions{})
	assert.ErrorIs(t, err, denylist.ErrInvalid)
}

// TestMirror_Tells how far its load is, what state it is in, and whether Redis
// says the same.
func TestMirror_Tells(t *testing.T) {
	t.Parallel()
	s := redistest.Shared(t)
	store := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), MaxStaleness: staleness})
	revokeSession(t, store, "a")
	var seen states
	var last denylist.MirrorProgress
	m := running(t, store, denylist.MirrorOptions{
		Shadow: 1, OnState: seen.add, OnProgress: func(p denylist.MirrorProgress) { last = p },
	})
	require.NoError(t, redistest.Poll(within(t, time.Minute), func() error {
		_ = m.Check(t.Context(), ofSession("a"))
		_ = m.Check(t.Context(), ofSession("b"))
		if m.Stats().ShadowChecks < 10 || seen.seen(denylist.MirrorFresh) == 0 {
			return errors.New("not compared yet")
		}
		return nil
	}))
	assert.Zero(t, m.Stats().ShadowDisagree)
	assert.Equal(t, 1, seen.seen(denylist.MirrorLoading))
	assert.Equal(t, denylist.MirrorProgress{Entries: 1, Share: 1}, last, "told before it was fresh")
}
