package denylist

import (
	"context"
	_ "embed"
)

var (
	//go:embed lua/throttle.lua
	throttleLua string
	//go:embed lua/tried.lua
	triedLua string

	throttleScript = script(throttleLua)
	triedScript    = script(triedLua)
)

// trialKeys are the keys of a trial's counts. All are in partition 0, so that
// one script sees them: whatever hashes passwords is slower than one slot.
func (r *Redis) trialKeys(t Trial) []string {
	n, head := t.names(), r.keys.heads[0]
	if t.Address == "" {
		return []string{head + n.account}
	}
	return []string{head + n.account, head + n.home, head + n.address}
}

// Try implements [Throttle].
func (r *Redis) Try(ctx context.Context, t Trial) error {
	if err := t.fit(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	reply, err := r.run(ctx, throttleScript, 0, r.trialKeys(t), []any{
		t.Limits.Account, accountDrain, t.Limits.Address, addressDrain, firstWait, longestWait, steps,
	})
	if err != nil {
		return r.writeError("login", because(ctx, err))
	}
	switch reply.word {
	case "ok":
		return nil
	case "wait":
		ms, err := parseMillis(reply.field(0))
		if err == nil && ms > 0 && ms <= longestWait {
			return throttled(ms)
		}
	}
	return r.writeError("login", errReply)
}

// Admit implements [Throttle].
func (r *Redis) Admit(ctx context.Context, t Trial) error { return r.tried(ctx, t, true) }

// Excuse implements [Throttle].
func (r *Redis) Excuse(ctx context.Context, t Trial) error { return r.tried(ctx, t, false) }

func (r *Redis) tried(ctx context.Context, t Trial, admitted bool) error {
	if err := t.fit(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.WriteTimeout)
	defer cancel()
	account, address := accountDrain, addressDrain
	if t.Limits.Account == 0 {
		account = 0
	}
	if t.Limits.Address == 0 {
		address = 0
	}
	_, err := r.run(ctx, triedScript, 0, r.trialKeys(t), []any{flag(admitted), account, address, homeLife})
	if err != nil {
		return r.writeError("login", because(ctx, err))
	}
	return nil
}
