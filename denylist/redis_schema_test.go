package denylist

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

const testIssuer = "https://issuer.example"

// patient are deadlines that a loaded machine keeps.
func patient(opts RedisOptions) RedisOptions {
	opts.CheckTimeout, opts.WriteTimeout = 10*time.Second, 10*time.Second
	return opts
}

// storeOn returns a store as a program has it, and a client to look behind it.
func storeOn(t testing.TB, s *redistest.Server, opts RedisOptions) (*Redis, *redis.Client) {
	t.Helper()
	client, err := OpenURL(s.URL(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	if opts.Prefix == "" {
		opts.Prefix = s.Prefix()
	}
	if opts.CheckTimeout == 0 {
		opts = patient(opts)
	}
	r, err := NewRedis(client, opts)
	require.NoError(t, err)
	return r, s.Client()
}

func sharedStore(t testing.TB, opts RedisOptions) (*Redis, *redis.Client) {
	t.Helper()
	return storeOn(t, redistest.Shared(t), opts)
}

// tokenOf is the first token of a session that began a second ago.
func tokenOf(session string) Token {
	now := time.Now().Truncate(time.Millisecond)
	return Token{Issuer: testIssuer, ID: session + "/0", Session: session, Subject: session + "'s",
		Login: now.Add(-time.Second), ExpiresAt: now.Add(time.Hour)}
}

func successorOf(t Token) Successor {
	return Successor{ID: t.Session + "/1", IssuedAt: time.Now(), ExpiresAt: t.ExpiresAt.Add(time.Hour), Note: "a b"}
}

func rotatedEntry(t Token, id string) Entry {
	return Entry{Scope: ScopeToken, Issuer: t.Issuer, ID: id, Until: t.ExpiresAt, Rotated: &Rotated{}}
}

// TestRedis_Schema looks at every key that a revocation and an exchange leave.
func TestRedis_Schema(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{MaxStaleness: 3 * time.Second})
	token := tokenOf("s")
	receipt, err := r.Revoke(ctx, TokenEntry(testIssuer, "a b", token.ExpiresAt).WithReason("100 %"))
	require.NoError(t, err)
	spent, err := r.Spend(ctx, token, successorOf(token), Exchange{
		Overlap: 5 * time.Second, Denies: []Entry{rotatedEntry(token, "access")},
	})
	require.NoError(t, err)

	head := c.Keys(ctx, r.keys.heads[0]+"*").Val()
	assert.ElementsMatch(t, []string{
		r.keys.heads[0] + "t:" + digest(testIssuer, "a b"), r.keys.heads[0] + "t:" + digest(testIssuer, "access"),
		r.keys.heads[0] + "c:" + digest(testIssuer, "s"),
		r.keys.index(0), r.keys.log(0), r.keys.meta(0),
	}, head)

	revoked, rotated := r.keys.entry(ScopeToken, testIssuer, "a b"), r.keys.entry(ScopeToken, testIssuer, "access")
	at, expires := receipt.At.UnixMilli(), token.ExpiresAt.Add(MaxLeeway+time.Minute).UnixMilli()
	assert.Equal(t, fmt.Sprintf("1 %d %d - - - %s a%%20b 100%%20%%25", expires, at, testIssuer), c.Get(ctx, revoked.key).Val())
	assert.Equal(t, fmt.Sprintf("1 %d - - %d %d %s access -", expires, spent.At.UnixMilli(), spent.At.UnixMilli()+5000, testIssuer),
		c.Get(ctx, rotated.key).Val())
	chain, _ := r.keys.chain(testIssuer, "s")
	next := spent.Successor
	assert.Equal(t, fmt.Sprintf("1 0 %d s/0 s/1 %d %d - a%%20b", spent.At.UnixMilli(), next.IssuedAt.UnixMilli(), next.ExpiresAt.UnixMilli()),
		c.Get(ctx, chain).Val())
	for _, key := range []string{revoked.key, rotated.key, chain} {
		assert.Equal(t, expires, c.PExpireTime(ctx, key).Val().Milliseconds(), "PEXPIRETIME %s", key)
	}

	assert.Equal(t, []redis.Z{
		{Member: min(revoked.member(), rotated.member()), Score: float64(expires)},
		{Member: max(revoked.member(), rotated.member()), Score: float64(expires)},
	}, c.ZRangeWithScores(ctx, r.keys.index(0), 0, -1).Val(), "the index has entries and no chains")

	log := c.XRange(ctx, r.keys.log(0), "-", "+").Val()
	require.Len(t, log, 2, "the log has entries and no chains")
	assert.Equal(t, map[string]any{"n": "1", "m": revoked.member(), "r": "+", "e": "-", "x": strconv.FormatInt(expires, 10)}, log[0].Values)
	assert.Equal(t, map[string]any{"n": "2", "m": rotated.member(), "r": "-", "e": strconv.FormatInt(spent.At.UnixMilli()+5000, 10),
		"x": strconv.FormatInt(expires, 10)}, log[1].Values)

	meta := c.HGetAll(ctx, r.keys.meta(0)).Val()
	assert.Len(t, meta["epoch"], 26)
	delete(meta, "epoch")
	assert.Equal(t, map[string]string{"schema": "1", "seq": "2", "spends": "1", "partitions": "1", "max_leeway": "120000",
		"skew_margin": "60000", "max_staleness": "3000", "t": "2"}, meta)
}

// TestR10_Log: each change is one record that says how the entry stands; what
// changes nothing leaves none.
func TestR10_Log(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	token := tokenOf("s")
	write := func(e Entry) int64 {
		receipt, err := r.Revoke(ctx, e)
		require.NoError(t, err)
		return receipt.At.UnixMilli()
	}
	cutoff := write(SubjectEntry(testIssuer, "u", time.Time{}))
	write(SubjectEntry(testIssuer, "u", token.Login)) // earlier: changes nothing but, perhaps, the expiry
	write(TokenEntry(testIssuer, "j", token.ExpiresAt))
	write(TokenEntry(testIssuer, "j", token.ExpiresAt)) // unchanged
	write(TokenEntry(testIssuer, "old", time.Now().Add(-time.Hour)))
	_, err := r.Reinstate(ctx, ScopeToken, testIssuer, "j")
	require.NoError(t, err)

	var got []string
	for _, m := range c.XRange(ctx, r.keys.log(0), "-", "+").Val() {
		got = append(got, fmt.Sprint(m.Values["n"], " ", m.Values["m"].(string)[:1], " ", m.Values["r"], " ", m.Values["e"]))
	}
	want := []string{fmt.Sprintf("1 u %d -", cutoff), "2 t + -", "3 t ! -"}
	if len(got) == 4 { // the second cutoff was written a millisecond later, and lives so much longer
		want = []string{want[0], fmt.Sprintf("2 u %d -", cutoff), "3 t + -", "4 t ! -"}
	}
	assert.Equal(t, want, got)
}

// TestRedis_LogIsTrimmed: a write forgets what is older than ten minutes.
func TestRedis_LogIsTrimmed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	now := time.Now().UnixMilli()
	const old, recent = 1000, 50
	pipe := c.Pipeline()
	for i := range old + recent {
		age := int64(601_000)
		if i >= old {
			age = 590_000
		}
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: r.keys.log(0), ID: fmt.Sprintf("%d-%d", now-age, i), Values: []string{"n", "0"}})
	}
	_, err := pipe.Exec(ctx)
	require.NoError(t, err)
	_, err = r.Revoke(ctx, TokenEntry(testIssuer, "j", time.Time{}))
	require.NoError(t, err)
	left := c.XLen(ctx, r.keys.log(0)).Val()
	assert.GreaterOrEqual(t, left, int64(recent+1), "what is not older is kept")
	assert.Less(t, left, int64(recent+1+2*100), "what is older is forgotten, by whole nodes of the stream")
}

