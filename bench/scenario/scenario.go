// Package scenario has what rescind measures. Each scenario is one file: it
// says what it stands for in production, and the catalog names it.
//
// Everything that is random comes from one seed, so that a run can be repeated
// with the same ids, the same tokens revoked and the same order of requests.
// Two things cannot be repeated: RSA keys, which crypto/rsa makes from no
// seed, and the name of a run in Redis, which no other run may share.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

// Errors of set-up, beside those of the denylist.
var (
	ErrUnknown = errors.New("scenario: unknown")      // no such scenario
	ErrMissing = errors.New("scenario: needs more")   // a Redis, a URL or tokens
	ErrKnob    = errors.New("scenario: knob refused") // a value that makes no sense
	ErrServer  = errors.New("scenario: no server")    // that could be started for this run alone
)

// Info describes a scenario.
type Info struct {
	Name  string
	Means string   // one sentence: what it stands for
	Needs []string // "redis", "url", "redis-server"
	// Guarantees are those of its contenders, each once; see [bench.Description].
	Guarantees []string
	// Concurrency are the levels of a run that names none; nil: the usual one.
	Concurrency []int
}

// List describes every scenario, in the order of the documentation.
func List() []Info {
	var infos []Info
	for _, k := range catalog() {
		infos = append(infos, Info{Name: k.name, Means: k.means, Guarantees: k.guarantees(), Needs: slices.Clone(k.needs), Concurrency: slices.Clone(k.concurrency)})
	}
	return infos
}

// Stand is a set of scenarios that are ready to run: tokens minted, the
// denylist filled. What is costly is made once, for all scenarios that use it.
type Stand struct {
	knobs    Knobs
	progress func(what string, share float64)

	redis      *redisSide         // nil: none is used
	population *population        // nil: not minted yet
	memory     *denylist.Memory   // nil: no scenario asked for it
	mirrored   *mirrorSide        // nil: no scenario asked for it
	confirms   *denylist.Mirror   // likewise
	revoking   *revoking          // nil: nobody does beside what is measured
	sizes      map[int]*sizedSide // of cold starts
	contenders []bench.Contender
	means      []bench.Description
	leftOut    []LeftOut
	tellers    []*told           // in the order of the contenders
	about      map[string]string // of servers of the run's own
	closers    []func() error    // of single scenarios

	closing sync.Once
	closed  error
}

// Open sets the named scenarios up. Progress, which may be nil, is told what is
// being done and how much of it is done, from 0 to 1. Whatever happens, all that
// was written to Redis is removed again, at the latest by Close.
//
// Errors wrap ErrUnknown, ErrMissing or ErrKnob where the question is wrong,
// denylist.ErrUnfit and denylist.ErrUnavailable where Redis is not fit for it
// or cannot be reached.
func Open(ctx context.Context, names []string, knobs Knobs, progress func(what string, share float64)) (*Stand, error) {
	return OpenWith(ctx, names, nil, knobs, progress)
}

// OpenWith is Open with rivals, which come after the named scenarios. One that
// fails is left out: see LeftOut.
func OpenWith(ctx context.Context, names []string, rivals []Rival, knobs Knobs, progress func(what string, share float64)) (*Stand, error) {
	kinds, err := find(names)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(knobs.complete(), checkRivals(rivals, kinds)); err != nil {
		return nil, err
	}
	if err := knobs.suffice(kinds, len(rivals) > 0); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string, float64) {}
	}
	s := &Stand{knobs: knobs, progress: progress}
	if err := s.open(ctx, kinds, rivals); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stand) open(ctx context.Context, kinds []kind, rivals []Rival) error {
	// First of all: nobody should wait for a million tokens to hear that there
	// is no Redis.
	if len(rivals) > 0 || slices.ContainsFunc(kinds, func(k kind) bool { return slices.Contains(k.needs, needRedis) }) {
		s.progress("opening Redis", 0)
		var err error
		if s.redis, err = openRedis(ctx, s.knobs); err != nil {
			return err
		}
	}
	for _, k := range kinds {
		contenders, err := k.open(ctx, s)
		if err != nil {
			return fmt.Errorf("scenario: setting %s up: %w", k.name, err)
		}
		for _, c := range contenders {
			if len(k.needs) == 0 && s.redis != nil {
				c.Meters = s.redis.unasked()
			}
			s.contenders = append(s.contenders, c)
			s.means = append(s.means, k.describe(c.Name))
		}
	}
	if err := s.openRivals(ctx, rivals); err != nil {
		return err
	}
	s.ownBaselines()
	return s.outlives(time.Now())
}

// outlives refuses tokens that would expire while they are measured.
func (s *Stand) outlives(now time.Time) error {
	if s.population == nil {
		return nil
	}
	if left := s.population.expiresAt.Sub(now); left < s.knobs.Runs {
		return fmt.Errorf("%w: after set-up the tokens live %v, and the run takes %v: give them a lifetime of %v or more",
			ErrKnob, left.Round(time.Second), s.knobs.Runs, (2*s.knobs.Runs + s.knobs.Lifetime - left).Round(time.Second))
	}
	return nil
}

// Contenders are the scenarios, in the order in which they were named.
func (s *Stand) Contenders() []bench.Contender { return slices.Clone(s.contenders) }

// Descriptions says in words what the contenders are.
func (s *Stand) Descriptions() []bench.Description { return slices.Clone(s.means) }

// Redis describes the server: version, address and the settings that matter,
// nothing secret. Nil where none is used.
func (s *Stand) Redis() map[string]string {
	if s.redis == nil {
		return maps.Clone(s.about)
	}
	return s.redis.describe()
}

// Background is the share of one core that others used of Redis before anything
// was set up, for a bench.Plan with a MaxShare; 0 without one.
func (s *Stand) Background() float64 {
	if s.redis == nil {
		return 0
	}
	return s.redis.background
}

// Close removes every key under the run's prefix, and closes connections. It
// gives itself its own time: the context of the run may have ended. An error
// names the prefix of the keys that are left.
func (s *Stand) Close() error {
	s.closing.Do(func() {
		var errs []error
		for _, c := range slices.Backward(s.closers) {
			errs = append(errs, c())
		}
		if s.redis != nil {
			errs = append(errs, s.redis.close())
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}

// names lists scenarios for a message.
func names(kinds []kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}
