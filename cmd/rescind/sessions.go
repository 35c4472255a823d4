package main

import (
	"fmt"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// openSessions opens the keys, and the sessions that they sign, on a store.
func (c *call) openSessions(store denylist.Store) (*rotation.Sessions, error) {
	if err := c.need("keys", "issuer"); err != nil {
		return nil, err
	}
	ring, err := c.openKeys()
	if err != nil {
		return nil, err
	}
	return c.sessionsOn(ring, store)
}

// sessionsOn wires sessions from the settings.
func (c *call) sessionsOn(ring *rotation.KeyRing, store denylist.Store) (*rotation.Sessions, error) {
	both, ok := store.(rotation.Store)
	if !ok {
		return nil, usageError("sessions need the store itself, not a server").hint("name it with --redis")
	}
	opts := c.sessionOptions()
	if c.inventory {
		if opts.Inventory, ok = store.(denylist.Inventory); !ok {
			return nil, usageError("session-inventory is set, but the store lists no sessions")
		}
	}
	sessions, err := rotation.New(ring, both, opts)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return sessions, nil
}

func (c *call) sessionOptions() rotation.Options {
	o := rotation.Options{
		Issuer:             c.issuer,
		Audience:           c.audience,
		Style:              rotation.Pair,
		AccessTTL:          c.accessTTL,
		RefreshTTL:         c.refreshTTL,
		SessionTTL:         c.sessionTTL,
		Leeway:             c.leeway,
		ReplayWindow:       c.replayWindow,
		VerifyOverlap:      c.verifyOverlap,
		RotateEvery:        c.rotateEvery,
		KeepOldAccess:      !c.rotateDeniesAccess,
		MaxAccessLifetime:  c.maxAccessLifetime,
		MaxRefreshLifetime: c.maxRefreshLifetime,
	}
	if c.style == "single" {
		o.Style = rotation.Single
	}
	if c.rotateEvery == 0 {
		o.RotateEvery = -1 // off: the library's 0 is its default
	}
	return o
}

// tokensAnswer is a new pair or token, in the shape of the HTTP API.
type tokensAnswer struct {
	AccessToken      string `json:"access_token"`
	TokenType        string `json:"token_type"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_expires_in,omitempty"`
	Scope            string `json:"scope,omitempty"`
}

// printTokens answers with new tokens: all of them, or the bare one that only
// names, for a pipe.
func (c *call) printTokens(t rotation.Tokens, only string) error {
	answer := tokensAnswer{
		AccessToken:  t.Access,
		TokenType:    "Bearer",
		ExpiresIn:    int64(t.AccessExpiresAt.Sub(t.IssuedAt).Seconds()),
		RefreshToken: t.Refresh,
		Scope:        strings.Join(t.Scope, " "),
	}
	if t.Refresh != "" {
		answer.RefreshExpiresIn = int64(t.RefreshExpiresAt.Sub(t.IssuedAt).Seconds())
	}
	switch {
	case only == "access":
		_, err := fmt.Fprintln(c.stdout, t.Access)
		return err
	case only == "refresh" && t.Refresh == "":
		return refused("there is no refresh token in single style")
	case only == "refresh":
		_, err := fmt.Fprintln(c.stdout, t.Refresh)
		return err
	case c.json:
		return c.printJSON(answer)
	}
	return c.printFacts(
		[2]string{"access token", t.Access}, [2]string{"expires", instant(t.AccessExpiresAt)},
		[2]string{"refresh token", t.Refresh}, [2]string{"expires", instant(t.RefreshExpiresAt)},
		[2]string{"session", t.Session}, [2]string{"ends", instant(t.SessionExpiresAt)},
	)
}

// trust says which tokens token verify accepts.
func (c *call) trust(types []string, rsa string) (verifier.Issuer, error) {
	keys, err := c.verifyingKeys(rsa)
	if err != nil {
		return verifier.Issuer{}, err
	}
	return verifier.Issuer{
		Name:        c.issuer,
		Keys:        keys,
		Audiences:   c.audience,
		Types:       types,
		MaxLifetime: c.maxAccessLifetime,
	}, nil
}

// entryOf is what revoking a genuine token denies: the session of a refresh
// token, otherwise the token alone.
func entryOf(c verifier.Claims) denylist.Entry {
	if c.Type() == "rt+jwt" && c.Session() != "" {
		return denylist.SessionEntry(c.Issuer(), c.Session(), c.SessionExpiresAt())
	}
	return denylist.TokenEntry(c.Issuer(), c.ID(), c.ExpiresAt())
}