// TestRedis_PruneIsBounded: a write forgets 128 expired members of the index,
// and counts are exact whatever is left of them.
func TestRedis_PruneIsBounded(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	_, err := r.Revoke(ctx, SessionEntry(testIssuer, "first", time.Time{}))
	require.NoError(t, err)
	const expired = 1500
	var dead []redis.Z
	for i := range expired {
		dead = append(dead, redis.Z{Score: float64(1 + i), Member: "t:" + digest(testIssuer, strconv.Itoa(i))})
	}
	require.NoError(t, c.ZAdd(ctx, r.keys.index(0), dead...).Err())
	require.NoError(t, c.HIncrBy(ctx, r.keys.meta(0), "t", expired).Err())

	for i := range 2 {
		_, err = r.Revoke(ctx, TokenEntry(testIssuer, "j"+strconv.Itoa(i), time.Time{}))
		require.NoError(t, err)
		assert.EqualValues(t, 1+expired-(1+i)*(pruneBatch-1), c.ZCard(ctx, r.keys.index(0)).Val(), "after write %d", 1+i)
	}
	counts, err := r.Counts(ctx)
	require.NoError(t, err)
	assert.Equal(t, Counts{Token: 2, Session: 1}, counts)
	assert.EqualValues(t, 3, c.ZCard(ctx, r.keys.index(0)).Val())
}

