package denylist_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// contents are all keys of a server with their values and expiries.
func contents(t *testing.T, c *redis.Client) map[string]string {
	t.Helper()
	keys, err := c.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	all := map[string]string{}
	for _, key := range keys {
		value, err := c.Dump(t.Context(), key).Result()
		require.NoError(t, err)
		all[key] = value + c.PExpireTime(t.Context(), key).String()
	}
	return all
}

// fresh is the first token of a session, and the exchange that denies the
// access token of its pair.
func fresh(session string) (denylist.Token, denylist.Successor, denylist.Exchange) {
	now := time.Now().Truncate(time.Millisecond)
	t := denylist.Token{
		Issuer: issuer, ID: session + "/0", Session: session, Subject: "u", Login: now, ExpiresAt: now.Add(time.Hour),
	}
	how := denylist.Exchange{Window: time.Hour, Denies: []denylist.Entry{
		{Scope: denylist.ScopeToken, Issuer: issuer, ID: session + "/0 access", Until: t.ExpiresAt, Rotated: &denylist.Rotated{}},
	}}
	return t, denylist.Successor{ID: session + "/1", ExpiresAt: t.ExpiresAt}, how
}

// TestRedis_DamagedMeta: a write that could not count itself writes nothing at
// all, and says so. A script does not roll back.
func TestRedis_DamagedMeta(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"seq", "spends", "t", "s"} {
		for _, value := range []string{"", "x", "1.5", "9223372036854775807", "absent"} {
			if value == "absent" && len(field) == 1 {
				continue // what counts a scope begins by itself
			}
			t.Run(field+"="+value, func(t *testing.T) {
				t.Parallel()
				ctx, s := t.Context(), redistest.Start(t)
				r, c := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()}), s.Client()
				session := denylist.SessionEntry(issuer, "s", time.Time{})
				_, err := r.Revoke(ctx, session)
				require.NoError(t, err)
				meta := s.Prefix() + ":{0}:meta"
				require.NoError(t, c.HSet(ctx, meta, field, value).Err())
				if value == "absent" {
					require.NoError(t, c.HDel(ctx, meta, field).Err())
				}
				before := contents(t, c)

				token, next, how := fresh("other")
				_, revoke := r.Revoke(ctx, denylist.TokenEntry(issuer, "t", time.Time{}), session)
				_, spend := r.Spend(ctx, token, next, how)
				_, reinstate := r.Reinstate(ctx, denylist.ScopeSession, issuer, "s")
				for doing, err := range map[string]error{"Revoke": revoke, "Spend": spend, "Reinstate": reinstate} {
					assert.ErrorIs(t, err, denylist.ErrUnavailable, doing)
					assert.NotErrorIs(t, err, denylist.ErrUnknown, doing)
				}
				assert.Equal(t, before, contents(t, c), "nothing was written")
			})
		}
	}
}

// TestRedis_DamagedEntry: a script is as strict as a check about what an entry
// is. To merge into one that it misreads could weaken it.
func TestRedis_DamagedEntry(t *testing.T) {
	t.Parallel()
	const far = "253402300799999"
	for scope, values := range map[denylist.Scope][]string{
		denylist.ScopeToken: {
			"1 " + far + " 1 1 - - ISSUER ID -",
			"1 " + far + " - - 1 - ISSUER ID -",
			"1 " + far + " 1 - - 1 ISSUER ID -",
			"1 " + far + " 1 - - - ISSUER another -",
			"1 " + far + " 1 - - - another ID -",
			"1 9" + far + " 1 - - - ISSUER ID -",
		},
		denylist.ScopeSubject: {
			"1 " + far + " 1 - - - ISSUER ID -",
			"1 " + far + " - 1 1 1 ISSUER ID -",
			"1 " + far + " - - 1 1 ISSUER ID -",
		},
	} {
		for _, value := range values {
			t.Run(fmt.Sprint(scope, " ", value), func(t *testing.T) {
				t.Parallel()
				ctx, s := t.Context(), redistest.Start(t)
				r, c := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()}), s.Client()
				e := denylist.Entry{Scope: scope, Issuer: issuer, ID: "id", Revoked: &denylist.Revoked{}}
				_, err := r.Revoke(ctx, e)
				require.NoError(t, err)
				keys := c.Keys(ctx, fmt.Sprintf("%s:{0}:[tu]:*", s.Prefix())).Val()
				require.Len(t, keys, 1)
				value := strings.NewReplacer("ISSUER", issuer, "ID", "id").Replace(value)
				require.NoError(t, c.Set(ctx, keys[0], value, 0).Err())
				before := contents(t, c)

				_, err = r.Revoke(ctx, e)
				assert.ErrorIs(t, err, denylist.ErrUnavailable)
				assert.NotErrorIs(t, err, denylist.ErrUnknown)
				token := denylist.Token{Issuer: issuer, ID: "id", Session: "s", Subject: "id", ExpiresAt: time.Now().Add(time.Hour)}
				err = r.Check(ctx, token)
				assert.ErrorIs(t, err, denylist.ErrUnavailable)
				assert.NotErrorIs(t, err, denylist.ErrRevoked)
				assert.Equal(t, before, contents(t, c), "nothing was written over it")
			})
		}
	}
}

