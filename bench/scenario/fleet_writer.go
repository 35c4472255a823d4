package scenario

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rescindhq/rescind/bench/quota"
	"github.com/rescindhq/rescind/denylist"
)

// fleetWriter revokes token after token, one at a random instant of each period:
// an open loop, which waits for no mirror. Were they independent of each other,
// chance would decide how many each number of mirrors has to read.
type fleetWriter struct {
	fleet   *fleet
	store   *denylist.Redis
	period  time.Duration
	promise time.Duration // how stale a mirror may be
	random  *rand.Rand
	ids     freshIDs
	log     fleetLog

	keeper atomic.Pointer[quota.Keeper] // of a run with a share; it hands out permits while a turn goes on

	mu      sync.Mutex
	members []*fleetMember // who have to hear of it
}

func newFleetWriter(f *fleet, store *denylist.Redis, promise time.Duration) *fleetWriter {
	p := f.stand.population
	return &fleetWriter{
		fleet: f, store: store, promise: promise,
		period: time.Duration(float64(time.Second) / f.stand.knobs.Revocations),
		random: rand.New(stream(p.seed, "fleet instants", 0)),
		ids:    freshIDs{from: stream(p.seed, "fleet", 0)},
	}
}

// join has a mirror hear of what is revoked from now on.
func (w *fleetWriter) join(m *fleetMember) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m.next = w.log.end()
	w.members = append(w.members, m)
}

// leave waits for a mirror no more.
func (w *fleetWriter) leave(m *fleetMember) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = slices.DeleteFunc(w.members, func(other *fleetMember) bool { return other == m })
}

// run revokes while somebody waits for that.
func (w *fleetWriter) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for began, n, turns := time.Now(), int64(1), 1; ; n, turns = n+1, turns+1 {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		keeper := w.keeper.Load()
		if w.fleet.waiting.Load() > 0 && keeper.Acquire(ctx) == nil {
			w.revoke(ctx)
			keeper.Release()
		}
		if turns%forgetEvery == 0 {
			w.forget()
		}
		if keeper != nil { // what was held back is not made up for
			n = max(n, int64(time.Since(began)/w.period))
		}
		at := time.Duration((float64(n) + w.random.Float64()) * float64(w.period))
		timer.Reset(time.Until(began.Add(at)))
	}
}

const (
	// forgetEvery is after how many revocations those are forgotten that all
	// mirrors deny.
	forgetEvery = 1000
	// reviseAfter is the pause after a revocation whose outcome is not known. To
	// repeat it is safe.
	reviseAfter = 10 * time.Millisecond
)

// revoke revokes a token that nobody has revoked before. Mirrors may deny it
// before Redis's answer is here.
func (w *fleetWriter) revoke(ctx context.Context) {
	p := w.fleet.stand.population
	now := time.Now()
	of := newIDs(w.ids.from, 2)
	t := denylist.Token{Issuer: issuer, ID: w.ids.next(), Session: of[0], Subject: of[1], Login: now, ExpiresAt: p.expiresAt}
	n := w.log.add(fleetRevocation{token: t, called: now})
	for {
		_, err := w.store.Revoke(ctx, denylist.TokenEntry(issuer, t.ID, t.ExpiresAt))
		if err == nil {
			w.log.acknowledge(n, time.Now())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(reviseAfter):
		}
	}
}

func (w *fleetWriter) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	least := w.log.end()
	for _, m := range w.members {
		m.mu.Lock()
		least = min(least, m.next)
		m.mu.Unlock()
	}
	w.log.drop(least)
}

// fleetRevocation is a token that was revoked, and when.
type fleetRevocation struct {
	token                denylist.Token
	called, acknowledged time.Time
}

// fleetLog is what was revoked, by number from 0 on.
type fleetLog struct {
	mu      sync.RWMutex
	dropped int
	all     []fleetRevocation
}

func (l *fleetLog) add(r fleetRevocation) (number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
	return l.dropped + len(l.all) - 1
}

func (l *fleetLog) acknowledge(number int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[number-l.dropped].acknowledged = at
}

// at is one that was not dropped; false: there is none yet.
func (l *fleetLog) at(number int) (fleetRevocation, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if i := number - l.dropped; i < len(l.all) {
		return l.all[i], true
	}
	return fleetRevocation{}, false
}

func (l *fleetLog) end() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.dropped + len(l.all)
}

// drop drops those before a number.
func (l *fleetLog) drop(before int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.Clone(l.all[before-l.dropped:])
	l.dropped = before
}
