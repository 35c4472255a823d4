package denylist

import (
	"context"
	"errors"
	"time"
)

// Follower is a store that tells what changes. Find it by type assertion;
// Memory and Redis have it.
type Follower interface {
	// Position is where a store stands now: Follow tells what comes after it.
	Position(ctx context.Context) (string, error)
	// Follow calls fn for every change after a position (empty: from now on),
	// each once, until ctx ends, fn fails or the store cannot go on, and
	// returns why. Changes come in the order in which they were written, with
	// 16 partitions in that of each partition. What merely expires is no
	// change. Nothing of it outlives the call.
	//
	// ErrGap: changes were missed, or this is no position of this store. Its
	// reader has to list the denylist again. ErrUnavailable: the store cannot
	// tell; go on from the position of the last change.
	Follow(ctx context.Context, after string, fn func(Change) error) error
}

// ErrGap: not all changes after a position can be told. Some are forgotten, or
// the denylist itself is.
var ErrGap = errors.New("denylist: changes were missed")

// Change is one change of the denylist: how an entry stood after it.
type Change struct {
	Position string // behind this change
	At       time.Time
	Scope    Scope
	Digest   string // of issuer and id: what names the entry in Redis

	Revoked    bool      // it has a revoked half
	Cutoff     time.Time // of that half, in wide scopes
	Reinstated bool      // an operator took the revoked half back
	// EffectiveFrom is when the rotated half begins to deny; zero: it has none.
	EffectiveFrom time.Time
	ExpiresAt     time.Time

	// Entry is the entry as it stands when the change is told, which may be
	// after the next one. Nil: it is gone.
	Entry *Entry
}
