package scenario

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
)

// It takes as long as a mirror of the fleet may lag, and the token is denied.
func TestRevokeBarrier(t *testing.T) {
	t.Parallel()
	s := openStand(t, []string{"revoke-barrier"}, small(redistest.Shared(t), redistest.NextPrefix()))
	b := s.Contenders()[0].Scenario.(*barrier)
	assert.Equal(t, time.Second, b.wait, "what the fleet has on record")
	do, err := b.Operation(0, 1)
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, do(t.Context()))
	assert.GreaterOrEqual(t, time.Since(began), b.wait)

	revoked := (&freshIDs{from: stream(s.population.seed, "revoke-barrier", 0)}).next()
	known := denylist.Token{Issuer: issuer, ID: revoked, Login: began, ExpiresAt: s.population.expiresAt}
	assert.ErrorIs(t, s.redis.store.Check(t.Context(), known), denylist.ErrRevoked)
}

// opens is a barrier that opens at once, whatever it is asked.
type opens struct{ err error }

func (o opens) Barrier(context.Context) error { return o.err }

// A barrier that opens too early is a wrong answer, one that cannot tell is not.
func TestRevokeBarrier_Judges(t *testing.T) {
	t.Parallel()
	b := &barrier{wait: time.Second}
	assert.Equal(t, bench.WrongAnswer, class(b.stand(t.Context(), opens{})))
	unknown := errors.Join(denylist.ErrUnknown, denylist.ErrUnavailable)
	assert.Equal(t, classUnavailable, class(b.stand(t.Context(), opens{unknown})))
	b.wait = 0
	assert.NoError(t, b.stand(t.Context(), opens{}))
}

func TestJudgeReceipt(t *testing.T) {
	t.Parallel()
	good := denylist.Result{Entry: denylist.TokenEntry(issuer, "a", time.Now()), Outcome: denylist.Recorded}
	good.Entry.Revoked = new(denylist.Revoked)
	merged, another, rotated := good, good, good
	merged.Outcome, another.Entry.ID, rotated.Entry.Revoked = denylist.Merged, "b", nil
	assert.NoError(t, judgeReceipt(denylist.Receipt{Results: []denylist.Result{good}}, "a"))
	for name, results := range map[string][]denylist.Result{
		"none": nil, "two": {good, good}, "merged": {merged}, "another's": {another}, "rotated": {rotated},
	} {
		assert.Equal(t, bench.WrongAnswer, class(judgeReceipt(denylist.Receipt{Results: results}, "a")), name)
	}
}

// What checks a denylist says what it guarantees, in words that tables can cut.
func TestGuarantees(t *testing.T) {
	t.Parallel()
	silent := []string{"signature", "crypto", "hash", httpVerifyName, "introspect"} // which check none, or somebody else's
	for _, k := range catalog() {
		all := []string{k.guarantee}
		if len(k.each) > 0 {
			all = nil
		}
		for _, of := range k.each {
			all = append(all, of.guarantee)
		}
		for _, text := range all {
			word, rest, _ := strings.Cut(text, ": ")
			if text == "" {
				assert.Contains(t, silent, k.name)
				continue
			}
			assert.Contains(t, []string{"strict", "bounded", "best effort", "none"}, word, k.name)
			assert.NotEmpty(t, rest, k.name)
		}
	}
}