// TestRedis_FarInstants: Lua's own numbers would lose the last digits of a far
// instant, and an absurd one would wrap (EDGES: 2.534023008e+14).
func TestRedis_FarInstants(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	for name, until := range map[string]time.Time{
		"the last instant": time.UnixMilli(253402300799999),
		"absurd":           time.Unix(18446744073709552, 0),
		"far":              time.UnixMilli(253402300000001),
	} {
		_, err := r.Revoke(ctx, TokenEntry(testIssuer, name, until))
		require.NoError(t, err, name)
		at := r.keys.entry(ScopeToken, testIssuer, name)
		want := min(millis(until)+180_000, maxMillis)
		assert.True(t, strings.HasPrefix(c.Get(ctx, at.key).Val(), fmt.Sprintf("1 %d ", want)), "%s: %s", name, c.Get(ctx, at.key).Val())
		assert.Equal(t, want, c.Do(ctx, "PEXPIRETIME", at.key).Val(), name)
		assert.EqualValues(t, want, c.ZScore(ctx, r.keys.index(0), at.member()).Val(), name)
		assert.ErrorIs(t, r.Check(ctx, Token{Issuer: testIssuer, ID: name}), ErrRevoked, name)
	}
	token := tokenOf("far")
	token.ExpiresAt = time.Unix(18446744073709552, 0)
	s := successorOf(token)
	spent, err := r.Spend(ctx, token, s, Exchange{Window: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, maxMillis, millis(spent.Successor.ExpiresAt))
}

// TestR7_NobodyWinsAfterExp: SET with an expiry that has passed answers OK and
// keeps nothing, so that at a token's last instant two exchanges would both
// win. The script asks Redis's clock.
func TestR7_NobodyWinsAfterExp(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	for _, ago := range []time.Duration{0, time.Millisecond, time.Hour, 10 * time.Minute} {
		now, err := r.Now(ctx)
		require.NoError(t, err)
		token := tokenOf("s" + ago.String())
		token.ExpiresAt = now.Add(-ago)
		for range 2 {
			_, err = r.Spend(ctx, token, successorOf(token), Exchange{})
			assert.ErrorIs(t, err, ErrExpired, "%v after exp", ago)
		}
		chain, _ := r.keys.chain(testIssuer, token.Session)
		assert.Zero(t, c.Exists(ctx, chain).Val())
	}
	assert.Zero(t, c.Exists(ctx, r.keys.meta(0)).Val(), "a refusal writes nothing")
}

// TestRedis_ForeignValues: what is not ours denies nobody and passes nobody,
// and nothing is written over it.
func TestRedis_ForeignValues(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	token := tokenOf("s")
	at := r.keys.entry(ScopeSession, testIssuer, "s")
	_, err := r.Revoke(ctx, SessionEntry(testIssuer, "other", token.ExpiresAt))
	require.NoError(t, err)
	others := c.Get(ctx, r.keys.entry(ScopeSession, testIssuer, "other").key).Val()
	for _, value := range []string{
		"", "1", "revoked", "2 253402300799999 1 - - - i s -", "1 x 1 - - - i s -", "1 253402300799999 - - - - i s -",
		"1 253402300799999 1e9 - - - i s -", others,
	} {
		require.NoError(t, c.Set(ctx, at.key, value, 0).Err())
		err := r.Check(ctx, token)
		assert.ErrorIs(t, err, ErrUnavailable, "Check over %q", value)
		assert.NotErrorIs(t, err, ErrRevoked, "Check over %q", value)
		_, err = r.Get(ctx, ScopeSession, testIssuer, "s")
		assert.ErrorIs(t, err, ErrUnavailable, "Get of %q", value)
		if value == others {
			continue // scripts compare no ids
		}
		for doing, write := range r.writes(token) {
			err := write(ctx)
			assert.ErrorIs(t, err, ErrUnavailable, "%s over %q", doing, value)
			assert.NotErrorIs(t, err, ErrUnknown, "%s over %q", doing, value)
			assert.Equal(t, value, c.Get(ctx, at.key).Val(), doing)
		}
	}
	require.NoError(t, c.Del(ctx, at.key).Err())
	assert.NoError(t, r.Check(ctx, token))
}

// writes are all that a store writes about a token's session.
func (r *Redis) writes(t Token) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Revoke": func(ctx context.Context) error {
			_, err := r.Revoke(ctx, SessionEntry(t.Issuer, t.Session, t.ExpiresAt))
			return err
		},
		"Spend": func(ctx context.Context) error {
			_, err := r.Spend(ctx, t, successorOf(t), Exchange{})
			return err
		},
		"Reinstate": func(ctx context.Context) error {
			_, err := r.Reinstate(ctx, ScopeSession, t.Issuer, t.Session)
			return err
		},
	}
}

