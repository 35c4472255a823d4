package scenario

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func rotateKind() kind {
	return kind{
		name:      "rotate",
		means:     "A refresh token is exchanged for the next pair, again and again: what it costs that each buys one successor only.",
		guarantee: spent,
		needs:     []string{needRedis},
		open:      openRotate,
	}
}

// idle is how long a refresh token lives: longer than any run.
const idle = 2 * maxLifetime

// exchange exchanges refresh tokens. Each worker has sessions of its own, one
// for each algorithm of the mix, and goes on with their successors: nobody
// waits for anybody, as nobody shares a session.
type exchange struct {
	sessions []*rotation.Sessions // by algorithm
	weights  []int
	seed     uint64
	login    time.Time // of every session, on Redis's clock
	workers  perWorker[*exchanger]
}

// openRotate takes keys of its own: a rotation.KeyRing makes them from no seed.
func openRotate(ctx context.Context, s *Stand) ([]bench.Contender, error) {
	store, err := s.denylist(ctx)
	if err != nil {
		return nil, err
	}
	e := &exchange{seed: s.knobs.Seed}
	for _, alg := range verifier.Algorithms() {
		weight := s.knobs.Algorithms[alg]
		if weight == 0 {
			continue
		}
		sessions, err := newSessions(alg, store, s.knobs.Lifetime)
		if err != nil {
			return nil, err
		}
		e.sessions, e.weights = append(e.sessions, sessions), append(e.weights, weight)
	}
	if e.login, err = e.sessions[0].Now(ctx); err != nil {
		return nil, err
	}
	return one("rotate", e, s.redis.meter...), nil
}

func newSessions(alg verifier.Algorithm, store *denylist.Redis, lifetime time.Duration) (*rotation.Sessions, error) {
	ring, err := rotation.NewKeyRing(alg, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	return rotation.New(ring, store, rotation.Options{
		Issuer: issuer, Audience: []string{audience},
		AccessTTL: lifetime, RefreshTTL: idle, SessionTTL: sessionLife,
		RotateEvery: -1, // no user is as quick as this
	})
}

// exchanger is one worker: its sessions, and which of them is next.
type exchanger struct {
	of     *exchange
	tokens []rotation.Tokens // by algorithm
	at     cursor
}

// Operation implements bench.Scenario.
func (e *exchange) Operation(worker, _ int) (bench.Operation, error) {
	w, err := e.workers.get(worker, func() (*exchanger, error) { return e.worker(worker) })
	if err != nil {
		return nil, err
	}
	return w.exchange, nil
}

func (e *exchange) worker(worker int) (*exchanger, error) {
	from := rand.New(stream(e.seed, "rotate", worker))
	w := &exchanger{of: e, tokens: make([]rotation.Tokens, len(e.sessions)), at: cursor{order: make([]uint32, minPicks)}}
	for i := range w.at.order {
		w.at.order[i] = uint32(weighted(from, e.weights))
	}
	for i := range w.tokens {
		if err := w.logIn(context.Background(), uint32(i)); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// logIn begins a session, which asks no store.
func (w *exchanger) logIn(ctx context.Context, i uint32) (err error) {
	w.tokens[i], err = w.of.sessions[i].Login(ctx, rotation.Login{
		At: w.of.login, Subject: "rescind-bench", Scope: []string{"read", "write"},
	})
	return err
}

// exchange is the operation.
func (w *exchanger) exchange(ctx context.Context) error {
	i := w.at.next()
	old := &w.tokens[i]
	next, err := w.of.sessions[i].Exchange(ctx, old.Refresh, rotation.Attempt{})
	if err != nil {
		// What became of the token is not known, and a second attempt with
		// another successor would be a replay: a new session takes its place.
		return errors.Join(classify(err), w.logIn(ctx, i))
	}
	if next.Replayed || next.Session != old.Session || next.RefreshID == old.RefreshID {
		return wrong("an exchange answered with no successor of its own")
	}
	*old = next
	return nil
}
