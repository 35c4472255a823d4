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
	_, err := r.check(ctx, t)
	return err
}

// check is Check, with the entries that were found.
func (r *Redis) check(ctx context.Context, t Token) ([]Entry, error) {
	sent := r.authority.now()
	return r.checkUntil(ctx, t, sent, r.checks.end(sent))
}

// checkUntil is check of one that began at sent and has to be over at end.
func (r *Redis) checkUntil(ctx context.Context, t Token, sent int64, end *deadline) ([]Entry, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	if err := t.validate(); err != nil {
		return nil, err
	}
	places := r.keys.places(t)
	if err := r.attempted(places, t); err != nil {
		return nil, err
	}
	found, err := r.ask(ctx, end, places, sent)
	if len(found) == 0 && err == nil {
		return nil, nil
	}
	ctx = end.bound(ctx)
	if denial := r.denial(ctx, t, found); denial != nil {
		if errors.Is(denial, ErrRevoked) || err == nil {
			return found, denial
		}
	}
	if err != nil {
		return found, unavailable("check", because(ctx, err))
	}
	return found, nil
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
			return &RevokedError{Entry: e.of(t)}
		}
		if e.Rotated == nil {
			continue
		}
		now, err := r.storeNow(ctx)
		if err != nil {
			cannotTell = unavailable("clock", because(ctx, err))
		} else if e.denies(t, now) {
			return &RevokedError{Entry: e.of(t)}
		}
	}
	return cannotTell
}

// ask is read for a check that began at sent: those that run at once share
// their round trips. A caller who is alone goes straight through.
func (r *Redis) ask(ctx context.Context, end *deadline, places []place, sent int64) ([]Entry, error) {
	company := r.authority.enter()
	defer r.authority.leave()
	if company <= straight {
		return r.readAlone(end.bound(ctx), places, sent)
	}
	if r.keys.partitions() == 1 {
		return r.flights[0].board(places, sent).entries(ctx, end)
	}
	groups := byPartition(places)
	seats := make([]seat, len(groups))
	for i, group := range groups {
		seats[i] = r.flights[group[0].partition].board(group, sent)
	}
	var entries []Entry
	var failed error
	for _, s := range seats {
		found, err := s.entries(ctx, end)
		entries = append(entries, found...)
		failed = errors.Join(failed, err)
	}
	return entries, failed
}

// fly asks one partition for the values of all who are aboard. The time is the
// store's: theirs end when they like.
func (r *Redis) fly(p int, f *flight) {
	sent := r.authority.now()
	ctx := r.checks.end(sent).bound(context.Background())
	a := asking{partition: p, values: mget(ctx, f.keys, f.asked...)}
	if r.authority.due(p, sent) {
		pipe := r.client.Pipeline()
		_ = pipe.Process(ctx, a.values)
		a.probe = pipe.SetRange(ctx, r.keys.probe(p), 0, "")
		_, _ = pipe.Exec(ctx) // each command has its own error
	} else {
		_ = r.client.Process(ctx, a.values) // which has its error
	}
	f.values, f.err = a.answer(f.keys)
	r.learn(a, sent, f.err)
}

// read returns the entries in some places, in their order; absent ones are
// left out. It asks once, each partition for its own. With an error it returns
// what it could read: one denial is enough.
func (r *Redis) read(ctx context.Context, places []place) ([]Entry, error) {
	r.authority.enter()
	defer r.authority.leave()
	return r.readAlone(ctx, places, r.authority.now())
}

// readAlone is read, begun at sent.
func (r *Redis) readAlone(ctx context.Context, places []place, sent int64) ([]Entry, error) {
	if r.keys.partitions() == 1 && !r.authority.due(0, sent) {
		a := asking{values: mget(ctx, len(places), places)}
		_ = r.client.Process(ctx, a.values)
		return r.heard(a, places, sent)
	}
	pipe := r.client.Pipeline()
	groups := byPartition(places)
	asked := make([]asking, len(groups))
	for i, group := range groups {
		a := asking{partition: group[0].partition, values: mget(ctx, len(group), group)}
		_ = pipe.Process(ctx, a.values)
		if r.authority.due(a.partition, sent) {
			a.probe = pipe.SetRange(ctx, r.keys.probe(a.partition), 0, "")
		}
		asked[i] = a
	}
	_, _ = pipe.Exec(ctx)
	var entries []Entry
	var failed error
	for i, a := range asked {
		found, err := r.heard(a, groups[i], sent)
		entries = append(entries, found...)
		failed = errors.Join(failed, err)
	}
	return entries, failed
}

// heard returns the entries in some places, and notes what their partition's
// answer says of its authority.
func (r *Redis) heard(a asking, places []place, sent int64) ([]Entry, error) {
	values, err := a.answer(len(places))
	entries, err := entriesIn(places, values, err)
	r.learn(a, sent, err)
	return entries, err
}

// learn notes what an answer says of a partition's authority.
func (r *Redis) learn(a asking, sent int64, err error) {
	switch {
	case err != nil:
		r.authority.doubted(a.partition)
	case a.probe != nil:
		r.authority.proved(a.partition, sent)
	}
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
	partition int
	values    *redis.SliceCmd
	probe     *redis.IntCmd // nil: not needed
}

// mget asks for the values of so many keys. A pointer to a key is sent as the
// key, and costs no copy.
func mget(ctx context.Context, keys int, asked ...[]place) *redis.SliceCmd {
	args := make([]any, 1, 1+keys)
	args[0] = "mget"
	for _, places := range asked {
		for i := range places {
			args = append(args, &places[i].key)
		}
	}
	return redis.NewSliceCmd(ctx, args...)
}

// answer are the values of so many keys; or none, with an error. Where Redis
// answered and then fell silent over the probe, there are both.
func (a asking) answer(keys int) ([]any, error) {
	values, err := a.values.Val(), a.values.Err()
	if len(values) != keys {
		return nil, cmp.Or(err, errReply)
	}
	if a.probe != nil {
		err = errors.Join(err, a.probe.Err())
	}
	return values, err
}

// entriesIn are those that a partition keeps in some places, as its answer
// says. What is foreign there is an error too, and no reason to leave out the
// rest.
func entriesIn(places []place, values []any, err error) ([]Entry, error) {
	var entries []Entry
	for i, value := range values {
		if value == nil {
			continue
		}
		e, foreign := places[i].entry(value)
		if foreign != nil {
			err = errors.Join(err, foreign)
			continue
		}
		entries = append(entries, e)
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
	if err == nil && e.Issuer == "" {
		e.Digest = p.member()[len("t:"):]
	}
	if err != nil || e.member() != p.member() {
		return Entry{}, fmt.Errorf("%w under the key %.120q", errForeign, p.key)
	}
	return e, nil
}
