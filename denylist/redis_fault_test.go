package denylist

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// fault is a state of a Redis in which a denylist cannot tell.
type fault struct {
	name  string
	args  []string // of the server
	cause func(*testing.T, *redistest.Server)
	mend  func(*testing.T, *redistest.Server)
	// known: a write certainly wrote nothing. either: that depends on whether
	// the connection lives long enough to say so.
	known, either bool
}

func config(name, value string) func(*testing.T, *redistest.Server) {
	return func(t *testing.T, s *redistest.Server) {
		require.NoError(t, s.Client().ConfigSet(t.Context(), name, value).Err())
	}
}

func faults() []fault {
	return []fault{
		{name: "hung", cause: func(_ *testing.T, s *redistest.Server) { s.Stop() },
			mend: func(_ *testing.T, s *redistest.Server) { s.Continue() }},
		{name: "killed", cause: func(_ *testing.T, s *redistest.Server) { s.Kill() },
			mend: func(_ *testing.T, s *redistest.Server) { s.Restart() }, known: true},
		{name: "full", cause: config("maxmemory", "1"), mend: config("maxmemory", "0"), known: true},
		{name: "a replica", known: true,
			cause: func(t *testing.T, s *redistest.Server) {
				require.NoError(t, s.Client().Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err())
			},
			mend: func(t *testing.T, s *redistest.Server) {
				require.NoError(t, s.Client().Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
			}},
		{name: "without its replicas", cause: config("min-replicas-to-write", "1"),
			mend: config("min-replicas-to-write", "0"), known: true},
		{name: "unable to persist", args: []string{"--save", "100000 1"}, known: true,
			cause: func(t *testing.T, s *redistest.Server) {
				s.BreakDisk()
				c := s.Client()
				_ = c.BgSave(t.Context()).Err()
				require.NoError(t, eventually(t, func() error {
					if !redis.HasErrorPrefix(c.Set(t.Context(), "k", "v", 0).Err(), "MISCONF") {
						return errors.New("it still persists")
					}
					return nil
				}))
			},
			mend: config("stop-writes-on-bgsave-error", "no")},
		{name: "of another password", either: true,
			cause: func(t *testing.T, s *redistest.Server) {
				c := s.Client()
				require.NoError(t, c.Do(t.Context(), "ACL", "SETUSER", "default", "resetpass", ">other").Err())
				_ = c.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no").Err()
			},
			mend: func(t *testing.T, s *redistest.Server) {
				o := s.Options()
				o.Password = "other"
				c := redis.NewClient(o)
				defer func() { _ = c.Close() }()
				require.NoError(t, c.Do(t.Context(), "ACL", "SETUSER", "default", "nopass").Err())
			}},
		{name: "forbidding the keys", known: true,
			cause: func(t *testing.T, s *redistest.Server) {
				require.NoError(t, s.Client().Do(t.Context(), "ACL", "SETUSER", "default", "resetkeys").Err())
			},
			mend: func(t *testing.T, s *redistest.Server) {
				require.NoError(t, s.Client().Do(t.Context(), "ACL", "SETUSER", "default", "~*").Err())
			}},
	}
}

// TestR14_Faults: whatever ails Redis, every question is answered in time by
// "cannot tell", never by yes or no, and service resumes by itself.
func TestR14_Faults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.test(t)
		})
	}
}