// TestRedis_WrongTypes: a key of another type fails a write before its first
// command that writes.
func TestRedis_WrongTypes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, of := range []func(*Redis) string{
		func(r *Redis) string { return r.keys.index(0) },
		func(r *Redis) string { return r.keys.log(0) },
		func(r *Redis) string { return r.keys.meta(0) },
		func(r *Redis) string { return r.keys.entry(ScopeSession, testIssuer, "s").key },
	} {
		r, c := sharedStore(t, RedisOptions{})
		require.NoError(t, c.LPush(ctx, of(r), "x").Err())
		for doing, write := range r.writes(tokenOf("s")) {
			err := write(ctx)
			assert.ErrorIs(t, err, ErrUnavailable, "%s over %s", doing, of(r))
			assert.NotErrorIs(t, err, ErrUnknown, "%s over %s", doing, of(r))
		}
		assert.Equal(t, []string{of(r)}, c.Keys(ctx, r.keys.heads[0]+"*").Val(), "nothing was written")
	}
}

// TestR19_NothingSecretInRedis dumps every key and value.
func TestR19_NothingSecretInRedis(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, c := sharedStore(t, RedisOptions{})
	token := tokenOf("s")
	s := successorOf(token)
	s.Key = "the-client's-idempotency-key"
	_, err := r.Spend(ctx, token, s, Exchange{Denies: []Entry{rotatedEntry(token, "access")}})
	require.NoError(t, err)
	_, err = r.Revoke(ctx, SubjectEntry(testIssuer, "somebody@example.com", time.Time{}))
	require.NoError(t, err)

	var dump strings.Builder
	for _, key := range c.Keys(ctx, r.keys.heads[0]+"*").Val() {
		assert.NotContains(t, key, "somebody", "no personal data in the names of keys")
		fmt.Fprintln(&dump, key, c.Dump(ctx, key).Val(), c.Get(ctx, key).Val())
	}
	assert.NotContains(t, dump.String(), s.Key)
	chain, _ := r.keys.chain(testIssuer, "s")
	assert.Contains(t, c.Get(ctx, chain).Val(), keyDigest(testIssuer, s.Key))
}

