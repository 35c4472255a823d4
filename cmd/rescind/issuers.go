package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rescindhq/rescind/cmd/internal/trust"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// tableHint is for a table that is wrong.
const tableHint = "each issuer has a table [[issuers]] of its own; docs/issuers.md lists its keys"

// otherIssuers are those of the [[issuers]] tables. Nothing is fetched yet.
func (c *call) otherIssuers() ([]verifier.Issuer, error) {
	issuers, err := trust.Issuers(c.issuerTables)
	if err != nil {
		return nil, usageError("[[issuers]]: %w", err).hint(tableHint)
	}
	for _, name := range c.forwardAuthIssuers {
		if !slices.ContainsFunc(issuers, func(i verifier.Issuer) bool { return i.Name == name }) {
			return nil, usageError("%s: %q is in no [[issuers]] table", c.origin["forward-auth-issuers"], name).
				hint("the --config file has a table [[issuers]] for each, whose name is the iss of its tokens, byte for byte")
		}
	}
	return issuers, nil
}

// trustedIssuers are those whose tokens token verify accepts: ours, unless only
// other issuers are named, and those.
func (c *call) trustedIssuers(types []string, rsa string) ([]verifier.Issuer, error) {
	others, err := c.otherIssuers()
	if err != nil || c.onlyOthers() {
		return others, err
	}
	if err := c.need("keys", "issuer"); err != nil {
		return nil, err
	}
	ours, err := c.trust(types, rsa)
	return append(others, ours), err
}

// onlyOthers reports whether the settings say nothing of an issuer of ours.
func (c *call) onlyOthers() bool {
	return len(c.issuerTables) > 0 && !c.set("keys") && !c.set("issuer")
}

// recognizer tells whose a token is that is to be revoked, expired or not.
type recognizer func(ctx context.Context, raw string) (verifier.Claims, error)

// openRecognizer knows our own tokens, of any type, and those of the other
// issuers.
func (c *call) openRecognizer(store denylist.Store) (recognizer, error) {
	var ours recognizer
	if !c.onlyOthers() {
		sessions, err := c.openSessions(store)
		if err != nil {
			return nil, err
		}
		ours = sessions.Recognize
	}
	if len(c.issuerTables) == 0 {
		return ours, nil
	}
	others, err := c.verifierOfOthers(store)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, raw string) (verifier.Claims, error) {
		if ours != nil {
			claims, err := ours(ctx, raw)
			if !errors.Is(err, verifier.ErrIssuer) {
				return claims, err
			}
		}
		return others.Recognize(ctx, raw)
	}, nil
}

func (c *call) verifierOfOthers(list verifier.Denylist) (*verifier.Verifier, error) {
	issuers, err := c.otherIssuers()
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(list, issuers, verifier.Options{Leeway: c.leeway, NoCache: true})
	if err != nil {
		return nil, usageError("[[issuers]]: %w", err).hint(tableHint)
	}
	return v, nil
}

// foreignLife is how long a session of an issuer may live of which nothing else
// is known, as in the server.
const foreignLife = 90 * day

// lifetimeOf is how long an entry must last whose end is not known (R5): 0, the
// store's default, which is about our tokens, unless a table says more about
// its issuer. One that --issuer names need not be ours, and where it has no
// table, nothing that is set here is about it.
func (c *call) lifetimeOf(list verifier.Denylist, entry denylist.Entry) (time.Duration, error) {
	var unknown time.Duration
	if c.origin["issuer"] == "--issuer" {
		unknown = max(foreignLife, c.longestLifetime())
	}
	if len(c.issuerTables) == 0 {
		return unknown, nil
	}
	v, err := c.verifierOfOthers(list)
	if err != nil {
		return 0, err
	}
	if entry.Scope == denylist.ScopeToken {
		return cmp.Or(v.MaxLifetime(entry.Issuer), unknown), nil
	}
	return cmp.Or(v.SessionLife(entry.Issuer), unknown), nil
}
