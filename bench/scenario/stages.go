package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/verifier"
)

// Stages measures where a verification's time goes, for each algorithm of the
// mix; it takes about half a second for each, more where Redis is slow. The
// denylist is Redis where a scenario uses one, else one in memory. Where no
// scenario has tokens of our own making there is nothing to tell.
func (s *Stand) Stages(ctx context.Context) ([]bench.Stages, error) {
	if s.population == nil {
		return nil, nil
	}
	list, err := s.stageDenylist(ctx)
	if err != nil {
		return nil, err
	}
	var keeper *quota.Keeper
	if s.redis != nil {
		keeper = s.redis.keeper
		defer s.redis.restrained(ctx)()
	}
	return measureStages(ctx, list, keeper, s.population.issuer(), s.population.livingByAlgorithm())
}

func (s *Stand) stageDenylist(ctx context.Context) (verifier.Denylist, error) {
	if s.redis != nil {
		return s.denylist(ctx)
	}
	return s.inMemory(ctx)
}

// livingByAlgorithm are the raw tokens that are not revoked, the most popular
// first, no more than the stages need of each algorithm.
func (p *population) livingByAlgorithm() map[verifier.Algorithm][]string {
	tokens := map[verifier.Algorithm][]string{}
	for _, n := range p.living {
		t := p.tokens[n]
		if len(tokens[t.key.alg]) < maxStageTokens {
			tokens[t.key.alg] = append(tokens[t.key.alg], t.raw)
		}
	}
	return tokens
}

// The stages, in the order of a verification.
const (
	stageSize      = "size"
	stageReading   = "reading"
	stageSignature = "signature"
	stageClaims    = "claims"
	stageDenylist  = "denylist"
)

// How the stages are measured.
const (
	maxStageTokens = 64
	stageTime      = 500 * time.Millisecond // for an algorithm
	stageTurn      = 100 * time.Microsecond // a probe goes on for about so long
	minTurns       = 3
)

// measureStages measures the stages of the algorithms that have at least two
// tokens, valid ones of the issuer, not revoked.
//
// A verifier is a closed box: a clock read between its stages would cost more
// than some of them. But each refusal shows how long the way to it was, and
// those that are used here cost nothing themselves. The probes are
//
//	an empty token                  refused for its size
//	a key set that knows no key     refused when it has been read
//	the signature of another token  refused when that was checked, all of it
//	Authenticate                    all but the denylist
//	Verify                          all
//
// and a stage is what a probe takes longer than the one before it. So reading
// includes whose token it is and the search for the key, claims the check of
// the dates, and the denylist the second look at the clock. Probes take turns
// of some 100 µs, for about half a second an algorithm, by wall clock and on
// one goroutine; a time is the median of the differences of turns that
// followed each other, which a machine that is now fast and now slow disturbs
// less than a difference of medians. What noise would make negative is 0. The
// stages add up to a Verify, roughly. That a lookup makes what follows it
// slower (caches, a core that slept) counts as the denylist's.
func measureStages(ctx context.Context, list verifier.Denylist, keeper *quota.Keeper, issuer verifier.Issuer, tokens map[verifier.Algorithm][]string) ([]bench.Stages, error) {
	whole, err := verifier.New(list, []verifier.Issuer{issuer}, verifier.Options{NoCache: true})
	if err != nil {
		return nil, fmt.Errorf("scenario: measuring stages: %w", err)
	}
	issuer.Keys = noKeys{issuer.Keys}
	keyless, err := verifier.New(list, []verifier.Issuer{issuer}, verifier.Options{NoCache: true})
	if err != nil {
		return nil, fmt.Errorf("scenario: measuring stages: %w", err)
	}
	var all []bench.Stages
	for _, alg := range verifier.Algorithms() {
		if len(tokens[alg]) < 2 {
			continue
		}
		probes := stageProbes(whole, keyless, tokens[alg])
		probes[len(probes)-1].keeper = keeper
		stages, err := measureProbes(ctx, probes)
		if err != nil {
			return nil, fmt.Errorf("scenario: measuring stages of %s: %w", alg, err)
		}
		all = append(all, bench.Stages{Algorithm: string(alg), Stages: stages})
	}
	return all, nil
}