func (f fault) test(t *testing.T) {
	const timeout, slack = 200 * time.Millisecond, time.Minute // slack is for a loaded machine
	s := redistest.Start(t, f.args...)
	o := s.Options()
	o.ReadTimeout, o.WriteTimeout = time.Hour, time.Hour // the client's own: what is to be in time is ours
	r := storeOver(t, o, RedisOptions{Prefix: s.Prefix(), CheckTimeout: timeout, WriteTimeout: timeout})
	live, dead := tokenOf("live"), tokenOf("dead")
	require.NoError(t, eventually(t, func() error {
		_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "dead", dead.ExpiresAt))
		return err
	}))

	f.cause(t, s)
	for doing, ask := range r.questions(live) {
		start := time.Now()
		err := ask(t.Context())
		assert.Less(t, time.Since(start), timeout+slack, doing)
		assert.ErrorIs(t, err, ErrUnavailable, doing)
		for _, verdict := range []error{ErrRevoked, ErrReused, ErrExpired, ErrNotFound, ErrSpent, ErrInvalid} {
			assert.NotErrorIs(t, err, verdict, doing)
		}
		if _, write := r.writes(live)[doing]; write && f.either {
			continue
		} else if write {
			assert.Equal(t, !f.known, errors.Is(err, ErrUnknown), "%s: outcome unknown: %v", doing, err)
		} else {
			assert.NotErrorIs(t, err, ErrUnknown, doing)
		}
	}

	f.mend(t, s)
	fresh := tokenOf("fresh")
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), fresh) }), "service resumes")
	require.NoError(t, eventually(t, func() error {
		_, err := r.Spend(t.Context(), fresh, successorOf(fresh), Exchange{})
		return err
	}), "service resumes")
	if f.name != "killed" { // it kept nothing
		assert.ErrorIs(t, r.Check(t.Context(), dead), ErrRevoked)
	}
}

// questions are all that a store can be asked about a token. What it is told
// to write is about another: an outcome that is not known would deny it.
func (r *Redis) questions(t Token) map[string]func(context.Context) error {
	all := r.writes(tokenOf(t.Session + " to write"))
	all["Check"] = func(ctx context.Context) error { return r.Check(ctx, t) }
	all["Spendable"] = func(ctx context.Context) error { return r.Spendable(ctx, t) }
	all["Now"] = func(ctx context.Context) error { _, err := r.Now(ctx); return err }
	all["Get"] = func(ctx context.Context) error { _, err := r.Get(ctx, ScopeToken, t.Issuer, t.ID); return err }
	all["Counts"] = func(ctx context.Context) error { _, err := r.Counts(ctx); return err }
	return all
}

func eventually(t *testing.T, try func() error) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return redistest.Poll(ctx, try)
}

// TestR14_ADenialThatWasReadStands: a full Redis cannot say that a token is
// good, but what it has revoked is revoked.
func TestR14_ADenialThatWasReadStands(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{})
	token := tokenOf("s")
	_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "s", token.ExpiresAt))
	require.NoError(t, err)
	config("maxmemory", "1")(t, s)
	assert.ErrorIs(t, r.Check(t.Context(), token), ErrRevoked)
	assert.ErrorIs(t, r.Check(t.Context(), tokenOf("other")), ErrUnavailable)
}

// TestRedis_NoScript: a restart, a failover and SCRIPT FLUSH forget scripts.
func TestRedis_NoScript(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, c := storeOn(t, s, RedisOptions{})
	use := func(session string) {
		t.Helper()
		token := tokenOf(session)
		_, err := r.Spend(t.Context(), token, successorOf(token), Exchange{})
		assert.NoError(t, err)
		_, err = r.Revoke(t.Context(), SessionEntry(testIssuer, session, time.Time{}))
		assert.NoError(t, err)
		_, err = r.Reinstate(t.Context(), ScopeSession, testIssuer, session)
		assert.NoError(t, err)
		_, err = r.Counts(t.Context())
		assert.NoError(t, err)
	}
	use("before")
	require.NoError(t, c.ScriptFlush(t.Context()).Err())
	use("after SCRIPT FLUSH")
	s.Restart()
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), tokenOf("s")) }))
	use("after a restart")
}

