package scenario

import (
	"context"
	"fmt"
	"slices"

	"github.com/rescindhq/rescind/bench"
)

// What a scenario may need beside the machine.
const (
	needRedis = "redis"
	needURL   = "url"
	// needServer is an executable, for servers that the run may break.
	needServer = "redis-server"
)

// words say what a contender is.
type words struct{ means, guarantee string }

// kind is a scenario before it is set up. A new one is a file with a function
// that returns its kind, and a line in catalog.
type kind struct {
	name  string
	means string // one sentence: what it stands for in production
	// guarantee says when a revocation that was acknowledged is denied; empty
	// where none is checked.
	guarantee string
	// each is what the contenders are, by name, where they differ.
	each  map[string]words
	needs []string
	// concurrency are the levels of a run that names none; nil: the usual one.
	concurrency []int
	// open sets it up: it asks the stand for what it works with (s.minted,
	// s.denylist …) and returns its contenders, which is one but for
	// scenarios of several targets.
	open func(ctx context.Context, s *Stand) ([]bench.Contender, error)
}

// catalog lists the scenarios in the order of the documentation: from what
// costs least to what costs most, then the rivals.
func catalog() []kind {
	return []kind{
		signatureKind(),
		checkMirrorKind(),
		checkMissKind(),
		checkHitKind(),
		checkConfirmedKind(),
		verifyCachedKind(),
		verifyMirrorKind(),
		verifyConfirmedKind(),
		verifyKind(),
		verifyFirstKind(),
		revokeKind(),
		revokeBarrierKind(),
		propagationKind(),
		stormKind(),
		outageKind(),
		fleetKind(),
		coldStartKind(),
		rotateKind(),
		httpVerifyKind(),
		introspectKind(),
		memoryKind(),
		naiveKind(),
		existsKind(),
		existsPipedKind(),
		coldStartScanKind(),
		cryptoKind(),
		hashKind(),
	}
}

// find returns the kinds of some names, in their order.
func find(wanted []string) ([]kind, error) {
	all := catalog()
	if len(wanted) == 0 {
		return nil, fmt.Errorf("%w: no scenario is named: there are %s", ErrMissing, names(all))
	}
	var kinds []kind
	for _, name := range wanted {
		same := func(k kind) bool { return k.name == name }
		i := slices.IndexFunc(all, same)
		if i < 0 {
			return nil, fmt.Errorf("%w scenario %.40q: there are %s", ErrUnknown, name, names(all))
		}
		if slices.ContainsFunc(kinds, same) {
			return nil, fmt.Errorf("%w: scenario %s is named twice: results are told apart by name", ErrKnob, name)
		}
		kinds = append(kinds, all[i])
	}
	return kinds, nil
}

// describe says what a contender of this kind is.
func (k kind) describe(contender string) bench.Description {
	of, ok := k.each[contender]
	if !ok {
		of = words{k.means, k.guarantee}
	}
	return bench.Description{Name: contender, Means: of.means, Guarantee: of.guarantee}
}

// one is the contender of a scenario that has one.
func one(name string, s bench.Scenario, meters ...bench.Meter) []bench.Contender {
	return []bench.Contender{{Name: name, Scenario: s, Meters: meters}}
}
