package denylist

import (
	"context"
	_ "embed"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/inventory.lua
	inventoryLua    string
	inventoryScript = script(inventoryLua)
)

// listedFields are the fields of a session in an inventory.
const listedFields = 5

// inventory is the key of a subject's inventory: that of its entry, behind n.
func (k keys) inventory(issuer, subject string) (key string, p int) {
	place := k.entry(ScopeSubject, issuer, subject)
	return k.heads[place.partition] + "n:" + place.member()[len("u:"):], place.partition
}

// Enlist implements [Inventory].
func (r *Redis) Enlist(ctx context.Context, s Listed) error {
	if err := s.validate(); err != nil {
		return err
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	return r.writeInventory(ctx, s.Issuer, s.Subject,
		escape(s.Session), millis(s.Begun), millis(s.Ends), millis(s.IdleUntil), escape(s.Label))
}

// writeInventory runs inventory.lua with its arguments from the eighth.
func (r *Redis) writeInventory(ctx context.Context, issuer, subject string, args ...any) error {
	key, p := r.keys.inventory(issuer, subject)
	_, err := r.run(ctx, inventoryScript, p, []string{key}, append([]any{MaxListed}, args...))
	if err != nil {
		return r.writeError("inventory", because(ctx, err))
	}
	return nil
}

// Sessions implements [Inventory]: one GET, and where there is anything, one
// round trip for the chains and one for the entries.
func (r *Redis) Sessions(ctx context.Context, issuer, subject string) ([]Listed, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	list, err := r.inventory(ctx, issuer, subject)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	alive, gone, err := r.stillAlive(ctx, list)
	if err != nil {
		return nil, unavailable("inventory", because(ctx, err))
	}
	if len(gone) > 0 {
		// Should this fail, the next one who asks takes them out.
		_ = r.writeInventory(ctx, issuer, subject, append([]any{absent, 0, 0, 0, absent}, gone...)...)
	}
	return alive, nil
}

// inventory reads what a subject's inventory holds.
func (r *Redis) inventory(ctx context.Context, issuer, subject string) ([]Listed, error) {
	key, _ := r.keys.inventory(issuer, subject)
	value, err := r.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("inventory", because(ctx, err))
	}
	list, err := parseInventory(value)
	if err != nil {
		return nil, unavailable("inventory", err)
	}
	for i := range list {
		list[i].Issuer, list[i].Subject = issuer, subject
	}
	return list, nil
}

// parseInventory reads the value of an inventory: a version and five fields for
// each session.
func parseInventory(value string) ([]Listed, error) {
	f := strings.Split(value, " ")
	if f[0] != valueVersion || (len(f)-1)%listedFields != 0 || len(f) > 1+listedFields*MaxListed {
		return nil, errForeign
	}
	var list []Listed
	for f = f[1:]; len(f) > 0; f = f[listedFields:] {
		s := Listed{}
		var err [5]error
		s.Session, err[0] = unescape(f[0])
		s.Begun, err[1] = parseInstant(f[1])
		s.Ends, err[2] = parseInstant(f[2])
		s.IdleUntil, err[3] = parseInstant(f[3])
		s.Label, err[4] = unescape(f[4])
		if errors.Join(err[:]...) != nil || s.Session == "" || len(s.Session) > MaxID || !ValidLabel(s.Label) {
			return nil, errForeign
		}
		list = append(list, s)
	}
	return list, nil
}

// stillAlive returns those sessions of a subject that are, and the fields that
// name the others.
func (r *Redis) stillAlive(ctx context.Context, list []Listed) (alive []Listed, gone []any, err error) {
	now, err := r.storeNow(ctx)
	if err != nil {
		return nil, nil, err
	}
	shown, err := r.withChains(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	entries, err := r.endings(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range shown {
		if s.over(now) || r.revokedIn(entries, s, now) {
			gone = append(gone, escape(s.Session))
		} else {
			alive = append(alive, s)
		}
	}
	return alive, gone, nil
}

// endings are the entries that may end one of a subject's sessions.
func (r *Redis) endings(ctx context.Context, list []Listed) ([]Entry, error) {
	places := []place{
		r.keys.entry(ScopeSubject, list[0].Issuer, list[0].Subject),
		r.keys.entry(ScopeIssuer, list[0].Issuer, ""),
	}
	for _, s := range list {
		places = append(places, r.keys.entry(ScopeSession, s.Issuer, s.Session))
	}
	return r.read(ctx, places)
}

// revokedIn reports whether one of some entries ended a session, or an attempt
// of this store to do so, whose outcome it does not know (R16).
func (r *Redis) revokedIn(entries []Entry, s Listed, now time.Time) bool {
	t := s.token()
	for _, e := range entries {
		mine := e.Scope != ScopeSession || e.member() == r.keys.entry(ScopeSession, s.Issuer, s.Session).member()
		if mine && !over(e.ExpiresAt, now) && e.revokes(t) {
			return true
		}
	}
	places := []place{
		r.keys.entry(ScopeSession, s.Issuer, s.Session), r.keys.entry(ScopeSubject, s.Issuer, s.Subject),
		r.keys.entry(ScopeIssuer, s.Issuer, ""),
	}
	return r.attempted(places, t) != nil
}

// withChains adds what chains know: when a session was last exchanged, and when
// its newest token expires.
func (r *Redis) withChains(ctx context.Context, list []Listed) ([]Listed, error) {
	chains := make([]place, len(list))
	for i, s := range list {
		chains[i].key, chains[i].partition = r.keys.chain(s.Issuer, s.Session)
	}
	pipe := r.client.Pipeline()
	groups := byPartition(chains)
	asked := make([]*redis.SliceCmd, len(groups))
	for i, group := range groups {
		asked[i] = mget(ctx, len(group), group)
		_ = pipe.Process(ctx, asked[i])
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	values := map[string]any{}
	for i, group := range groups {
		found, err := asking{values: asked[i]}.answer(len(group))
		if err != nil {
			return nil, err
		}
		for j, value := range found {
			values[group[j].key] = value
		}
	}
	shown := make([]Listed, len(list))
	for i, s := range list {
		shown[i] = s
		if value := values[chains[i].key]; value != nil {
			at, until, err := parseRenewal(value)
			if err != nil {
				return nil, err
			}
			shown[i] = s.renewed(at, until)
		}
	}
	return shown, nil
}

// parseRenewal reads from the value of a chain when the session was last
// exchanged, and when its newest token expires.
func parseRenewal(value any) (at, until time.Time, err error) {
	text, _ := value.(string)
	f := strings.Split(text, " ")
	if len(f) != 9 || f[0] != valueVersion {
		return time.Time{}, time.Time{}, errForeign
	}
	at, err1 := parseInstant(f[2])
	until, err2 := parseInstant(f[6])
	return at, until, errors.Join(err1, err2)
}
