package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
)

// checkCommand says what denies the ids that are named. It takes no tokens: what an
// unverified token says of itself proves nothing, and rescind token verify
// asks in the right order (R1).
func checkCommand(fs *pflag.FlagSet) action {
	var what target
	what.flags(fs)
	return func(ctx context.Context, c *call) error {
		if len(what.names()) == 0 {
			return usageError("nothing to check").
				hint("name --jti, --sid, --sub or --issuer-wide; a token is checked with rescind token verify")
		}
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		issuer, err := c.issuerFor(list)
		if err != nil {
			return err
		}
		if err := c.refuseLoginName(list, issuer, what.sub); err != nil {
			return err
		}
		found := []denylist.Entry{}
		for _, n := range what.names() {
			entry, err := list.Get(ctx, n.scope, issuer, n.id)
			switch {
			case err == nil:
				found = append(found, entry)
			case !errors.Is(err, denylist.ErrNotFound):
				return err
			}
		}
		return c.printVerdict(found)
	}
}

// printVerdict answers what was found; a denial is exit code 1.
func (c *call) printVerdict(found []denylist.Entry) error {
	var err error
	switch {
	case c.json:
		err = c.printJSON(map[string]any{"denied": len(found) > 0, "entries": rowsOf(found)})
	case len(found) > 0:
		err = c.printEntries(found)
	default:
		_, err = fmt.Fprintln(c.stdout, "nothing denies it")
	}
	if err != nil || len(found) == 0 {
		return err
	}
	return refused("denied by %d of the entries that were asked for", len(found))
}

func listCommand(fs *pflag.FlagSet) action {
	scope := fs.String("scope", "", "")
	cursor := fs.String("cursor", "", "")
	limit := fs.Int("limit", 0, "")
	return func(ctx context.Context, c *call) error {
		q := denylist.Query{Cursor: *cursor, Limit: *limit}
		if *scope != "" {
			var err error
			if q.Scope, err = denylist.ParseScope(*scope); err != nil {
				return usageError("--scope: %w", err)
			}
		}
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		page, err := list.List(ctx, q)
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(map[string]any{"entries": rowsOf(page.Entries), "next": page.Next})
		}
		if page.Next != "" {
			c.say("there are more: --cursor %s", page.Next)
		}
		return c.printEntries(page.Entries)
	}
}

func reinstateCommand(fs *pflag.FlagSet) action {
	var what target
	what.flags(fs)
	return func(ctx context.Context, c *call) error {
		n, err := what.one()
		if err != nil {
			return err
		}
		list, err := c.openDenylist(ctx)
		if err != nil {
			return err
		}
		defer list.close()
		issuer, err := c.issuerFor(list)
		if err != nil {
			return err
		}
		left, err := list.Reinstate(ctx, n.scope, issuer, n.id)
		switch {
		case errors.Is(err, denylist.ErrSpent):
			return refused("%w", err).hint("the token was exchanged, which nothing takes back")
		case err != nil:
			return err
		case c.json:
			return c.printJSON(map[string]any{"reinstated": true, "left": rowsOf(remaining(left))})
		case left.Scope.Valid():
			c.say("the revocation is gone; that the token was exchanged stands")
		}
		if n.scope == denylist.ScopeIssuer {
			n.id = issuer
		}
		_, err = fmt.Fprintf(c.stdout, "reinstated %s %s\n", n.scope, printable(n.id))
		return err
	}
}

// remaining is what Reinstate left of an entry, as a list of none or one.
func remaining(left denylist.Entry) []denylist.Entry {
	if !left.Scope.Valid() {
		return nil
	}
	return []denylist.Entry{left}
}
