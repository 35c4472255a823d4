package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// ofMirror are the scenarios whose answers must be the mirror's.
func ofMirror() []string { return []string{"check-mirror", "verify-mirror", "verify-cached"} }

// What is measured is the mirror: it has answered, and not Redis.
func TestMirrorAnswers(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, ofMirror(), small(server, server.Prefix()))
	for _, c := range s.Contenders() {
		before := s.mirrored.Stats()
		require.Empty(t, exercise(t, c, 4, 500), c.Name)
		after := s.mirrored.Stats()
		assert.EqualValues(t, 2000, after.Answered-before.Answered+after.Asked-before.Asked, c.Name)
		assert.Greater(t, after.Answered, before.Answered, c.Name)
	}
}

// Where the mirror cannot tell, Redis can: that is no error of the denylist, and
// no figure of the mirror's either.
func TestMirrorThatCannotTellIsCounted(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, ofMirror(), small(server, server.Prefix()))
	for _, c := range s.closers { // the mirror ends
		require.NoError(t, c())
	}
	for _, c := range s.Contenders() {
		do, err := c.Scenario.Operation(0, 1)
		require.NoError(t, err)
		for range 100 { // about revoked tokens too
			require.Equal(t, classAsked, classOf(do(t.Context())), c.Name)
		}
	}
	m, revoked := s.mirrored, s.population.tokens[s.population.revoked[0]].known
	assert.Equal(t, bench.WrongAnswer, classOf(m.judge(m.Check(t.Context(), revoked), false)))
}

func TestMirrorWithoutItsRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	k := small(server, server.Prefix())
	k.Redis.CheckTimeout = time.Second
	s, err := Open(t.Context(), ofMirror(), k, nil)
	require.NoError(t, err)
	server.Kill()
	for _, c := range s.Contenders() {
		do, err := c.Scenario.Operation(0, 1)
		require.NoError(t, err)
		for class := ""; class != classUnavailable; { // until the mirror is too old
			if err := do(t.Context()); err != nil {
				class = classOf(err)
				require.Contains(t, []string{classUnavailable, classAsked}, class, err)
			}
		}
	}
	server.Restart()
	require.NoError(t, s.Close())
}

// Tokens that a cache holds are good for as long as nobody revokes them: with
// all of them turned round in Redis, every answer is not what the run expects.
func TestVerifyCached_WrongAnswersAreSeen(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, []string{"verify-cached"}, small(server, server.Prefix()))
	p, ctx := s.population, t.Context()
	for _, n := range p.revoked {
		_, err := s.redis.filler.Reinstate(ctx, denylist.ScopeToken, issuer, p.tokens[n].known.ID)
		require.NoError(t, err)
	}
	require.NoError(t, s.mirrored.until(ctx, p, false))
	for _, n := range p.living {
		_, err := s.redis.filler.Revoke(ctx, denylist.TokenEntry(issuer, p.tokens[n].known.ID, p.expiresAt))
		require.NoError(t, err)
	}
	require.NoError(t, s.mirrored.until(ctx, &population{tokens: p.tokens, revoked: p.living}, true))
	seen := 0
	for class, times := range exercise(t, s.Contenders()[0], 2, 100) {
		assert.True(t, strings.HasPrefix(class, bench.WrongAnswer), class)
		seen += times
	}
	assert.Equal(t, 200, seen)
}

// A mirror is loaded before others write, and learns of what they write later.
func TestMirrorBesideWriters(t *testing.T) {
	t.Parallel()
	server := redistest.Shared(t)
	s := openStand(t, append(ofMirror(), "revoke", "rotate"), small(server, server.Prefix()))
	for _, c := range append(s.Contenders(), s.Contenders()...) {
		assert.Empty(t, exercise(t, c, 4, 50), c.Name)
	}
}

// The mirror ends before what it mirrors is removed, and leaves no goroutine.
func TestMirrorEndsWithTheStand(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s, err := Open(t.Context(), ofMirror(), small(server, "bench"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	<-s.mirrored.ended
	assert.Equal(t, denylist.MirrorIdle, s.mirrored.State())
	assert.Empty(t, allKeys(t, server.Client()))
}
