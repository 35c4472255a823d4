package denylist

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed lua/mark.lua
var markLua string

var markScript = script(markLua)

// markKey is the key of a mark: that of the entry of the same name, behind m.
func (k keys) markKey(p place) string { return k.heads[p.partition] + "m:" + p.member() }

// oneSlot refuses partitions: marks are for single tokens, which need one.
func (r *Redis) oneSlot() error {
	if r.keys.partitions() > 1 {
		return fmt.Errorf("%w: %w", ErrInvalid, ErrNoMarks)
	}
	return nil
}

// Mark implements [Marker].
func (r *Redis) Mark(ctx context.Context, marks ...Mark) (time.Time, error) {
	if err := validateMarks(marks); err != nil {
		return time.Time{}, err
	}
	if err := r.oneSlot(); err != nil {
		return time.Time{}, err
	}
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	var names []string
	var args []any
	for _, m := range marks {
		names = append(names, r.keys.markKey(r.keys.entry(m.Scope, m.Issuer, m.ID)))
		args = append(args, millisText(m.Until), m.lifetime(r.policy).Milliseconds())
	}
	reply, err := r.run(ctx, markScript, 0, names, args)
	if err != nil {
		return time.Time{}, r.writeError("mark", because(ctx, err))
	}
	at, err := reply.instant(0)
	if err != nil || reply.word != "ok" {
		return time.Time{}, r.writeError("mark", errReply)
	}
	return at, nil
}

// Marked implements [Marker]: one MGET of at most four keys. Whether Redis
// would take a mark right now is not asked: nothing is denied by one.
func (r *Redis) Marked(ctx context.Context, t Token) (time.Time, error) {
	if err := t.validate(); err != nil {
		return time.Time{}, err
	}
	if err := r.oneSlot(); err != nil {
		return time.Time{}, err
	}
	if err := interrupted(ctx); err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.CheckTimeout)
	defer cancel()
	places := r.keys.places(t)
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = r.keys.markKey(p)
	}
	values, err := r.client.MGet(ctx, names...).Result()
	if err == nil && len(values) != len(names) {
		err = errReply
	}
	if err != nil {
		return time.Time{}, unavailable("marks", because(ctx, err))
	}
	return latestMark(t, places, values)
}

// latestMark reads the values of the marks that may be meant for t.
func latestMark(t Token, places []place, values []any) (time.Time, error) {
	var latest time.Time
	for i, value := range values {
		if value == nil {
			continue
		}
		text, _ := value.(string)
		at, err := markInstant(text)
		if err != nil {
			return time.Time{}, unavailable("marks", err)
		}
		if concerns(places[i].scope, at, t) {
			latest = later(latest, at)
		}
	}
	return latest, nil
}

// markInstant reads the value of a mark: a version and an instant.
func markInstant(value string) (time.Time, error) {
	instant, ok := strings.CutPrefix(value, valueVersion+" ")
	ms, err := parseMillis(instant)
	if !ok || err != nil || ms < 0 {
		return time.Time{}, errForeign
	}
	return atMillis(ms), nil
}
