package scenario

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
)

// parseTarget reads a URL that is to be asked. No error shows it: a part of a
// password may be anywhere in one that is written wrongly.
func parseTarget(target string) (*url.URL, error) {
	u, err := url.Parse(target) // which refuses control characters
	switch {
	case err != nil:
		return nil, badKnob("a URL that cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, badKnob("a URL of another scheme: want http:// or https://")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, badKnob("a URL without a host")
	case u.User != nil:
		return nil, badKnob("a URL with a user in it, who would be in every result")
	case u.Fragment != "":
		return nil, badKnob("a URL with a fragment, which no server ever sees")
	}
	return u, nil
}

// shown is a URL without its query, which may hold what is nobody's business.
func shown(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}

// contenderNames tells several URLs apart: http-verify:HOST/PATH, with a number
// where that is the same twice. One alone is http-verify.
func contenderNames(scenario string, targets []string) []string {
	if len(targets) == 1 {
		return []string{scenario}
	}
	var names []string
	times := map[string]int{}
	for _, target := range targets {
		name := scenario + ":?"
		if u, err := parseTarget(target); err == nil {
			name = scenario + ":" + u.Host + u.EscapedPath()
		}
		if times[name]++; times[name] > 1 {
			name += "#" + strconv.Itoa(times[name])
		}
		names = append(names, name)
	}
	return names
}

// maxBearer is what servers take of a header line, roughly.
const maxBearer = 16 << 10

// bearersOf makes header values of tokens, which somebody may have taken from
// the wrong file.
func bearersOf(tokens []string) ([]string, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%w: no tokens to ask about", ErrMissing)
	}
	bearers := make([]string, len(tokens))
	for i, token := range tokens {
		if !isBearer(token) {
			return nil, badKnob("token number %d: want what a Bearer header can hold (RFC 6750 section 2.1), up to %d bytes", i+1, maxBearer)
		}
		bearers[i] = "Bearer " + token
	}
	return bearers, nil
}

func isBearer(token string) bool {
	bare := strings.TrimRight(token, "=")
	return bare != "" && len(token) <= maxBearer && !strings.ContainsFunc(bare, func(r rune) bool {
		isWord := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		return !isWord && !strings.ContainsRune("-._~+/", r)
	})
}

// httpTokens are the tokens to ask about: those that were given, or access
// tokens of the server's own, signed with its key ring. No session of theirs is
// known to the server, nor need it be.
func httpTokens(ctx context.Context, scenario string, knobs Knobs, progress func(what string, share float64)) ([]string, error) {
	if len(knobs.RawTokens) > 0 {
		return knobs.RawTokens, nil
	}
	if knobs.KeysDir == "" || knobs.Issuer == "" {
		return nil, fmt.Errorf("%w: %s asks about tokens: give it some, or the server's keys and issuer to make them", ErrMissing, scenario)
	}
	ring, err := rotation.OpenKeyRing(knobs.KeysDir, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	sessions, err := rotation.New(ring, denylist.NewMemory(denylist.MemoryOptions{}), rotation.Options{
		Issuer: knobs.Issuer, Audience: knobs.Audience, AccessTTL: knobs.Lifetime, RefreshTTL: max(knobs.Lifetime, time.Hour),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKnob, err)
	}
	return logIn(ctx, sessions, knobs.Tokens, progress)
}

// logIn begins n sessions, on every core: some algorithms take a millisecond.
func logIn(ctx context.Context, sessions *rotation.Sessions, n int, progress func(what string, share float64)) ([]string, error) {
	tokens := make([]string, n)
	var next, done atomic.Int64
	signers, ctx := errgroup.WithContext(ctx)
	for range cores() {
		signers.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("scenario: minting: %w", err)
				}
				at, err := sessions.Now(ctx)
				if err != nil {
					return err
				}
				made, err := sessions.Login(ctx, rotation.Login{At: at, Subject: "rescind-bench-" + strconv.Itoa(i)})
				if err != nil {
					return err
				}
				tokens[i] = made.Access
				done.Add(1)
			}
			return nil
		})
	}
	err := watch(signers.Wait, func() { progress("minting tokens", float64(done.Load())/float64(n)) })
	return tokens, err
}
