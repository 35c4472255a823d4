package denylist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxBatch is how many entries one script writes: about 10 ms of Redis.
const maxBatch = 1000

// Revoke implements [Store]. One call takes at most 1000 entries. With 16
// partitions an error that wraps ErrUnknown may mean that some of them are
// written.
func (r *Redis) Revoke(ctx context.Context, entries ...Entry) (Receipt, error) {
	return r.revokeAnd(ctx, entries, func(Receipt) {})
}

// revokeAnd is Revoke. What is acknowledged is told before checks of this
// store stop looking at the attempt.
func (r *Redis) revokeAnd(ctx context.Context, entries []Entry, acknowledged func(Receipt)) (Receipt, error) {
	if err := validateRevocations(entries); err != nil {
		return Receipt{}, err
	}
	if len(entries) > maxBatch {
		return Receipt{}, fmt.Errorf("%w: %d entries at once: want at most %d", ErrInvalid, len(entries), maxBatch)
	}
	if err := interrupted(ctx); err != nil {
		return Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	w := r.newWrite(entries)
	attempts := r.attempt(w)
	receipt, err := r.revoke(ctx, w)
	if err == nil {
		acknowledged(receipt)
	}
	r.settle(attempts, receipt, err)
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// write is entries on their way to Redis.
type write struct {
	entries []Entry
	places  []place
}

func (r *Redis) newWrite(entries []Entry) write {
	w := write{entries: entries, places: make([]place, len(entries))}
	for i, e := range entries {
		w.places[i] = r.keys.entry(e.Scope, e.Issuer, e.ID)
	}
	return w
}

// partitions are those of the entries; of none, the first.
func (w write) partitions() []int {
	var ps []int
	for _, at := range w.places {
		if !slices.Contains(ps, at.partition) {
			ps = append(ps, at.partition)
		}
	}
	if len(ps) == 0 {
		return []int{0}
	}
	return ps
}

// inPartition are the indexes of the entries of a partition.
func (w write) inPartition(p int) []int {
	var in []int
	for i, at := range w.places {
		if at.partition == p {
			in = append(in, i)
		}
	}
	return in
}

// attempt puts the entries where checks of this store find them (R16).
func (r *Redis) attempt(w write) []*attempt {
	now, _ := r.clock.guess()
	attempts := make([]*attempt, len(w.entries))
	for i, e := range w.entries {
		attempts[i] = r.pending.begin(w.places[i].key, e, r.policy.foresee(e, now), now)
	}
	return attempts
}

// foresee is e as it will be written at about now. A cutoff that Redis will
// refuse must not deny more than one that it takes.
func (p policy) foresee(e Entry, now time.Time) Entry {
	e, now = e.clone(), instant(now)
	e.Revoked.At = now
	if e.Scope.Wide() {
		if e.Revoked.Cutoff.IsZero() {
			e.Revoked.Cutoff = now
		}
		e.Revoked.Cutoff = earlier(instant(e.Revoked.Cutoff), now.Add(p.skewMargin))
	}
	e.ExpiresAt = p.expiry(e, now)
	return e
}

// settle notes what became of the attempts.
func (r *Redis) settle(attempts []*attempt, receipt Receipt, err error) {
	now, _ := r.clock.guess()
	for i, a := range attempts {
		switch {
		case err == nil:
			r.pending.written(a, receipt.Results[i].Entry)
		case errors.Is(err, ErrUnknown):
			r.pending.unknown(a, now)
		default:
			r.pending.refused(a)
		}
	}
}

// revoke writes the entries of each partition in one step.
func (r *Redis) revoke(ctx context.Context, w write) (Receipt, error) {
	partitions := w.partitions()
	when, err := r.oneInstant(ctx, w, partitions)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{Results: make([]Result, len(w.entries))}
	for i, p := range partitions {
		at, err := r.writeTo(ctx, p, w, &receipt, when)
		if err != nil && i > 0 && !errors.Is(err, ErrUnknown) {
			err = fmt.Errorf("%w: some entries are written: %w", ErrUnknown, err)
		}
		if err != nil {
			return Receipt{}, err
		}
		receipt.At = at
	}
	return receipt, nil
}

// timing is the instant at which entries are written, zero for Redis's now,
// and how much later those that are rotated are denied.
type timing struct {
	at      time.Time
	overlap time.Duration
}

// oneInstant reads the clock of partition 0 for writes that cannot read their
// own: cutoffs and logins (see Now) are instants on one clock (R6), and so is
// a write to several partitions. A cutoff that one of them would refuse is
// refused before any of them is asked.
func (r *Redis) oneInstant(ctx context.Context, w write, partitions []int) (timing, error) {
	open := slices.ContainsFunc(w.entries, func(e Entry) bool { return e.Scope.Wide() && e.Revoked.Cutoff.IsZero() })
	if r.keys.partitions() == 1 || len(partitions) == 1 && !open {
		return timing{}, nil
	}
	reply, err := r.run(ctx, clockScript, 0, nil, nil)
	if err != nil {
		return timing{}, unavailable("revoke", because(ctx, err))
	}
	for _, e := range w.entries {
		if _, err := r.policy.stamp(e, reply.at, 0); err != nil {
			return timing{}, err
		}
	}
	return timing{at: reply.at}, nil
}

// writeTo writes those entries that are in partition p, enters what became of
// them into the receipt, and returns the write's instant.
func (r *Redis) writeTo(ctx context.Context, p int, w write, receipt *Receipt, when timing) (at time.Time, err error) {
	in := w.inPartition(p)
	keys := make([]string, 0, len(in))
	args := append(make([]any, 0, 2+10*len(in)), millisText(when.at), when.overlap.Milliseconds())
	for _, i := range in {
		keys = append(keys, w.places[i].key)
		args = append(args, r.fields(w.entries[i], w.places[i])...)
	}
	reply, err := r.run(ctx, revokeScript, p, keys, args)
	if err != nil {
		return time.Time{}, r.writeError("revoke", because(ctx, err))
	}
	if reply.word == "cutoff" {
		return time.Time{}, fmt.Errorf("%w: cutoff is further ahead than %v", ErrInvalid, r.opts.SkewMargin)
	}
	if reply.word != "ok" || len(reply.fields) != 2*len(in) {
		return time.Time{}, r.writeError("revoke", errReply)
	}
	for n, i := range in {
		outcome, value := parseOutcome(reply.fields[2*n]), reply.fields[2*n+1]
		e, err := w.places[i].entry(value)
		if err != nil || outcome == 0 {
			return time.Time{}, r.writeError("revoke", errReply)
		}
		receipt.Results[i] = Result{Entry: e, Outcome: outcome}
	}
	if when.at.IsZero() {
		return reply.at, nil
	}
	return when.at, nil
}

func parseOutcome(word string) Outcome {
	for o := Recorded; o <= Obsolete; o++ {
		if o.String() == word {
			return o
		}
	}
	return 0
}

// fields are the arguments that make one entry: see stamp in common.lua.
func (r *Redis) fields(e Entry, at place) []any {
	lifetime := e.Lifetime
	if lifetime == 0 {
		lifetime = r.policy.lifetime
	}
	revoked, rotated, cutoff, reason := "0", "0", absent, absent
	if e.Revoked != nil {
		revoked, cutoff, reason = "1", millisText(e.Revoked.Cutoff), escape(e.Revoked.Reason)
	}
	if e.Rotated != nil {
		rotated = "1"
	}
	return []any{
		at.member(), escape(e.Issuer), escape(e.ID), millisText(e.Until), lifetime.Milliseconds(),
		millis(e.ExpiresAt), revoked, cutoff, reason, rotated,
	}
}
