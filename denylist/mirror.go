package denylist

import (
	"context"
	"errors"
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

	Answered  uint64 // checks that the mirror answered
	Asked     uint64 // checks that asked Redis
	Loads     uint64 // complete ones
	Overtaken uint64 // loads that their own log overtook
	Gaps      uint64 // changes that were missed
	Forgotten uint64 // times that Redis had forgotten
	GivenBack uint64 // entries that were given back to it

	ShadowChecks   uint64
	ShadowDisagree uint64        // the mirror allowed what Redis denied, or the reverse
	ShadowAge      time.Duration // the oldest freshness at which they disagreed
}

// NewMirror returns a mirror of store, whose client it shares.
func NewMirror(store *Redis, opts MirrorOptions) (*Mirror, error) {
	return nil, errors.New("denylist: not written yet")
}

// Run loads the denylist and follows it until ctx ends. It returns ctx's error,
// or the reason why this denylist cannot be mirrored at all.
func (m *Mirror) Run(ctx context.Context) error { return errors.New("denylist: not written yet") }

// Stats is what the mirror did so far.
func (m *Mirror) Stats() MirrorStats { return MirrorStats{} }

// Glance is the first half of a check, which a caller completes with one
// reading of the clock: stamp, table, clock, in that order. It does no I/O.
type Glance struct {
	known  bool
	stamp  int64 // when the proof was asked for, since the mirror's start, monotonic
	wall   int64 // the same on the wall clock, Unix nanoseconds
	hit    bool
	denial error
	mirror *Mirror
}

// Glance reads the stamp and then the table.
func (m *Mirror) Glance(t Token) Glance { return Glance{} }

// Verdict is what the mirror says at an instant that was read after Glance
// returned: nil, an error wrapping ErrRevoked, or not known, in which case Check
// has to be asked. now must come from time.Now, or from the mirror's own Now.
func (g Glance) Verdict(now time.Time) (err error, known bool) { return nil, false }
