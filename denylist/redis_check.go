package denylist

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Check implements [Store]. It asks for all entries that may deny t in one
// round trip. "Redis answered" is not "Redis is the authority": a Redis that
// could not accept a revocation (a replica, full, without its replicas, unable
// to persist) cannot tell, so beside the read goes a write that changes
// nothing and that such a Redis refuses: see authority.
func (r *Redis) Check(ctx context.Context, t Token) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return err
	}
	places := r.keys.places(t)
	if err := r.attempted(places, t); err != nil {
		return err
	}
	ctx = r.checks.bound(ctx)
	found, err := r.read(ctx, places)
	if denial := r.denial(ctx, t, found); denial != nil {
		if errors.Is(denial, ErrRevoked) || err == nil {
			return denial
		}
	}
	if err != nil {
		return unavailable("check", because(ctx, err))
	}
	return nil
}

// attempted is what the revocations that this store attempted, and whose
// outcome it does not know, say of t (R16).
func (r *Redis) attempted(places []place, t Token) error {
	if r.pending.empty() {
		return nil
	}
	now, _ := r.clock.guess()
	return r.pending.check(places, t, now)
}

// denial returns a [*RevokedError] with the first entry that denies t, or the
// error that keeps it from telling.
func (r *Redis) denial(ctx context.Context, t Token, found []Entry) error {
	var cannotTell error
	for _, e := range found {
		if e.revokes(t) {
			return &RevokedError{Entry: e}
		}
		if e.Rotated == nil {
			continue
		}
		now, err := r.storeNow(ctx)
		if err != nil {
			cannotTell = unavailable("clock", because(ctx, err))
		} else if e.denies(t, now) {
			return &RevokedError{Entry: e}
		}
	}
	return cannotTell
}

// read returns the entries in some places, in their order; absent ones are
// left out. It asks once, each partition for its own. With an error it returns
// what it could read: one denial is enough.
func (r *Redis) read(ctx context.Context, places []place) ([]Entry, error) {
	sent := r.authority.enter()
	defer r.authority.leave()
	if r.keys.partitions() == 1 && !r.authority.due(0, sent) {
		a := asking{places: places, values: mget(ctx, places)}
		_ = r.client.Process(ctx, a.values) // which has its error
		found, err := a.entries()
		r.learn(a, sent, err)
		return found, err
	}
	pipe := r.client.Pipeline()
	var asked []asking
	for _, group := range byPartition(places) {
		a := asking{places: group, values: mget(ctx, group)}
		_ = pipe.Process(ctx, a.values)
		if p := group[0].partition; r.authority.due(p, sent) {
			a.probe = pipe.SetRange(ctx, r.keys.probe(p), 0, "")
		}
		asked = append(asked, a)
	}
	// Each command has its own error, which says as much.
	_, _ = pipe.Exec(ctx)
	var entries []Entry
	var failed error
	for _, a := range asked {
		found, err := a.entries()
		r.learn(a, sent, err)
		entries = append(entries, found...)
		failed = errors.Join(failed, err)
	}
	return entries, failed
}

// learn notes what an answer says of a partition's authority.
func (r *Redis) learn(a asking, sent int64, err error) {
	switch p := a.places[0].partition; {
	case err != nil:
		r.authority.doubted(p)
	case a.probe != nil:
		r.authority.proved(p, sent)
	}
}

// mget asks for the values in some places.
func mget(ctx context.Context, places []place) *redis.SliceCmd {
	args := make([]any, 1+len(places))
	args[0] = "mget"
	for i, p := range places {
		args[1+i] = p.key
	}
	return redis.NewSliceCmd(ctx, args...)
}

// byPartition groups places, keeping their order.
func byPartition(places []place) [][]place {
	var groups [][]place
next:
	for _, p := range places {
		for i, g := range groups {
			if g[0].partition == p.partition {
				groups[i] = append(g, p)
				continue next
			}
		}
		groups = append(groups, append(make([]place, 0, len(places)), p))
	}
	return groups
}

// asking is a question to one partition.
type asking struct {
	places []place
	values *redis.SliceCmd
	probe  *redis.IntCmd // nil: not needed
}

// entries are those that the partition keeps in the places. Where it answered
// and then fell silent over the probe, go-redis has both an error and values.
func (a asking) entries() ([]Entry, error) {
	values, err := a.values.Val(), a.values.Err()
	if len(values) != len(a.places) {
		return nil, cmp.Or(err, errReply)
	}
	var entries []Entry
	for i, value := range values {
		if value == nil {
			continue
		}
		e, foreign := a.places[i].entry(value)
		if foreign != nil {
			err = errors.Join(err, foreign)
			continue
		}
		entries = append(entries, e)
	}
	if a.probe != nil {
		err = errors.Join(err, a.probe.Err())
	}
	return entries, err
}

// entry reads a value found in a place.
func (p place) entry(value any) (Entry, error) {
	text, ok := value.(string)
	if !ok {
		return Entry{}, errReply
	}
	e, err := parseEntry(p.scope, text)
	if err != nil || member(e.Scope, e.Issuer, e.ID) != p.member() {
		return Entry{}, fmt.Errorf("%w under the key %.120q", errForeign, p.key)
	}
	return e, nil
}
