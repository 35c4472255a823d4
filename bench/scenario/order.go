package scenario

import (
	"math/rand/v2"
	"sync"
)

// A worker asks about the tokens of an order that is drawn beforehand, again
// and again, so that what is timed is the next index and nothing else. All
// orders together have about as many picks as the second constant says.
const (
	maxPicks   = 1 << 16
	totalPicks = 1 << 23
	minPicks   = 1 << 12
)

// order is the tokens that one worker of several asks about, drawn from some of
// the population by their popularity. The first of them are the most popular.
func (p *population) order(worker, workers int, of []uint32) []uint32 {
	from := rand.New(stream(p.seed, "order", worker))
	draw := func() uint64 { return from.Uint64N(uint64(len(of))) }
	if p.zipf > 1 && len(of) > 1 {
		draw = rand.NewZipf(from, p.zipf, 1, uint64(len(of)-1)).Uint64
	}
	picks := make([]uint32, min(maxPicks, max(minPicks, totalPicks/max(p.concurrent, workers))))
	for i := range picks {
		picks[i] = of[draw()]
	}
	return picks
}

// everyone is the whole population.
func (p *population) everyone() []uint32 {
	all := make([]uint32, len(p.tokens))
	for i := range all {
		all[i] = uint32(i)
	}
	return all
}

// cursor is where a worker stands in its order.
type cursor struct {
	order []uint32
	at    int
	_     [96]byte // no two workers write to one cache line
}

func (c *cursor) next() uint32 {
	pick := c.order[c.at]
	if c.at++; c.at == len(c.order) {
		c.at = 0
	}
	return pick
}

// perWorker is what each worker has of its own, and goes on with whenever it
// is called again.
type perWorker[T any] struct {
	mu sync.Mutex
	of map[int]T
}

// get returns the worker's, which is made the first time.
func (p *perWorker[T]) get(worker int, create func() (T, error)) (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, ok := p.of[worker]; ok {
		return have, nil
	}
	made, err := create()
	if err != nil {
		return made, err
	}
	if p.of == nil {
		p.of = make(map[int]T)
	}
	p.of[worker] = made
	return made, nil
}

// each calls do for every worker's.
func (p *perWorker[T]) each(do func(T)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range p.of {
		do(of)
	}
}
