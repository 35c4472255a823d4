package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rescindhq/rescind/bench/quota"
)

// Restrained is a Scenario that has Redis do more than its operations ask for,
// such as what happens in it. It asks before each piece of that.
type Restrained interface {
	Scenario
	// Restrain is called before anything is measured with a MaxShare. Permits can
	// be had while a turn goes on. It reports whether operations ask nothing of
	// Redis themselves, but wait for what such work does: they are not held back
	// then, and where the share is used up all the same, the run ends with an
	// ErrShare.
	Restrain(beside *quota.Keeper) (waits bool)
}

// newKeepers are those of a plan with a MaxShare. Each contender has one of its
// own, which knows what its operations cost: together they keep to one share,
// since each sees all that its Redis has used since its last turn.
func newKeepers(p Plan) map[string]keeper {
	keepers := make(map[string]keeper)
	if p.MaxShare == 0 {
		return keepers
	}
	for _, c := range p.Contenders {
		m, _ := c.meter(Redis) // checkContenders has seen it
		k := keeper{Keeper: quota.New(p.MaxShare, p.Background, m.Read)}
		if restrained, ok := c.Scenario.(Restrained); ok {
			k.insists = restrained.Restrain(k.Keeper)
		}
		keepers[c.Name] = k
	}
	return keepers
}

// keeper is that of a contender; the zero value keeps nothing.
type keeper struct {
	*quota.Keeper
	insists bool // since nobody else is there to be held back
}

// keepShare keeps the turn to MaxShare until release is called: by holding
// workers back, or in an open loop by ending it. A meter that cannot be read
// ends it too.
func (t *turn) keepShare() (release func()) {
	if t.keeper.Keeper == nil {
		return func() {}
	}
	keep := t.keeper.Run
	switch {
	case t.keeper.insists:
		keep = t.keeper.Insist
	case t.open():
		keep = t.keeper.Watch
	default:
		t.pace.keeper = t.keeper.Keeper
		t.pace.hold.Store(newHold(t.ctx))
	}
	ctx, cancel := context.WithCancel(t.ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		err := keep(ctx)
		var over *quota.Exceeded
		switch {
		case errors.As(err, &over):
			t.clock.fail(t.tooMuch(over))
		case err != nil:
			t.clock.fail(fmt.Errorf("bench: %s: %w", t.contender.Name, err))
		}
	})
	return func() { cancel(); keeping.Wait() }
}

// tooMuch says what does not fit.
func (t *turn) tooMuch(over *quota.Exceeded) error {
	e := &ShareError{Contender: t.contender.Name, Took: over.Took, Limit: over.Limit}
	if e.Rate = t.run.plan.Rate; t.keeper.insists {
		e.Rate, e.Mirrors = 0, len(t.workers)
	}
	return e
}

// hold is what workers wait for who are held back: it ends when they have to
// look up.
type hold struct {
	turn, ctx context.Context
	end       context.CancelFunc
}

func newHold(turn context.Context) *hold {
	h := &hold{turn: turn}
	h.ctx, h.end = context.WithCancel(turn)
	return h
}

// wake has all workers look up, those too that are held back.
func (p *pace) wake() {
	p.looks.Add(1)
	if old := p.hold.Load(); old != nil {
		p.hold.Store(newHold(old.turn))
		old.end()
	}
}

// finish is the end of the turn for those who wait, and if it is over for all.
func (p *pace) finish(over bool) {
	if over {
		p.over.Store(true)
	}
	p.looks.Add(1)
	if h := p.hold.Load(); h != nil {
		h.end()
	}
}

// held waits until the worker may begin an operation. It reports false where the
// worker has to look up before.
func (w *worker) held(p *pace) bool {
	began := p.now()
	err := p.keeper.Acquire(p.hold.Load().ctx)
	w.recorder.tally.held += p.now() - began
	return err == nil
}

// heldBack is from which share of the workers' time on it is worth a word that
// they were held back.
const heldBack = 0.02

// heldNote says that a closed loop was not what its target can do.
func (r *run) heldNote(a *account) string {
	held := float64(a.held) / (float64(a.wall) * float64(a.Concurrency))
	if r.plan.MaxShare == 0 || !(held >= heldBack) {
		return ""
	}
	return fmt.Sprintf("%s: held back for %.0f %% of the time, so that Redis gives at most %.3g %% of a core to it; "+
		"the rate is what fits into that, and says nothing of what is possible", a, 100*held, 100*r.plan.MaxShare)
}

// shareNote says that more was used than holding operations back could prevent.
func (r *run) shareNote(a *account) string {
	keeper, ok := r.keepers[a.Contender]
	if !ok || r.schedule != nil || keeper.Most() <= r.plan.MaxShare {
		return ""
	}
	return fmt.Sprintf("%s: Redis used %.3g %% of a core within a second, beside what it had used before, and not at most %.3g %%: "+
		"others began to use it, or single operations are that large",
		a.Contender, 100*keeper.Most(), 100*r.plan.MaxShare)
}
