// Package quota keeps what a run does to a Redis below a share of one core of
// its CPU time, for the sake of all others who use that Redis.
//
// Work asks for a permit first. Permits are handed out as fast as the CPU time
// goes for that is left, which a [Keeper] finds out by reading the meter twenty
// times a second: by how much the work since the last look has cost. What was
// overspent, for one piece of work may cost more than the last, is saved again
// before there are more.
package quota

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Least is the least share that can be kept: reading the meter costs some too.
const Least = 0.01

const (
	// lookEvery is how often the meter is read, which takes Redis some 30 µs.
	lookEvery = 50 * time.Millisecond
	// handEvery is how often permits are handed out: work comes in as small
	// portions as a timer allows, so that nobody else finds Redis busy for long.
	handEvery = 2 * time.Millisecond
	// window is over what the share is kept. Of it spent is planned to be used;
	// the rest is saved, as far as it goes, for work that costs more than
	// expected.
	window = time.Second
	spent  = 0.9
	// payBack is how soon what is saved or overspent is made good.
	payBack = window / 4
)

// Read reads how much CPU time was used since some beginning, by all.
type Read func(ctx context.Context) (time.Duration, error)

// Background is the share of one core that is used now, measured for a second:
// by others, where it is called before anything of one's own has begun.
func Background(ctx context.Context, read Read) (float64, error) {
	before, err := read(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	wait := time.NewTimer(window)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-wait.C:
	}
	after, err := read(ctx)
	if err != nil {
		return 0, err
	}
	return max(float64(after-before)/float64(time.Since(began)), 0), nil
}

// Keeper keeps work on one Redis below a share. Run, Insist or Watch goes on in a
// goroutine of its own; Acquire and Release are for any number of others. A nil
// Keeper keeps nothing, and costs nothing.
type Keeper struct {
	limit      float64 // share of one core
	background float64 // which is not counted
	read       Read

	permits *semaphore.Weighted // those to be had; all others are held by the Keeper
	handed  int64               // permits, ever
	waiting atomic.Int64        // work that has asked for one
	taken   atomic.Int64        // by work
	ended   atomic.Int64        // work
	broken  atomic.Pointer[error]

	ledger ledger
	due    float64 // permits, of which there is a part
	last   time.Time
	fed    time.Time // when a permit was handed out last, or nobody waited
}

// allPermits are more than there ever will be.
const allPermits = 1 << 60

// New returns a Keeper of a limit, a share from Least to 1, beside a background
// that is not counted. Work that others begin later is: the meter cannot tell
// whose it is, and so one's own is held back for it.
func New(limit, background float64, read Read) *Keeper {
	k := &Keeper{limit: limit, background: background, read: read, permits: semaphore.NewWeighted(allPermits)}
	k.permits.TryAcquire(allPermits)
	k.ledger = ledger{limit: limit, background: background}
	return k
}

// Acquire waits until a piece of work may begin, at most until ctx ends. Where
// the meter can no longer be read it returns why, at once.
func (k *Keeper) Acquire(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.waiting.Add(1)
	err := k.permits.Acquire(ctx, 1)
	k.waiting.Add(-1)
	if err != nil {
		return err
	}
	if broken := k.broken.Load(); broken != nil {
		return *broken
	}
	k.taken.Add(1)
	return nil
}

// Release says that a piece of work has ended.
func (k *Keeper) Release() {
	if k != nil {
		k.ended.Add(1)
	}
}

// Run hands out permits until ctx ends. It may be called again after that. An
// error is the meter's, and for good: nobody is held back any more.
func (k *Keeper) Run(ctx context.Context) error {
	return k.run(ctx, func(time.Time) *Exceeded { return nil })
}

// run hands out permits until ctx ends, or end says why to.
func (k *Keeper) run(ctx context.Context, end func(now time.Time) *Exceeded) error {
	err := k.keep(ctx, end)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if errors.As(err, new(*Exceeded)) {
		return err
	}
	err = fmt.Errorf("quota: reading how much CPU time is used: %w", err)
	k.broken.Store(&err)
	k.permits.Release(allPermits / 2)
	return err
}

func (k *Keeper) keep(ctx context.Context, end func(now time.Time) *Exceeded) error {
	ticker := time.NewTicker(handEvery)
	defer ticker.Stop()
	if err := k.look(ctx, false); err != nil {
		return err
	}
	k.last, k.fed = time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		if now.Sub(k.ledger.at) >= lookEvery {
			if err := k.look(ctx, true); err != nil {
				return err
			}
			now = time.Now()
			if over := end(now); over != nil {
				return over
			}
		}
		k.hand(now)
	}
}

// look reads the meter. Meanwhile no permits are handed out: a Redis that is
// slow to answer is not asked for more.
func (k *Keeper) look(ctx context.Context, working bool) error {
	ended := k.ended.Load()
	total, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.ledger.enter(time.Now(), total, ended, working)
	return nil
}

// hand hands out the permits that have become due. Before anything is known of
// what work costs, that is one after the other.
func (k *Keeper) hand(now time.Time) {
	passed := min(now.Sub(k.last), 2*handEvery) // what was due while it could not run is not made up for
	k.last = now
	if k.waiting.Load() == 0 {
		k.fed = now
	}
	waiting := k.handed - k.taken.Load()
	if k.ledger.cost == 0 {
		k.give(1 - waiting - (k.taken.Load() - k.ended.Load()))
		return
	}
	rate := k.ledger.left() / k.ledger.cost // permits a nanosecond
	k.due = min(k.due+rate*float64(passed), 1+rate*float64(2*handEvery))
	whole := int64(k.due)
	k.due -= float64(whole)
	// Those that nobody has asked for are not saved up.
	k.give(min(whole, max(1, int64(rate*float64(2*handEvery)))-waiting))
}

func (k *Keeper) give(permits int64) {
	if permits > 0 {
		k.fed = k.last
		k.handed += permits
		k.permits.Release(permits)
	}
}

// Most is the largest share that was used within a second, beside the
// background. It is known when Run, Insist or Watch has returned.
func (k *Keeper) Most() float64 { return k.ledger.most }
