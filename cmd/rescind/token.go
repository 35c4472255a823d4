package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/cmd/internal/trust"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

// tokenIssue begins a session without a login. It needs Redis for one thing:
// a session's first instant is on Redis's clock, so that a cutoff means the
// same to every token (R6).
func tokenIssue(fs *pflag.FlagSet) action {
	sub := fs.String("sub", "", "")
	scope := fs.StringSlice("scope", nil, "")
	client := fs.String("client-id", "", "")
	only := onlyFlag(fs)
	return func(ctx context.Context, c *call) error {
		if *sub == "" {
			return usageError("missing --sub").hint("whom the tokens are for: an id, never a login name")
		}
		sessions, done, err := c.openRedisSessions(ctx, *only)
		if err != nil {
			return err
		}
		defer done()
		at, err := sessions.Now(ctx)
		if err != nil {
			return cannotTell("asking Redis for the time: %w", err)
		}
		tokens, err := sessions.Login(ctx, rotation.Login{At: at, Subject: *sub, Scope: *scope, ClientID: *client})
		if err != nil {
			return err
		}
		return c.printTokens(tokens, *only)
	}
}

func tokenRotate(fs *pflag.FlagSet) action {
	tokenFile := fs.String("token-file", "", "")
	key := fs.String("idempotency-key", "", "")
	client := fs.String("client-id", "", "")
	only := onlyFlag(fs)
	return func(ctx context.Context, c *call) error {
		sessions, done, err := c.openRedisSessions(ctx, *only)
		if err != nil {
			return err
		}
		defer done()
		raw, err := c.readToken(ctx, *tokenFile)
		if err != nil {
			return err
		}
		tokens, err := sessions.Exchange(ctx, raw, rotation.Attempt{IdempotencyKey: *key, ClientID: *client})
		switch {
		case errors.Is(err, denylist.ErrReused):
			return (&failure{code: exitRefused, err: err}).hint("a token buys one successor; presenting it again ended its session")
		case errors.Is(err, denylist.ErrUnknown):
			return cannotTell("%w", err).hint("repeat the command: within the replay window the answer is the same successor")
		case err != nil:
			return err
		}
		if tokens.Replayed {
			c.say("exchanged before: this is the same successor")
		}
		return c.printTokens(tokens, *only)
	}
}

func onlyFlag(fs *pflag.FlagSet) *string {
	only := new(string)
	choice(fs, only, "only", "", "access", "refresh")
	return only
}

// openRedisSessions opens sessions in Redis: minting needs its clock, and an
// exchange its chain.
func (c *call) openRedisSessions(ctx context.Context, only string) (*rotation.Sessions, func(), error) {
	if only == "refresh" && c.style == "single" { // found out later, the token would be spent and its successor lost
		return nil, nil, usageError("--only refresh: there is no refresh token in single style")
	}
	if err := c.need("redis", "keys", "issuer"); err != nil {
		return nil, nil, err
	}
	list, err := c.openRedis(ctx)
	if err != nil {
		return nil, nil, err
	}
	sessions, err := c.openSessions(list.Store)
	if err != nil {
		list.close()
		return nil, nil, err
	}
	return sessions, list.close, nil
}

func tokenVerify(fs *pflag.FlagSet) action {
	tokenFile := fs.String("token-file", "", "")
	types := fs.StringSlice("type", nil, "")
	rsa := fs.String("alg", "", "")
	return func(ctx context.Context, c *call) error {
		trusted, err := c.trustedIssuers(*types, *rsa)
		if err != nil {
			return err
		}
		ask, err := c.denylistOrNone()
		if err != nil {
			return err
		}
		defer ask.done()
		v, err := verifier.New(ask, trusted, verifier.Options{Leeway: c.leeway})
		if err != nil {
			return usageError("%w", err)
		}
		raw, err := c.readToken(ctx, *tokenFile)
		if err != nil {
			return err
		}
		claims, err := v.Verify(ctx, raw)
		return c.printVerified(claims, err)
	}
}

// errNotAsked is what a denylist that nobody named answers: it cannot tell.
var errNotAsked = fmt.Errorf("the denylist was not asked: %w", denylist.ErrUnavailable)

// lateDenylist is opened by the first check: a token that is refused for
// anything else causes no Redis command, not even an inspection (R1).
type lateDenylist struct {
	open func(context.Context) (*denylister, error)
	list *denylister
}

func (l *lateDenylist) Check(ctx context.Context, t denylist.Token) (err error) {
	if l.list == nil {
		if l.list, err = l.open(ctx); err != nil {
			return err
		}
	}
	return l.list.Check(ctx, t)
}

func (l *lateDenylist) done() {
	if l.list != nil {
		l.list.close()
	}
}

func (c *call) denylistOrNone() (*lateDenylist, error) {
	late := &lateDenylist{open: c.openDenylist}
	switch {
	case c.redis == "" && c.server == "":
		late.open = func(context.Context) (*denylister, error) { return nil, errNotAsked }
	case c.redis != "" && c.server != "":
		return nil, c.twoDenylists()
	}
	return late, nil
}

func (c *call) printVerified(claims verifier.Claims, err error) error {
	if c.json {
		answer := map[string]any{"valid": err == nil}
		if err != nil {
			answer["error"] = verifier.RefusalOf(err).Code
		} else if e := claims.Decode(&answer); e != nil {
			return e
		}
		if e := c.printJSON(answer); e != nil {
			return e
		}
	}
	switch {
	case errors.Is(err, errNotAsked):
		return cannotTell("the signature and the claims are good, but the denylist was not asked").
			hint("name it with --redis URL or --server URL")
	case err != nil || c.json:
		return err
	}
	return c.printFacts(
		[2]string{"issuer", claims.Issuer()},
		[2]string{"subject", claims.Subject()},
		[2]string{"session", claims.Session()},
		[2]string{"token", claims.ID()},
		[2]string{"type", claims.Type()},
		[2]string{"scope", strings.Join(claims.Scopes(), " ")},
		[2]string{"login", instant(claims.Login())},
		[2]string{"issued", instant(claims.IssuedAt())},
		[2]string{"expires", instant(claims.ExpiresAt())},
		[2]string{"rotation", strconv.FormatInt(claims.Rotation(), 10)},
		[2]string{"key", claims.KeyID()},
	)
}

// verifyingKeys are the key ring in the directory --keys, or the public keys
// in that file: PEM, one JWK or a JWK set.
func (c *call) verifyingKeys(rsa string) (verifier.KeySet, error) {
	info, err := os.Stat(c.keys)
	if err != nil {
		return nil, usageError("%s: %w", c.origin["keys"], err)
	}
	if info.IsDir() {
		return c.openKeys()
	}
	keys, err := trust.KeyFile(c.keys, verifier.Algorithm(rsa))
	if err != nil {
		return nil, usageError("%s: %w", c.origin["keys"], err)
	}
	return keys, nil
}