// noKeys finds no key, having looked as long as the set would.
type noKeys struct{ set verifier.KeySet }

func (k noKeys) Key(ctx context.Context, kid string) (verifier.Key, error) {
	_, _ = k.set.Key(ctx, kid)
	return verifier.Key{}, verifier.ErrUnknownKey
}

// probe is a verification that ends at the end of its stage.
type probe struct {
	stage  string
	tokens []string
	verify func(ctx context.Context, raw string) (verifier.Claims, error)
	want   error
	times  []time.Duration // of one verification, for each turn
	count  int             // verifications in a turn
	keeper *quota.Keeper   // of what asks Redis; nil: nobody is held back
}

func stageProbes(whole, keyless *verifier.Verifier, tokens []string) []*probe {
	return []*probe{
		{stage: stageSize, tokens: []string{""}, verify: whole.Authenticate, want: verifier.ErrMissing},
		{stage: stageReading, tokens: tokens, verify: keyless.Authenticate, want: verifier.ErrUnknownKey},
		{stage: stageSignature, tokens: missigned(tokens), verify: whole.Authenticate, want: verifier.ErrSignature},
		{stage: stageClaims, tokens: tokens, verify: whole.Authenticate},
		{stage: stageDenylist, tokens: tokens, verify: whole.Verify},
	}
}

// missigned gives each token the signature of the next: one that the key made,
// of the right length and form, so that only the last step can refuse it.
func missigned(tokens []string) []string {
	wrong := make([]string, len(tokens))
	for i, token := range tokens {
		other := tokens[(i+1)%len(tokens)]
		wrong[i] = token[:strings.LastIndexByte(token, '.')] + other[strings.LastIndexByte(other, '.'):]
	}
	return wrong
}

// measureProbes lets probes take turns and returns what each takes longer than
// the one before it.
func measureProbes(ctx context.Context, probes []*probe) ([]bench.Stage, error) {
	for _, p := range probes {
		if err := p.calibrate(ctx); err != nil {
			return nil, err
		}
	}
	for began, turn := time.Now(), 0; turn < minTurns || time.Since(began) < stageTime; turn++ {
		for _, p := range probes {
			took, err := p.turn(ctx)
			if err != nil {
				return nil, err
			}
			p.times = append(p.times, took/time.Duration(p.count))
		}
	}
	var stages []bench.Stage
	before := make([]time.Duration, len(probes[0].times)) // the empty verification
	for _, p := range probes {
		stages = append(stages, bench.Stage{Name: p.stage, Time: max(medianRise(before, p.times), 0)})
		before = p.times
	}
	return stages, nil
}

// medianRise is the median of what each turn took longer than its neighbour.
func medianRise(from, to []time.Duration) time.Duration {
	rises := make([]time.Duration, len(to))
	for i := range to {
		rises[i] = to[i] - from[i]
	}
	slices.Sort(rises)
	return rises[len(rises)/2]
}

// calibrate finds how many verifications fill a turn. It warms up, too.
func (p *probe) calibrate(ctx context.Context) error {
	for p.count = 1; ; p.count *= 2 {
		took, err := p.turn(ctx)
		if err != nil || took >= stageTurn {
			return err
		}
	}
}

// turn is how long count verifications take.
func (p *probe) turn(ctx context.Context) (time.Duration, error) {
	if err := errors.Join(ctx.Err(), p.keeper.Acquire(ctx)); err != nil {
		return 0, err
	}
	defer p.keeper.Release()
	var odd bool
	var last error
	at := 0
	began := time.Now()
	for range p.count {
		_, err := p.verify(ctx, p.tokens[at])
		if err != p.want { // the sentinel itself: errors.Is would cost more than some stages
			odd, last = true, err
		}
		if at++; at == len(p.tokens) {
			at = 0
		}
	}
	took := time.Since(began)
	switch {
	case odd && last == nil:
		return 0, wrong("%s: a token that should end there was accepted", p.stage)
	case odd:
		return 0, fmt.Errorf("%s: %w", p.stage, last)
	}
	return took, nil
}
