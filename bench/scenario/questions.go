package scenario

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
)

// askRevoked is how often a worker asks about a token that is revoked meanwhile,
// in operations.
const askRevoked = 8

// askNewest is of how many tokens every second such question is: whoever does
// not hear of revocations accepts the newest.
const askNewest = 16

// questions are what the workers of a scenario ask about, in which tokens are
// revoked meanwhile: the population, and those of a ledger.
type questions struct {
	name       string
	population *population
	answer     func(ctx context.Context, t *token) error // nil: accepted
	yields     bool                                      // see yielding
	ledger     atomic.Pointer[ledger]
	workers    perWorker[*questioner]
}

// questioner is where one worker stands.
type questioner struct {
	cursor cursor
	random *rand.Rand
	done   int
}

func (q *questions) worker(worker, workers int) (*questioner, error) {
	p := q.population
	return q.workers.get(worker, func() (*questioner, error) {
		return &questioner{
			cursor: cursor{order: p.order(worker, workers, p.everyone())},
			random: rand.New(stream(p.seed, q.name, worker)),
		}, nil
	})
}

// ask asks about the next token, and judges the answer by what was known when
// it began.
func (q *questions) ask(ctx context.Context, w *questioner) error {
	l := q.ledger.Load()
	w.done++
	if q.yields && w.done%16 == 0 {
		runtime.Gosched()
	}
	if tried := l.tried.Load(); tried > 0 && w.done%askRevoked == 0 {
		i := int(w.random.Int64N(tried))
		if w.done%(2*askRevoked) == 0 {
			i = int(tried - 1 - w.random.Int64N(min(tried, askNewest)))
		}
		began := l.now()
		return l.judge(i, began, q.answer(ctx, &l.tokens[i]))
	}
	t := &q.population.tokens[w.cursor.next()]
	return judge(q.answer(ctx, t), t.revoked)
}

// more are tokens like the population's that are in no denylist, each purpose's
// its own.
func (p *population) more(ctx context.Context, purpose string, n int) ([]token, error) {
	ids := stream(p.seed, purpose, 0)
	others := &population{tokens: make([]token, n)}
	for i := range others.tokens {
		of, known := newIDs(ids, 3), p.tokens[0].known
		known.ID, known.Session, known.Subject = of[0], of[1], of[2]
		others.tokens[i] = token{key: p.keys[i%len(p.keys)], known: known}
	}
	err := others.sign(ctx, func(float64) {})
	return others.tokens, err
}
