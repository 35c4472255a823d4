package denylist

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// TestKeys_Partition: a partition is the high four bits of the digest's first
// byte, and all ways to an entry's key agree.
func TestKeys_Partition(t *testing.T) {
	t.Parallel()
	one, err := newKeys("", 1)
	require.NoError(t, err)
	sixteen, err := newKeys("p", 16)
	require.NoError(t, err)
	hit := map[int]bool{}
	for i := range 200 {
		id := fmt.Sprint(i)
		issuer := sha256.Sum256([]byte(testIssuer))
		sum := sha256.Sum256(append(issuer[:], id...))
		want := int(sum[0] >> 4)
		hit[want] = true
		at := sixteen.entry(ScopeSession, testIssuer, id)
		assert.Equal(t, want, at.partition, "of session %s", id)
		assert.Equal(t, fmt.Sprintf("p:{%d}:s:%s", want, digest(testIssuer, id)), at.key)
		assert.Equal(t, member(ScopeSession, testIssuer, id), at.member())
		_, chain := sixteen.chain(testIssuer, id)
		assert.Equal(t, want, chain, "a chain is where its session's entry is")
		assert.Zero(t, one.entry(ScopeSession, testIssuer, id).partition)
	}
	assert.Len(t, hit, 16)

	for _, k := range []keys{one, sixteen} {
		full := tokenOf("s")
		assert.Equal(t, []place{
			k.entry(ScopeToken, testIssuer, full.ID), k.entry(ScopeSession, testIssuer, full.Session),
			k.entry(ScopeSubject, testIssuer, full.Subject), k.entry(ScopeIssuer, testIssuer, ""),
		}, k.places(full))
		assert.Equal(t, []place{k.entry(ScopeToken, testIssuer, "j"), k.entry(ScopeIssuer, testIssuer, "")},
			k.places(Token{Issuer: testIssuer, ID: "j"}))
	}
}

// around calls before and after each run of a script; an error of before is
// the script's.
type around struct {
	script        *redis.Script
	before, after func() error
}

func (a around) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a around) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a around) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !a.runs(cmd) {
			return next(ctx, cmd)
		}
		if a.before != nil {
			if err := a.before(); err != nil {
				cmd.SetErr(err)
				return err
			}
		}
		err := next(ctx, cmd)
		if err == nil && a.after != nil {
			err = a.after()
		}
		return err
	}
}

// runs reports whether cmd is EVAL or EVALSHA of the script. The first of the
// two to reach an empty server is EVALSHA, which runs nothing.
func (a around) runs(cmd redis.Cmder) bool {
	if len(cmd.Args()) < 2 {
		return false
	}
	text, _ := cmd.Args()[1].(string)
	return text == a.script.Hash() || redis.NewScript(text).Hash() == a.script.Hash()
}

// apart is a token whose session, own entry and subject are in three
// partitions.
func apart(r *Redis) Token {
	for i := 0; ; i++ {
		t := tokenOf(fmt.Sprint("s", i))
		p := r.keys.places(t)
		if p[0].partition != p[1].partition && p[1].partition != p[2].partition && p[0].partition != p[2].partition {
			return t
		}
	}
}

// TestR8_HalfAnExchangeIsHealed: with 16 partitions the Denies are a step of
// their own. An attempt that fails between the two mints nothing, and its
// retry wins and writes them.
func TestR8_HalfAnExchangeIsHealed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Shared(t)
	r, _ := storeOn(t, s, RedisOptions{Partitions: 16})
	token := apart(r)
	broken := errors.New("the link is cut")
	fails := 1
	r.client.AddHook(around{script: revokeScript, before: func() error {
		if fails--; fails >= 0 {
			return broken
		}
		return nil
	}})
	how := Exchange{Overlap: time.Second, Denies: []Entry{rotatedEntry(token, "access")}}
	next := successorOf(token)
	_, err := r.Spend(ctx, token, next, how)
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorIs(t, err, broken)
	_, err = r.Get(ctx, ScopeToken, testIssuer, "access")
	require.ErrorIs(t, err, ErrNotFound)

	spent, err := r.Spend(ctx, token, next, how)
	require.NoError(t, err)
	assert.False(t, spent.Replayed)
	e, err := r.Get(ctx, ScopeToken, testIssuer, "access")
	require.NoError(t, err)
	assert.Equal(t, &Rotated{At: spent.At, EffectiveFrom: spent.At.Add(time.Second)}, e.Rotated, "as of the spending")
}

