package denylist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxBatch is how many entries one script writes: about 10 ms of Redis.
const maxBatch = 1000

// Revoke implements [Store]. One call takes at most 1000 entries. With 16
// partitions an error that wraps ErrUnknown may mean that some of them are
// written.
func (r *Redis) Revoke(ctx context.Context, entries ...Entry) (Receipt, error) {
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
	r.attempt(w)
	receipt, err := r.revoke(ctx, w)
	r.settle(w, receipt, err)
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
func (r *Redis) attempt(w write) {
	now, _ := r.clock.guess()
	for i, e := range w.entries {
		r.pending.begin(w.places[i].key, e, r.policy.foresee(e, now), now)
	}
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

// settle notes what became of the attempt.
func (r *Redis) settle(w write, receipt Receipt, err error) {
	now, _ := r.clock.guess()
	for i, e := range w.entries {
		switch key := w.places[i].key; {
		case err == nil:
			r.pending.written(key, e, receipt.Results[i].Entry)
		case errors.Is(err, ErrUnknown):
			r.pending.unknown(key, e, now)
		default:
			r.pending.refused(key)
		}
	}
}

// revoke writes the entries of each partition in one step.
func (r *Redis) revoke(ctx context.Context, w write) (Receipt, error) {
	receipt := Receipt{Results: make([]Result, len(w.entries))}
	entries, err := r.oneClock(ctx, w.entries)
	if err != nil {
		return Receipt{}, unavailable("revoke", because(ctx, err))
	}
	w.entries = entries
	written := false
	for p := range r.keys.partitions() {
		in := w.inPartition(p)
		if len(in) == 0 && (len(w.entries) > 0 || p > 0) {
			continue
		}
		at, err := r.writeTo(ctx, p, w, in, &receipt, rotation{})
		if err != nil && written && !errors.Is(err, ErrUnknown) {
			err = fmt.Errorf("%w: some entries are written: %w", ErrUnknown, err)
		}
		if err != nil {
			return Receipt{}, err
		}
		receipt.At, written = later(receipt.At, at), true
	}
	return receipt, nil
}

// oneClock gives wide entries without a cutoff that of partition 0: cutoffs
// and logins (see Now) are instants on one clock (R6). Where there is but one
// partition, the write itself reads it.
func (r *Redis) oneClock(ctx context.Context, entries []Entry) ([]Entry, error) {
	if r.keys.partitions() == 1 {
		return entries, nil
	}
	var now time.Time
	dated := make([]Entry, len(entries))
	for i, e := range entries {
		dated[i] = e.clone()
		if !e.Scope.Wide() || !e.Revoked.Cutoff.IsZero() {
			continue
		}
		if now.IsZero() {
			reply, err := r.run(ctx, clockScript, 0, nil, nil)
			if err != nil {
				return nil, err
			}
			now = reply.at
		}
		dated[i].Revoked.Cutoff = now
	}
	return dated, nil
}

// rotation is when the tokens of entries were rotated, zero for now, and how
// much later they are denied.
type rotation struct {
	at      time.Time
	overlap time.Duration
}

// writeTo writes those entries that are in partition p and enters what became
// of them into the receipt.
func (r *Redis) writeTo(ctx context.Context, p int, w write, in []int, receipt *Receipt, when rotation) (time.Time, error) {
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
	return reply.at, nil
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
