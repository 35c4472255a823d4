package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

func revokeCommand(fs *pflag.FlagSet) action {
	var what target
	var terms revocation
	what.flags(fs)
	terms.flags(fs)
	tokenFile := fs.String("token-file", "", "")
	return func(ctx context.Context, c *call) error {
		if err := terms.parse(); err != nil {
			return err
		}
		names := what.names()
		if len(names) > 1 || len(names) == 1 && *tokenFile != "" {
			return usageError("revoke one thing at a time").hint("a token on standard input, or one of --jti, --sid, --sub, --issuer-wide")
		}
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		if len(names) == 0 {
			return c.revokeToken(ctx, list, *tokenFile, terms)
		}
		issuer, err := c.issuerFor(list)
		if err != nil {
			return err
		}
		if err := c.refuseLoginName(list, issuer, what.sub); err != nil {
			return err
		}
		entry := denylist.Entry{Scope: names[0].scope, Issuer: issuer, ID: names[0].id, Revoked: &denylist.Revoked{}}
		if entry.Lifetime, err = c.lifetimeOf(list, entry); err != nil {
			return err
		}
		result, err := list.revoke(ctx, terms.on(entry), terms.barrier)
		return c.printResult(result, err)
	}
}

// revocation is how something is to be revoked.
type revocation struct {
	reason, cutoff, expiresAt string
	barrier                   bool
	cutoffAt, expires         time.Time
}

func (r *revocation) flags(fs *pflag.FlagSet) {
	fs.StringVar(&r.reason, "reason", "", "")
	fs.StringVar(&r.cutoff, "cutoff", "", "")
	fs.StringVar(&r.expiresAt, "expires-at", "", "")
	fs.BoolVar(&r.barrier, "barrier", false, "")
}

func (r *revocation) parse() (err error) {
	if r.cutoffAt, err = parseInstant("--cutoff", r.cutoff); err != nil {
		return err
	}
	r.expires, err = parseInstant("--expires-at", r.expiresAt)
	return err
}

// on returns the entry with the terms.
func (r *revocation) on(e denylist.Entry) denylist.Entry {
	e.ExpiresAt = r.expires
	e = e.WithReason(r.reason)
	e.Revoked.Cutoff = r.cutoffAt
	return e
}

func parseInstant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usageError("%s %q: want an instant such as 2026-01-31T12:00:00.000Z", flag, text)
	}
	return t, nil
}

// revokeToken revokes a token that is genuine, or the session of a refresh
// token. A server looks at the signature itself; with Redis it needs the keys.
func (c *call) revokeToken(ctx context.Context, list *denylister, path string, terms revocation) error {
	if terms.cutoff != "" {
		return usageError("a token has no cutoff").hint("--cutoff goes with --sub and --issuer-wide")
	}
	if r, ok := list.Store.(*remote); ok {
		raw, err := c.readToken(ctx, path)
		if err != nil {
			return err
		}
		if len(raw) > maxInspected {
			return refused("nothing was revoked: the token has more than %d bytes", maxInspected)
		}
		r.barrier = terms.barrier
		result, err := r.revokeToken(ctx, raw, terms)
		return c.printResult(result, err)
	}
	recognize, err := c.openRecognizer(list.Store)
	if err != nil {
		return err
	}
	raw, err := c.readToken(ctx, path)
	if err != nil {
		return err
	}
	claims, err := recognize(ctx, raw)
	if err != nil {
		return notRevoked(err, verifier.RefusalOf(err).Code)
	}
	result, err := list.revoke(ctx, terms.on(entryOf(claims)), terms.barrier)
	return c.printResult(result, err)
}

// notRevoked says what is left to do with a token that is refused, by the code
// of that. Of one that nobody can judge now, there is nothing to say.
func notRevoked(err error, code string) error {
	if exitCode(err) != exitRefused {
		return fmt.Errorf("nothing was revoked: %w", err)
	}
	f := refused("nothing was revoked: %w", err)
	if code == "token_malformed" {
		return f.hint(tokenAlone)
	}
	return f.hint("its ids can be revoked without it, if you believe them: rescind token inspect shows them, " +
		"for rescind revoke --jti, --sid or --sub")
}

// printResult says what became of a revocation. One that was not needed any
// more is a refusal: nothing was written.
func (c *call) printResult(result denylist.Result, err error) error {
	switch {
	case errors.Is(err, denylist.ErrUnknown):
		return cannotTell("%w", err).hint("it is not known whether the revocation was written, or has reached every check: repeat the command, which is safe")
	case err != nil:
		return err
	case result.Outcome == denylist.Obsolete:
		return refused("every token that this would deny has expired: nothing was written")
	case c.json:
		return c.printJSON(struct {
			Outcome string   `json:"outcome"`
			Entry   entryRow `json:"entry"`
		}{result.Outcome.String(), rowOf(result.Entry)})
	}
	c.say("%s", result.Outcome)
	return c.printEntries([]denylist.Entry{result.Entry})
}
