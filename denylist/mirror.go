package denylist

import (
	"cmp"
	"fmt"
	"sync/atomic"
	"time"
)

// Mirror is a complete copy of a denylist in this process, which can prove how
// fresh it is. A check that it can answer costs no round trip; one that it
// cannot is answered by Redis, as if there were no mirror (R15).
//
// What the mirror says is never older than MaxStaleness: an entry that Redis
// acknowledged before the moment that the mirror is fresh as of is in it. What
// this process writes is denied by it at once. It never judges an exchange:
// spending always asks Redis.
//
// Run keeps it up to date; without Run every check asks Redis. Methods are safe
// for concurrent use.
type Mirror struct {
	*Redis
	opts     MirrorOptions
	patience time.Duration // how long a read of the log waits for a change

	own    overlay
	view   atomic.Pointer[mirrorView]    // nil: there is nothing to look at
	issuer atomic.Pointer[issuerDigests] // of the last token that was not prepared
	heard  atomic.Int64                  // Redis's clock, late: what expired by it is gone
	phase  atomic.Uint32                 // a MirrorState; Fresh while it follows
	notes  mirrorNotes
	wakes  atomic.Int64 // of the share; 0: nothing wakes it

	running  atomic.Bool
	sink     mirrorEntries    // where Run enters what it reads
	share    mirrorShare      // how often Run reads changes as they happen
	former   formerList       // what checks find in the view beside its table
	back     *giveBack        // what Run gives back; nil: nothing
	kept     *mirrorLoad      // what Run had read before it began to load again; nil: nothing
	events   chan mirrorEvent // to the goroutine that called Run
	shadowed chan Token
	counters mirrorCounters
	confirms mirrorConfirms
}

var (
	_ Store     = (*Mirror)(nil)
	_ Spender   = (*Mirror)(nil)
	_ Operator  = (*Mirror)(nil)
	_ Barrier   = (*Mirror)(nil)
	_ Follower  = (*Mirror)(nil)
	_ Inspector = (*Mirror)(nil)
)

// MirrorOptions are the settings of a Mirror. The zero value is safe.
type MirrorOptions struct {
	// MaxStaleness is how old what the mirror says may be: default the store's,
	// which is the fleet's; not more than that, since a barrier waits for the
	// fleet's; and not less than what reads of the log can prove.
	MaxStaleness time.Duration
	// MaxBytes bounds the table; default 1 GiB, some 40 million entries. Over
	// it every check asks Redis, and no entry is ever dropped.
	MaxBytes int64
	// Wakes is how many changes a second the mirror reads as they happen; over
	// that it rests between them and reads several at once. Up to 1000; each
	// costs Redis some 60 µs for each mirror. Default 0: its share of what all
	// mirrors of that Redis read, 4000 a second, from 8 to 128, which it learns
	// from INFO commandstats, every 16 s at the latest. Until it knows, and
	// where that is forbidden, 16. With 16 partitions mirrors are not woken.
	Wakes int
	// Confirmed has Redis confirm what the mirror says, so that a check is as
	// strict as a Redis's: what was acknowledged anywhere before it began, it
	// sees. Checks that run at once share one small command, whatever they are
	// about; where the mirror lacks what Redis has, they ask for their keys as
	// those of a Redis do, and a few at once always do. Glance says nothing then.
	Confirmed bool
	// Shadow compares one of so many answers with Redis's, in the background
	// of Run. 0: none.
	Shadow int
	// OnState is called from Run's goroutine whenever the state changes, with
	// the reason where there is one. It must not block.
	OnState func(MirrorState, error)
	// OnProgress is called from Run's goroutine while the mirror loads.
	OnProgress func(MirrorProgress)

	Now func() time.Time // default time.Now
}

// MirrorState is what a mirror is doing.
type MirrorState uint8

// The states of a mirror. It answers only while it is Fresh.
const (
	MirrorIdle    MirrorState = iota // Run has not begun, or has ended
	MirrorLoading                    // no complete copy yet
	MirrorFresh
	MirrorStale // the last proof is older than MaxStaleness
	MirrorFull  // over MaxBytes
)

// MirrorProgress is how far a load is.
type MirrorProgress struct {
	Entries int64   // read so far
	Share   float64 // of the index, from 0 to 1
	Left    time.Duration
}