// TestRedis_OtherSettings: a write by a store of other settings is refused.
func TestRedis_OtherSettings(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Shared(t)
	first, c := storeOn(t, s, RedisOptions{})
	_, err := first.Revoke(ctx, SessionEntry(testIssuer, "s", time.Time{}))
	require.NoError(t, err)

	other, _ := storeOn(t, s, RedisOptions{Partitions: 16})
	token := Token{Issuer: testIssuer, ID: "j", Session: "s", ExpiresAt: time.Now().Add(time.Hour)}
	for token.Session = "0"; other.keys.entry(ScopeSession, testIssuer, token.Session).partition != 0; token.Session += "0" {
	}
	refused := func(r *Redis) {
		t.Helper()
		for doing, write := range r.writes(token) {
			err := write(ctx)
			assert.ErrorIs(t, err, ErrUnfit, doing)
			assert.ErrorIs(t, err, ErrUnavailable, doing)
			assert.NotErrorIs(t, err, ErrUnknown, doing)
		}
		_, err := r.Inspect(ctx)
		assert.ErrorIs(t, err, ErrUnfit)
	}
	refused(other)
	require.NoError(t, c.HSet(ctx, first.keys.meta(0), "schema", "2").Err())
	refused(first)
}

// TestB12_Memory: what a revoked token, a session and a change cost in Redis.
func TestB12_Memory(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Start(t)
	r, c := storeOn(t, s, RedisOptions{Prefix: "rescind"})
	usage := func(key string) float64 {
		n, err := c.MemoryUsage(ctx, key, 0).Result()
		require.NoError(t, err)
		return float64(n)
	}
	const n = 5000
	uuid := func(i int) string { return fmt.Sprintf("7f0c5b1e-95cf-4e0b-8a3b-%012d", i) }
	token := tokenOf("0b7a3f52-1c9e-4b43-9f2a-6f1f0f9f7b10")
	var index, log float64
	for i := range n {
		_, err := r.Revoke(ctx, TokenEntry("https://auth.example.com", uuid(i), token.ExpiresAt).WithReason("logout"))
		require.NoError(t, err)
		if i == n/5-1 {
			index, log = usage(r.keys.index(0)), usage(r.keys.log(0))
		}
	}
	grown := func(key string, before float64) float64 { return (usage(key) - before) / (n - n/5) }
	entry := usage(r.keys.entry(ScopeToken, "https://auth.example.com", uuid(1)).key) + grown(r.keys.index(0), index)
	assert.LessOrEqual(t, entry, 348.0, "an entry and its index member")
	change := grown(r.keys.log(0), log)
	assert.LessOrEqual(t, change, 65.0, "a log record")

	token.ID = uuid(0)
	next := successorOf(token)
	next.ID, next.Note = uuid(1), "read write|1795358567|1"
	_, err := r.Spend(ctx, token, next, Exchange{})
	require.NoError(t, err)
	chain, _ := r.keys.chain(testIssuer, token.Session)
	assert.LessOrEqual(t, usage(chain), 261.0, "a chain")
	t.Logf("bytes: entry and index member %.0f, log record %.0f, chain %.0f", entry, change, usage(chain))
}
