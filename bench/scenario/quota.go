package scenario

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/quota"
)

// checkShare refuses a share that cannot be kept.
func (k *Knobs) checkShare(kinds []kind, rivals bool) error {
	switch limit := k.MaxShare; {
	case limit == 0:
		return nil
	case !(limit >= quota.Least && limit <= 1): // a NaN is refused too
		return badKnob("at most %v of a core of Redis: want a share from %v to 1", limit, quota.Least)
	}
	for _, kind := range kinds {
		if len(kind.needs) > 0 && !slices.Contains(kind.needs, needRedis) {
			return badKnob("at most %.3g %% of a core of Redis, and %s: which asks another one than the Redis that is named", 100*k.MaxShare, kind.name)
		}
		rivals = rivals || len(kind.needs) > 0
	}
	if !rivals {
		return badKnob("at most %.3g %% of a core of Redis, and %s: which asks none", 100*k.MaxShare, names(kinds))
	}
	return nil
}

// restrain has what a run does to this Redis beside its operations keep to a
// share of one core, too: filling, loading a mirror, cleaning. First it finds
// out what others use already.
func (r *redisSide) restrain(ctx context.Context, limit float64) (err error) {
	if limit == 0 {
		return nil
	}
	if len(r.meter) == 0 {
		return badKnob("at most %.3g %% of a core of a Redis that forbids INFO: nobody can tell how much it uses", 100*limit)
	}
	if r.background, err = quota.Background(ctx, r.cpu); err != nil {
		return unavailable(err)
	}
	r.client.AddHook(r.hold(limit, r.background))
	return nil
}

// hold makes what keeps the share, and what has the client that is measured keep
// to it while a mirror loads.
func (r *redisSide) hold(limit, background float64) redis.Hook {
	r.keeper = quota.New(limit, background, r.cpu)
	r.loading = &restraint{keeper: r.keeper}
	return r.loading
}

// restrained keeps the share until stop is called. Where the meter can no longer
// be read nothing is held back any more: Acquire says why.
func (r *redisSide) restrained(ctx context.Context) (stop func()) {
	if r.keeper == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { _ = r.keeper.Run(ctx) })
	return func() { cancel(); keeping.Wait() }
}

// insisted is restrained beside mirrors, which nobody can hold back: what it
// returns ends when they leave nothing of the share, with a [quota.Exceeded] for a
// cause, or when the meter can no longer be read.
func (r *redisSide) insisted(ctx context.Context) (insisting context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if r.keeper == nil {
		return ctx, func() { cancel(nil) }
	}
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := r.keeper.Insist(ctx); err != nil {
			cancel(err)
		}
	})
	return ctx, func() { cancel(nil); keeping.Wait() }
}

// restrainLoad has a client of its own keep to the share until off is called.
func (r *redisSide) restrainLoad(ctx context.Context, client redis.UniversalClient) (off func()) {
	if r.keeper == nil {
		return func() {}
	}
	loading := &restraint{keeper: r.keeper}
	client.AddHook(loading)
	return loading.apply(ctx)
}

// patience is how long a mirror may take to load: where it has to wait, as much
// longer as Redis may give less than a core. That it makes no headway is for
// insisted to find out.
func (r *redisSide) patience() time.Duration {
	if r.keeper == nil {
		return mirrorPatience
	}
	return time.Duration(float64(mirrorPatience) / r.knobs.MaxShare)
}

// piece does a piece of work when it may be done.
func (r *redisSide) piece(ctx context.Context, work func() error) error {
	if err := r.keeper.Acquire(ctx); err != nil {
		return err
	}
	defer r.keeper.Release()
	return work()
}

// restraint has the commands of a client wait for a permit, while it is on: what
// reads a page of a mirror, which nobody can ask to wait between two.
type restraint struct {
	keeper *quota.Keeper
	while  atomic.Pointer[context.Context] // it is on; nil: it is off
}

var _ redis.Hook = (*restraint)(nil)

// apply turns it on until ctx ends or off is called: nobody waits any longer
// then. A nil restraint does nothing.
func (h *restraint) apply(ctx context.Context) (off func()) {
	if h == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	h.while.Store(&ctx)
	return func() { h.while.Store(nil); cancel() }
}

// DialHook implements [redis.Hook].
func (h *restraint) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (h *restraint) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		defer h.wait(cmd)()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (h *restraint) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		defer h.wait(cmds[0])()
		return next(ctx, cmds)
	}
}

// wait waits before commands, of which this is the first, and returns what to do
// when they have ended. Those that open a connection do not wait: what they are
// for has done so.
func (h *restraint) wait(first redis.Cmder) (ended func()) {
	opening := []string{"hello", "auth", "client", "select", "readonly"}
	while := h.while.Load()
	if while == nil || slices.Contains(opening, first.Name()) || h.keeper.Acquire(*while) != nil {
		return func() {}
	}
	return h.keeper.Release
}