// TestR9_RevokedInAnotherPartition: a revocation of the subject, which the
// step that spends cannot see, is asked before and after it.
func TestR9_RevokedInAnotherPartition(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := redistest.Shared(t)
	r, _ := storeOn(t, s, RedisOptions{Partitions: 16})
	elsewhere, c := storeOn(t, s, RedisOptions{Partitions: 16, Prefix: s.Prefix()})
	token := apart(r)
	revoke := func() error {
		_, err := elsewhere.Revoke(ctx, SubjectEntry(testIssuer, token.Subject, time.Time{}))
		return err
	}
	raced := false
	r.client.AddHook(around{script: spendScript, after: func() error {
		if raced {
			return nil
		}
		raced = true
		return revoke()
	}})
	_, err := r.Spend(ctx, token, successorOf(token), Exchange{})
	require.True(t, raced)
	assert.ErrorIs(t, err, ErrRevoked, "revoked after the spending began")

	later := apart(r)
	later.Session, later.ID = token.Session+" later", "later/0"
	later.Subject = token.Subject
	_, err = r.Spend(ctx, later, successorOf(later), Exchange{})
	assert.ErrorIs(t, err, ErrRevoked)
	assert.ErrorIs(t, r.Spendable(ctx, later), ErrRevoked)
	chain, _ := r.keys.chain(testIssuer, later.Session)
	assert.Zero(t, c.Exists(ctx, chain).Val(), "nothing is spent")
}

// TestR6_OneClock16: cutoffs of all partitions are on the clock that logins
// are on.
func TestR6_OneClock16(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, _ := sharedStore(t, RedisOptions{Partitions: 16})
	before, err := r.Now(ctx)
	require.NoError(t, err)
	receipt, err := r.Revoke(ctx, SubjectEntry(testIssuer, "a", time.Time{}), SubjectEntry(testIssuer, "b", time.Time{}),
		SubjectEntry(testIssuer, "c", time.Time{}), IssuerEntry(testIssuer, time.Time{}))
	require.NoError(t, err)
	after, err := r.Now(ctx)
	require.NoError(t, err)
	for _, result := range receipt.Results {
		assert.Equal(t, receipt.At, result.Entry.Revoked.Cutoff)
		assert.Equal(t, receipt.At, result.Entry.Revoked.At)
	}
	assert.False(t, receipt.At.Before(before) || receipt.At.After(after), "%v is between %v and %v", receipt.At, before, after)
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	const ms = int64(time.Millisecond)
	a := newAuthority(2)
	assert.EqualValues(t, 1, a.enter())
	assert.Positive(t, a.now())
	assert.EqualValues(t, 2, a.enter(), "in company")
	assert.True(t, a.due(0, 1*ms), "never proved")
	a.proved(0, 1*ms)
	assert.False(t, a.due(0, 2*ms), "proved a moment ago")
	assert.True(t, a.due(1, 2*ms), "another partition")
	old := 1*ms + int64(proofYoung)
	assert.True(t, a.due(0, old+1), "one renews it early")
	assert.False(t, a.due(0, old+2), "and no other meanwhile")
	assert.True(t, a.due(0, 2*ms+int64(proofLife)), "too old")
	a.proved(0, 3*ms)
	a.proved(0, 2*ms) // a slower reply to an earlier question
	assert.False(t, a.due(0, 3*ms+int64(proofYoung)-1))
	a.doubted(0)
	assert.True(t, a.due(0, 4*ms), "after a failure everybody proves it")
	a.proved(0, 5*ms)
	a.leave()
	assert.True(t, a.due(0, 5*ms), "alone")
	a.leave()
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDeadlines)
}

func testDeadlines(t *testing.T) {
	d := &deadlines{timeout: 50 * time.Millisecond}
	start := time.Now()
	ctx := d.end(1).bound(t.Context())
	at, ok := ctx.Deadline()
	require.True(t, ok)
	assert.Equal(t, start.Add(d.timeout), at)
	assert.NoError(t, ctx.Err())
	<-ctx.Done()
	assert.Equal(t, d.timeout, time.Since(start))
	assert.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)

	sooner, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.Equal(t, sooner, d.end(1+int64(d.timeout)).bound(sooner), "the caller's own deadline is earlier")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, d.end(1+int64(d.timeout)).bound(gone).Err(), context.Canceled)
	assert.NoError(t, d.end(1+2*int64(d.timeout)).bound(t.Context()).Err(), "the next has a deadline of its own")
}