// TestR16_UnknownRevocationDenies: from the attempt on, checks of the same
// store deny, whatever became of it; a later success settles it.
func TestR16_UnknownRevocationDenies(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{CheckTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond})
	token, other := tokenOf("s"), tokenOf("other")
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), token) }))

	s.Stop()
	entries := []Entry{SubjectEntry(testIssuer, token.Subject, time.Time{}), SessionEntry(testIssuer, "s2", time.Time{})}
	_, err := r.Revoke(t.Context(), entries...)
	require.ErrorIs(t, err, ErrUnknown)
	assert.ErrorIs(t, r.Check(t.Context(), token), ErrRevoked, "needs no Redis")
	assert.ErrorIs(t, r.Check(t.Context(), other), ErrUnavailable)
	s.Continue()
	require.NoError(t, eventually(t, func() error { return r.Check(t.Context(), other) }))
	assert.ErrorIs(t, r.Check(t.Context(), token), ErrRevoked)
	_, err = r.Spend(t.Context(), token, successorOf(token), Exchange{})
	assert.ErrorIs(t, err, ErrRevoked, "nor can it be exchanged")

	require.NoError(t, eventually(t, func() error { _, err := r.Revoke(t.Context(), entries...); return err }))
	assert.True(t, r.pending.empty(), "settled")
	require.NoError(t, eventually(t, func() error {
		err := r.Check(t.Context(), token)
		if errors.Is(err, ErrUnavailable) { // for whoever is slow
			return err
		}
		assert.ErrorIs(t, err, ErrRevoked, "by Redis")
		return nil
	}))
}

// TestR16_RefusedRevocationDeniesNobody: where Redis said that it wrote
// nothing, nothing is revoked, and the caller knows.
func TestR16_RefusedRevocationDeniesNobody(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	r, _ := storeOn(t, s, RedisOptions{})
	token := tokenOf("s")
	config("maxmemory", "1")(t, s)
	_, err := r.Revoke(t.Context(), SessionEntry(testIssuer, "s", time.Time{}))
	require.ErrorIs(t, err, ErrUnavailable)
	config("maxmemory", "0")(t, s)
	assert.NoError(t, r.Check(t.Context(), token))
	_, err = r.Revoke(t.Context(), IssuerEntry(testIssuer, time.Now().Add(time.Hour)))
	require.ErrorIs(t, err, ErrInvalid)
	assert.NoError(t, r.Check(t.Context(), token))
}

// TestR12_RedisClockJudges: what is effective from some instant on is so on
// Redis's clock, whatever the node's own says.
func TestR12_RedisClockJudges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Shared(t)
	for name, skew := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.For(t)
			opts := RedisOptions{Now: func() time.Time { return time.Now().Add(skew) }}
			r, _ := storeOn(t, s, opts)
			token := tokenOf("s")
			token.ExpiresAt = token.ExpiresAt.Add(2 * time.Hour) // alive on either clock
			spent, err := r.Spend(ctx, token, successorOf(token), Exchange{
				Overlap: 700 * time.Millisecond, Denies: []Entry{rotatedEntry(token, "access")},
			})
			require.NoError(t, err)
			access := token
			access.ID = "access"
			// A store that has run no script has to ask.
			cold, _ := storeOn(t, s, RedisOptions{Prefix: s.Prefix(), Now: opts.Now})
			cold.keys = r.keys
			for which, store := range map[string]*Redis{"the exchanging store": r, "a cold store": cold} {
				err := store.Check(ctx, access)
				if now, nowErr := r.Now(ctx); nowErr == nil && now.Before(spent.At.Add(600*time.Millisecond)) {
					assert.NoError(t, err, "%s, in the overlap", which)
				}
			}
			require.NoError(t, eventually(t, func() error {
				if now, err := r.Now(ctx); err != nil || !now.After(spent.At.Add(700*time.Millisecond)) {
					return errors.New("still in the overlap")
				}
				return nil
			}))
			assert.ErrorIs(t, r.Check(ctx, access), ErrRevoked)
			assert.ErrorIs(t, cold.Check(ctx, access), ErrRevoked)
		})
	}
}
