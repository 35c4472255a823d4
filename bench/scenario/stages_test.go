package scenario

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/internal/redistest"
	"github.com/rescindhq/rescind/verifier"
)

// mixed is a population of the algorithms.
func mixed(t *testing.T, tokens int, algs ...verifier.Algorithm) *population {
	t.Helper()
	knobs := Defaults()
	knobs.Tokens, knobs.Algorithms = tokens, map[verifier.Algorithm]int{}
	for _, alg := range algs {
		knobs.Algorithms[alg] = 1
	}
	p, err := newPopulation(knobs, time.Now())
	require.NoError(t, err)
	require.NoError(t, p.sign(t.Context(), func(float64) {}))
	return p
}

// stagesOf are the stages of p's algorithms by name.
func stagesOf(t *testing.T, p *population, list verifier.Denylist) map[string]map[string]time.Duration {
	t.Helper()
	all, err := measureStages(t.Context(), list, nil, p.issuer(), p.livingByAlgorithm())
	require.NoError(t, err)
	byName := map[string]map[string]time.Duration{}
	for _, of := range all {
		times, names := map[string]time.Duration{}, []string{}
		for _, s := range of.Stages {
			assert.GreaterOrEqual(t, s.Time, time.Duration(0))
			times[s.Name], names = s.Time, append(names, s.Name)
		}
		assert.Equal(t, []string{"size", "reading", "signature", "claims", "denylist"}, names)
		byName[of.Algorithm] = times
	}
	return byName
}

// lateStore is a store that takes its time.
type lateStore struct{ takes time.Duration }

func (s lateStore) Check(context.Context, denylist.Token) error {
	for began := time.Now(); time.Since(began) < s.takes; {
	}
	return nil
}

// The sum of the stages is the whole, and each is where it belongs.
func TestStages_AddUp(t *testing.T) {
	p := mixed(t, 100, verifier.HS256, verifier.ES256)
	const lookup = 300 * time.Microsecond
	stages := stagesOf(t, p, lateStore{lookup})
	require.Len(t, stages, 2)

	v, err := p.verifier(lateStore{lookup})
	require.NoError(t, err)
	for alg, tokens := range p.livingByAlgorithm() {
		var sum time.Duration
		for _, took := range stages[string(alg)] {
			sum += took
		}
		times := make([]time.Duration, 200)
		for i := range times {
			began := time.Now()
			_, err := v.Verify(t.Context(), tokens[0])
			times[i] = time.Since(began)
			require.NoError(t, err)
		}
		slices.Sort(times)
		whole := times[len(times)/2]
		assert.Greater(t, sum, whole/3, "%s: %v", alg, stages[string(alg)])
		assert.Less(t, sum, 3*whole, "%s: %v", alg, stages[string(alg)])
		assert.Greater(t, stages[string(alg)]["denylist"], lookup*8/10)
	}
	// An ECDSA signature takes some thirty times as long as a HMAC.
	assert.Greater(t, stages["ES256"]["signature"], 5*stages["HS256"]["signature"])
	assert.Greater(t, stages["ES256"]["signature"], 2*stages["ES256"]["claims"])
	assert.Less(t, stages["HS256"]["size"], stages["HS256"]["reading"])
}

// Each probe is refused where it should be, whatever the algorithm: a turn
// would return any other answer.
func TestStages_EveryAlgorithmIsRefusedAtItsStage(t *testing.T) {
	t.Parallel()
	p := mixed(t, 200, verifier.Algorithms()...)
	whole, err := p.verifier(lateStore{})
	require.NoError(t, err)
	policy := p.issuer()
	policy.Keys = noKeys{policy.Keys}
	keyless, err := verifier.New(lateStore{}, []verifier.Issuer{policy}, verifier.Options{})
	require.NoError(t, err)
	tokens := p.livingByAlgorithm()
	require.Len(t, tokens, len(verifier.Algorithms()))
	for alg, of := range tokens {
		for _, probe := range stageProbes(whole, keyless, of) {
			probe.count = 2 * len(of)
			_, err := probe.turn(t.Context())
			assert.NoError(t, err, "%s: %s", alg, probe.stage)
		}
	}
}

func TestStages_OnRedis(t *testing.T) {
	server := redistest.Shared(t)
	knobs := Defaults()
	knobs.Tokens, knobs.Entries, knobs.Redis.URL, knobs.Redis.Prefix = 100, 100, server.URL(), server.Prefix()
	stand, err := Open(t.Context(), []string{"verify"}, knobs, nil)
	require.NoError(t, err)
	defer stand.Close()
	all, err := stand.Stages(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "ES256", all[0].Algorithm)
	assert.Greater(t, all[0].Stages[4].Time, time.Microsecond, "a round trip that takes no time")
}

func TestStages_EndWithTheContextAndTheStore(t *testing.T) {
	t.Parallel()
	p := mixed(t, 10, verifier.HS256)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := measureStages(ctx, lateStore{}, nil, p.issuer(), p.livingByAlgorithm())
	assert.ErrorIs(t, err, context.Canceled)

	_, err = measureStages(t.Context(), deadStore{}, nil, p.issuer(), p.livingByAlgorithm())
	assert.ErrorIs(t, err, denylist.ErrUnavailable)
}

type deadStore struct{}

func (deadStore) Check(context.Context, denylist.Token) error {
	return errors.Join(denylist.ErrUnavailable)
}

// One token cannot be given the signature of another.
func TestStages_OfTwoTokensAtLeast(t *testing.T) {
	t.Parallel()
	p := mixed(t, 1, verifier.HS256)
	assert.Empty(t, stagesOf(t, p, lateStore{}))
}

func TestStages_NothingOfOurOwnNothingToTell(t *testing.T) {
	t.Parallel()
	stages, err := new(Stand).Stages(t.Context())
	assert.NoError(t, err)
	assert.Empty(t, stages)
}

// BenchmarkStages shows the probes one by one, and that none allocates more
// than the stages that it goes through.
func BenchmarkStages(b *testing.B) {
	knobs := Defaults()
	knobs.Tokens, knobs.Algorithms = 10, map[verifier.Algorithm]int{verifier.ES256: 1}
	p, err := newPopulation(knobs, time.Now())
	require.NoError(b, err)
	require.NoError(b, p.sign(b.Context(), func(float64) {}))
	whole, err := p.verifier(lateStore{})
	require.NoError(b, err)
	policy := p.issuer()
	policy.Keys = noKeys{policy.Keys}
	keyless, err := verifier.New(lateStore{}, []verifier.Issuer{policy}, verifier.Options{})
	require.NoError(b, err)
	for _, probe := range stageProbes(whole, keyless, p.livingByAlgorithm()[verifier.ES256]) {
		b.Run(probe.stage, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = probe.verify(b.Context(), probe.tokens[0])
			}
		})
	}
}