// TestRedis_DamagedChain: a chain that nobody can have written accuses nobody
// of a replay, which would end the session.
func TestRedis_DamagedChain(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), redistest.Start(t)
	r, c := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()}), s.Client()
	token, next, how := fresh("s")
	_, err := r.Spend(ctx, token, next, how)
	require.NoError(t, err)
	keys := c.Keys(ctx, s.Prefix()+":{0}:c:*").Val()
	require.Len(t, keys, 1)
	whole := strings.Split(c.Get(ctx, keys[0]).Val(), " ")
	for i, words := range [][]string{
		0: {"2", ""}, 1: {"-1", "x", "1e3", "99999999999999999999"}, 2: {"-", "1.5", "9999999999999999"},
		5: {"-", "x"}, 6: {"-", "99999999999999999"}, 8: {"- -"},
	} {
		for _, word := range words {
			f := append([]string{}, whole...)
			f[i] = word
			value := strings.Join(f, " ")
			require.NoError(t, c.Set(ctx, keys[0], value, 0).Err())
			_, err := r.Spend(ctx, token, denylist.Successor{ID: "x", ExpiresAt: next.ExpiresAt}, how)
			assert.ErrorIs(t, err, denylist.ErrUnavailable, "Spend over %q", value)
			assert.NotErrorIs(t, err, denylist.ErrReused, "Spend over %q", value)
			err = r.Spendable(ctx, token)
			assert.ErrorIs(t, err, denylist.ErrUnavailable, "Spendable over %q", value)
			assert.Equal(t, value, c.Get(ctx, keys[0]).Val())
		}
	}
}

// TestRedis_ForbiddenCommand: a write that Redis let begin and not end is made
// good by its repetition, log and index included. Scripts do not roll back.
func TestRedis_ForbiddenCommand(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"xadd", "zadd", "hincrby", "hset", "set"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			ctx, s := t.Context(), redistest.Start(t)
			admin := s.Client()
			allow := func(rule string) {
				require.NoError(t, admin.Do(ctx, "ACL", "SETUSER", "limited", "on", "nopass", "~*", rule).Err())
			}
			allow("+@all")
			allow("-" + command)
			o := s.Options()
			o.Username, o.Password = "limited", "any"
			client := redis.NewClient(o)
			t.Cleanup(func() { _ = client.Close() })
			r := newRedis(t, client, denylist.RedisOptions{Prefix: s.Prefix()})
			token, next, how := fresh("s")
			session := denylist.SessionEntry(issuer, "other", token.ExpiresAt)
			_, err := r.Revoke(ctx, session)
			assert.ErrorIs(t, err, denylist.ErrUnknown)
			_, err = r.Spend(ctx, token, next, how)
			assert.ErrorIs(t, err, denylist.ErrUnknown)

			allow("+" + command)
			receipt, err := r.Revoke(ctx, session)
			require.NoError(t, err)
			assert.Equal(t, denylist.Recorded, receipt.Results[0].Outcome)
			_, err = r.Spend(ctx, token, next, how)
			require.NoError(t, err)
			head := s.Prefix() + ":{0}:"
			indexIsWhole(t, admin, head)
			logged := map[any]bool{}
			for _, change := range admin.XRange(ctx, head+"log", "-", "+").Val() {
				logged[change.Values["m"]] = true
			}
			for _, member := range admin.ZRange(ctx, head+"index", 0, -1).Val() {
				assert.True(t, logged[member], "%s is in the log", member)
			}
			assert.Len(t, logged, 2)
			counts, err := r.Counts(ctx)
			require.NoError(t, err)
			assert.EqualValues(t, 2, counts.Total())
		})
	}
}

// TestRedis_EpochIsNew: a denylist that was lost and begun again shows it,
// even where the same process began both.
func TestRedis_EpochIsNew(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), redistest.Start(t)
	r := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix()})
	epoch := func() string {
		_, err := r.Revoke(ctx, denylist.SessionEntry(issuer, "s", time.Time{}))
		require.NoError(t, err)
		found, err := r.Inspect(ctx)
		require.NoError(t, err)
		return found.Epoch
	}
	first := epoch()
	assert.NotEmpty(t, first)
	assert.Equal(t, first, epoch(), "the same denylist")
	require.NoError(t, s.Client().FlushAll(ctx).Err())
	assert.NotEqual(t, first, epoch(), "another denylist")
}

// TestR14_ADenialIsReadBeforeSilence: Redis answers what it has on record, and
// then never says whether it would accept a write.
func TestR14_ADenialIsReadBeforeSilence(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), redistest.Start(t)
	r := newRedis(t, open(t, s.URL()), denylist.RedisOptions{Prefix: s.Prefix(), CheckTimeout: 300 * time.Millisecond})
	dead, _, _ := fresh("dead")
	live, _, _ := fresh("live")
	_, err := r.Revoke(ctx, denylist.SessionEntry(issuer, dead.Session, dead.ExpiresAt))
	require.NoError(t, err)
	require.NoError(t, s.Client().Do(ctx, "CLIENT", "PAUSE", "60000", "WRITE").Err())
	err = r.Check(ctx, live)
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
	assert.NotErrorIs(t, err, denylist.ErrRevoked)
	assert.ErrorIs(t, r.Check(ctx, dead), denylist.ErrRevoked)
}
