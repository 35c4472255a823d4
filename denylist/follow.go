package denylist

import "context"

// Follower is a store that tells people what changes. Find it by type
// assertion; Memory and Redis have it.
type Follower interface {
	// Follow calls fn for each change that is written from now on, in the
	// order of each partition, until fn returns an error, ctx ends or the
	// store cannot tell, and returns why. A change may be seen a moment late,
	// and of several to one entry each shows how it stands after the last: ask
	// Check whether a token is good.
	Follow(ctx context.Context, fn func(Change) error) error
}

// Change is one change of the denylist.
type Change struct {
	Scope  Scope
	Digest string // names the entry, also where nothing is left of it
	// Entry is how the entry stands. Nil: nothing is left of it.
	Entry      *Entry
	Reinstated bool // an operator took back the revoked half
	Missed     bool // changes before this one were not seen
}

// followers are those that follow a Memory. Its owner's lock guards them.
type followers map[*follower]struct{}

// followLag is how many changes one that follows may be behind.
const followLag = 256

type follower struct {
	changes chan Change
	missed  bool // the channel was full
}

// tell says to everyone who follows how an entry stands now (nil: nothing is
// left of it). It waits for nobody.
func (fs followers) tell(of Entry, now *Entry, reinstated bool) {
	if len(fs) == 0 {
		return
	}
	c := Change{Scope: of.Scope, Digest: digest(of.Issuer, of.ID), Reinstated: reinstated}
	for f := range fs {
		if now != nil {
			own := now.clone()
			c.Entry = &own
		}
		c.Missed = f.missed
		select {
		case f.changes <- c:
			f.missed = false
		default:
			f.missed = true
		}
	}
}

// Follow implements [Follower].
func (m *Memory) Follow(ctx context.Context, fn func(Change) error) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	f := &follower{changes: make(chan Change, followLag)}
	m.mu.Lock()
	m.followers[f] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.followers, f)
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-f.changes:
			if err := fn(c); err != nil {
				return err
			}
		}
	}
}
