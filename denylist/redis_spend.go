package denylist

import (
	"context"
	"errors"
	"fmt"
)

// Spend implements [Spender].
func (r *Redis) Spend(ctx context.Context, t Token, s Successor, how Exchange) (Spent, error) {
	if err := validateSpend(t, s, how); err != nil {
		return Spent{}, err
	}
	if err := r.spendsElsewhere(t, how); err != nil {
		return Spent{}, err
	}
	if err := interrupted(ctx); err != nil {
		return Spent{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	x := r.newExchange(t, s, how)
	spent, err := r.spend(ctx, x, false)
	if err == nil && r.keys.partitions() > 1 {
		err = r.finish(ctx, x, spent)
	}
	if err != nil {
		return Spent{}, err
	}
	return spent, nil
}

// Spendable implements [Spender].
func (r *Redis) Spendable(ctx context.Context, t Token) error {
	if err := t.validateSpendable(); err != nil {
		return err
	}
	if err := interrupted(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.CheckTimeout)
	defer cancel()
	_, err := r.spend(ctx, r.newExchange(t, Successor{}, Exchange{}), true)
	return err
}

// spendsElsewhere refuses to deny the very token that is spent in a step of
// its own: of 16 partitions the chain's is hardly ever the token's, and a
// verifier would accept the spent token where the second step fails.
func (r *Redis) spendsElsewhere(t Token, how Exchange) error {
	if r.keys.partitions() == 1 {
		return nil
	}
	for _, e := range how.Denies {
		if e.Issuer == t.Issuer && e.ID == t.ID {
			return fmt.Errorf("%w: with %d partitions the token that is spent cannot be denied in the same step",
				ErrInvalid, r.keys.partitions())
		}
	}
	return nil
}

// exchange is a spending on its way to Redis.
type exchange struct {
	token     Token
	successor Successor
	how       Exchange
	chain     string
	partition int     // the chain's, where the token is spent
	here      []place // entries there that may deny the token
	elsewhere []place // the others
	denies    write
}

func (r *Redis) newExchange(t Token, s Successor, how Exchange) exchange {
	x := exchange{token: t, successor: s, how: how, denies: r.newWrite(how.Denies)}
	x.chain, x.partition = r.keys.chain(t.Issuer, t.Session)
	for _, p := range r.keys.places(t) {
		if p.partition == x.partition {
			x.here = append(x.here, p)
		} else {
			x.elsewhere = append(x.elsewhere, p)
		}
	}
	return x
}

// spend runs the table of [Spender.Spend]; dry writes nothing.
func (r *Redis) spend(ctx context.Context, x exchange, dry bool) (Spent, error) {
	denied, err := r.denied(ctx, x)
	if err != nil {
		return Spent{}, err
	}
	keys, args := []string{x.chain}, r.spendArgs(x, dry, denied != nil)
	for _, p := range x.here {
		keys = append(keys, p.key)
	}
	if r.keys.partitions() == 1 {
		for i, p := range x.denies.places {
			keys = append(keys, p.key)
			args = append(args, r.fields(x.denies.entries[i], p)...)
		}
	}
	reply, err := r.run(ctx, spendScript, x.partition, keys, args)
	if err != nil {
		return Spent{}, r.spendError(because(ctx, err), dry)
	}
	return r.spent(reply, x, denied, dry)
}

// spendArgs are the arguments of spend.lua, but for the Denies.
func (r *Redis) spendArgs(x exchange, dry, denied bool) []any {
	t, s := x.token, x.successor
	return []any{
		flag(dry), flag(denied), t.Rotation, escape(t.ID), millis(t.ExpiresAt), millis(t.Login),
		millis(r.policy.outlive(later(t.ExpiresAt, x.how.Keep))), escape(s.ID), millis(s.IssuedAt), millis(s.ExpiresAt),
		escape(keyDigest(t.Issuer, s.Key)), escape(s.Note),
		x.how.Window.Milliseconds(), x.how.Overlap.Milliseconds(), len(x.here),
	}
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

// spent reads a reply of spend.lua.
func (r *Redis) spent(reply reply, x exchange, denied error, dry bool) (Spent, error) {
	switch reply.word {
	case "won", "replayed":
		if dry {
			return Spent{}, nil
		}
		s, err := reply.spent()
		if err != nil {
			return Spent{}, r.spendError(err, dry)
		}
		return s, nil
	case "expired":
		if reply.field(0) == "successor" {
			return Spent{}, fmt.Errorf("%w: so has the successor on record", ErrExpired)
		}
		return Spent{}, ErrExpired
	case "reused":
		return Spent{}, reused(reply.field(0))
	case "revoked":
		return Spent{}, x.denial(reply, denied)
	}
	return Spent{}, r.spendError(errReply, dry)
}

// spendError is the error of a spending that has no answer.
func (r *Redis) spendError(err error, dry bool) error {
	if dry {
		return unavailable("spendable", err)
	}
	return r.writeError("spend", err)
}

// spent is the successor on record.
func (r reply) spent() (Spent, error) {
	if len(r.fields) != 5 {
		return Spent{}, errReply
	}
	id, err1 := unescape(r.fields[1])
	note, err2 := unescape(r.fields[4])
	at, err3 := r.instant(0)
	iat, err4 := r.instant(2)
	exp, err5 := r.instant(3)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return Spent{}, err
	}
	return Spent{
		Successor: Successor{ID: id, IssuedAt: iat, ExpiresAt: exp, Note: note},
		Replayed:  r.word == "replayed",
		At:        at,
	}, nil
}

func reused(why string) error {
	switch why {
	case "key":
		return fmt.Errorf("%w: with another key", ErrReused)
	case "window":
		return fmt.Errorf("%w: longer ago than the window", ErrReused)
	}
	return fmt.Errorf("%w: by another token of the session", ErrReused)
}

// denial is the [*RevokedError] of a reply: one of the entries that the script
// asked, counted from 1, or what was found elsewhere.
func (x exchange) denial(reply reply, elsewhere error) error {
	for i, p := range x.here {
		if reply.field(0) != fmt.Sprint(1+i) {
			continue
		}
		e, err := p.entry(reply.field(1))
		if err != nil {
			return unavailable("spend", err)
		}
		return &RevokedError{Entry: e.of(x.token)}
	}
	if elsewhere == nil {
		return unavailable("spend", errReply)
	}
	return elsewhere
}

// denied returns a denial by a revoked half that the script of the chain's
// partition cannot see: attempts of this store whose outcome is not known, and
// entries of other partitions. err: it cannot tell.
func (r *Redis) denied(ctx context.Context, x exchange) (denied, err error) {
	err = r.attempted(append(x.here[:len(x.here):len(x.here)], x.elsewhere...), x.token)
	if errors.Is(err, ErrRevoked) {
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	return r.deniedElsewhere(ctx, x)
}

// deniedElsewhere is denied by an entry of another partition.
func (r *Redis) deniedElsewhere(ctx context.Context, x exchange) (denied, err error) {
	if len(x.elsewhere) == 0 {
		return nil, nil
	}
	found, err := r.read(ctx, x.elsewhere)
	for _, e := range found {
		if e.revokes(x.token) {
			return &RevokedError{Entry: e.of(x.token)}, nil
		}
	}
	if err != nil {
		return nil, unavailable("spend", because(ctx, err))
	}
	return nil, nil
}

// finish is the second step of an exchange over 16 partitions: the Denies go
// to their own, and what may deny the token elsewhere is asked again, since it
// may have been written meanwhile. An attempt that fails here is healed by its
// retry.
func (r *Redis) finish(ctx context.Context, x exchange, spent Spent) error {
	if len(x.denies.entries) > 0 {
		if err := r.denyApart(ctx, x, spent); err != nil {
			return halfSpent(err)
		}
	}
	denied, err := r.deniedElsewhere(ctx, x)
	if err != nil {
		return halfSpent(err)
	}
	return denied
}

// denyApart writes the Denies to their own partitions.
func (r *Redis) denyApart(ctx context.Context, x exchange, spent Spent) error {
	receipt := Receipt{Results: make([]Result, len(x.denies.entries))}
	when := timing{at: spent.At, overlap: x.how.Overlap}
	for _, p := range x.denies.partitions() {
		if _, err := r.writeTo(ctx, p, x.denies, &receipt, when); err != nil {
			return err
		}
	}
	return nil
}

// halfSpent is the error of an exchange whose first step is on record.
func halfSpent(err error) error {
	if errors.Is(err, ErrUnknown) {
		return err
	}
	return fmt.Errorf("%w: the token is spent: %w", ErrUnknown, err)
}