// MirrorStats counts what a mirror did.
type MirrorStats struct {
	State     MirrorState
	Freshness time.Duration // since the moment that it is fresh as of; 0 with FreshAt zero: never
	FreshAt   time.Time
	Entries   int64
	Bytes     int64
	Wakes     int // changes that it reads as they happen, a second; 0: see MirrorOptions

	Answered  uint64 // checks that the mirror answered
	Confirmed uint64 // checks that it answered when Redis had confirmed it
	Asked     uint64 // checks that asked Redis for a token's entries
	Loads     uint64 // complete ones
	Overtaken uint64 // loads that their own log overtook
	Gaps      uint64 // changes that were missed
	Forgotten uint64 // times that Redis had forgotten
	GivenBack uint64 // entries that were given back to it
	Kept      uint64 // attempts to give some back that failed; they are repeated

	ShadowChecks   uint64
	ShadowDisagree uint64        // the mirror allowed what Redis denied, or the reverse
	ShadowAge      time.Duration // the oldest freshness at which they disagreed
}

// Limits of MirrorOptions.
const (
	// leastStaleness is what reads of the log can prove: four of them, with the
	// rests between, each a round trip and a block of a millisecond at least.
	leastStaleness  = 10 * time.Millisecond
	leastBytes      = 1 << 20
	defaultMaxBytes = 1 << 30
)

// NewMirror returns a mirror of store, whose client it shares: one connection
// of its pool is the mirror's while Run runs. ErrInvalid: the options are such
// that it could not promise what a mirror promises.
func NewMirror(store *Redis, opts MirrorOptions) (*Mirror, error) {
	if store == nil {
		return nil, fmt.Errorf("%w: a mirror of no store", ErrInvalid)
	}
	opts.MaxStaleness = cmp.Or(opts.MaxStaleness, store.opts.MaxStaleness)
	opts.MaxBytes = cmp.Or(opts.MaxBytes, defaultMaxBytes)
	switch {
	case opts.MaxStaleness > store.opts.MaxStaleness:
		return nil, fmt.Errorf("%w: a mirror may not be older than %v, which the fleet's barriers wait for: not %v",
			ErrInvalid, store.opts.MaxStaleness, opts.MaxStaleness)
	case opts.MaxStaleness < leastStaleness:
		return nil, fmt.Errorf("%w: a mirror cannot prove less than %v: not %v", ErrInvalid, leastStaleness, opts.MaxStaleness)
	case opts.MaxBytes < leastBytes:
		return nil, fmt.Errorf("%w: a mirror of %d bytes: want %d or more", ErrInvalid, opts.MaxBytes, leastBytes)
	case opts.Wakes < 0 || opts.Wakes > mostWakes:
		return nil, fmt.Errorf("%w: %d wakes a second: want 1 to %d, or 0 for a share", ErrInvalid, opts.Wakes, mostWakes)
	case opts.Shadow < 0:
		return nil, fmt.Errorf("%w: a shadow of one in %d", ErrInvalid, opts.Shadow)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	m := &Mirror{
		Redis:    store,
		opts:     opts,
		patience: min(opts.MaxStaleness/4, maxBlock).Truncate(time.Millisecond),
		events:   make(chan mirrorEvent),
		shadowed: make(chan Token, 64),
	}
	m.sink.mirror = m
	m.confirms = newMirrorConfirms(m)
	if m.keys.partitions() == 1 {
		m.share = newMirrorShare(opts.Wakes)
	}
	m.wakes.Store(int64(m.share.wakes))
	return m, nil
}

// Confirmed reports whether Redis confirms what the mirror says: see
// MirrorOptions.
func (m *Mirror) Confirmed() bool { return m.opts.Confirmed }

// State is what the mirror is doing.
func (m *Mirror) State() MirrorState {
	state := MirrorState(m.phase.Load())
	if state != MirrorFresh {
		return state
	}
	if v := m.view.Load(); v != nil && fresh(v.since, m.opts.Now(), m.opts.MaxStaleness) {
		return MirrorFresh
	}
	return MirrorStale
}

// Freshness is how old what the mirror says is. False: it has no copy.
func (m *Mirror) Freshness() (age time.Duration, ok bool) {
	v := m.view.Load()
	if v == nil || v.since.IsZero() {
		return 0, false
	}
	return max(elapsed(v.since, m.opts.Now()), 0), true
}

// Stats is what the mirror did so far.
func (m *Mirror) Stats() MirrorStats {
	s := m.counters.stats()
	s.State, s.Wakes = m.State(), int(m.wakes.Load())
	if v := m.view.Load(); v != nil {
		if s.FreshAt = v.since; !v.since.IsZero() {
			s.Freshness = max(elapsed(v.since, m.opts.Now()), 0)
		}
		s.Entries, s.Bytes = int64(v.table.len()), v.table.bytes()+v.former.bytes()
	}
	return s
}
