package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

// The demo's lifetimes: on a real Redis all that it writes is gone soon.
const (
	demoAccess  = 2 * time.Minute
	demoSession = 10 * time.Minute
	demoWindow  = 10 * time.Second               // the server's default
	demoIssuer  = "https://demo.rescind.invalid" // RFC 2606: nobody's
)

// demoCommand plays the life of two sessions on the engine itself. What it
// prints is what the engine answered; should one answer be another than the
// rules say, the demo fails.
func demoCommand(*pflag.FlagSet) action {
	return func(ctx context.Context, c *call) error {
		store, done, err := c.demoStore(ctx)
		if err != nil {
			return err
		}
		defer done()
		d, err := newDemo(ctx, store)
		if err != nil {
			return err
		}
		if err := d.play(ctx); err != nil {
			return err
		}
		costs, err := d.costs(ctx)
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(map[string]any{"steps": d.steps, "costs": costs})
		}
		return c.printDemo(d.steps, costs)
	}
}

type demo struct {
	store    *countingStore
	users    *server.Users
	sessions *rotation.Sessions
	verifier *verifier.Verifier
	password string
	before   denylist.Counts // what others left
	steps    []demoStep
}

// demoStep is one step as --json shows it.
type demoStep struct {
	What   string        `json:"what"`
	Answer string        `json:"answer"`
	Took   time.Duration `json:"nanoseconds"`
	Store  storeCalls    `json:"store"`
}

// demoStore is the embedded store or, where Redis is named, one there under a
// prefix of its own.
func (c *call) demoStore(ctx context.Context) (rotation.Store, func(), error) {
	if c.redis == "" {
		return denylist.NewMemory(denylist.MemoryOptions{}), func() {}, nil
	}
	c.prefix += "-demo"
	list, err := c.openRedis(ctx)
	if err != nil {
		return nil, nil, err
	}
	return list.Store.(rotation.Store), list.close, nil
}

func newDemo(ctx context.Context, store rotation.Store) (*demo, error) {
	d := &demo{store: &countingStore{Store: store}, users: server.NewUsers(), password: rand.Text()}
	ring, err := rotation.NewKeyRing(verifier.ES256, rotation.KeyRingOptions{})
	if err != nil {
		return nil, err
	}
	d.sessions, err = rotation.New(ring, d.store, rotation.Options{
		Issuer: demoIssuer, AccessTTL: demoAccess, RefreshTTL: demoSession, SessionTTL: demoSession,
		ReplayWindow: demoWindow,
	})
	if err != nil {
		return nil, err
	}
	if d.verifier, err = verifier.New(d.store, []verifier.Issuer{d.sessions.Issuer()}, verifier.Options{}); err != nil {
		return nil, err
	}
	if d.before, err = d.counts(ctx); err != nil {
		return nil, err
	}
	_, err = d.users.Add("demo", d.password, []string{"read"})
	return d, err
}

// step plays one step: fn says what it found. want is the error that fn must
// return, or nil.
func (d *demo) step(what string, want error, fn func() (string, error)) error {
	d.store.calls = storeCalls{}
	start := time.Now()
	found, err := fn()
	took := time.Since(start)
	switch {
	case want == nil && err != nil, want != nil && !errors.Is(err, want):
		return fmt.Errorf("%s: %w, which is not what the rules say", what, errOr(err, "accepted"))
	case err != nil:
		found = "refused: " + err.Error()
	}
	d.steps = append(d.steps, demoStep{what, found, took, d.store.calls})
	return nil
}

func errOr(err error, otherwise string) error {
	if err != nil {
		return err
	}
	return errors.New(otherwise)
}

// login checks the password and begins a session, as the server does (R6).
func (d *demo) login(ctx context.Context) (rotation.Tokens, error) {
	at, err := d.sessions.Now(ctx)
	if err != nil {
		return rotation.Tokens{}, err
	}
	who, err := d.users.Authenticate(ctx, "demo", d.password)
	if err != nil {
		return rotation.Tokens{}, err
	}
	return d.sessions.Login(ctx, rotation.Login{At: at, Subject: who.Subject, Scope: who.Scope})
}

func (d *demo) verify(ctx context.Context, raw string) (string, error) {
	claims, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("valid: session %s, rotation %d", short(claims.Session()), claims.Rotation()), nil
}

func (d *demo) exchange(ctx context.Context, from, to *rotation.Tokens) (string, error) {
	next, err := d.sessions.Exchange(ctx, from.Refresh, rotation.Attempt{})
	if err != nil {
		return "", err
	}
	again := next.RefreshID == to.RefreshID
	*to = next
	if again {
		return "the same successor again: " + short(next.RefreshID), nil
	}
	return "successor " + short(next.RefreshID), nil
}

// play is the story: a session that is stolen, and one that is revoked.
func (d *demo) play(ctx context.Context) error {
	var first, second, third, other rotation.Tokens
	begin := func(t *rotation.Tokens) func() (string, error) {
		return func() (found string, err error) {
			if *t, err = d.login(ctx); err != nil {
				return "", err
			}
			return "session " + short(t.Session) + " begins", nil
		}
	}
	verify := func(t *rotation.Tokens) func() (string, error) {
		return func() (string, error) { return d.verify(ctx, t.Access) }
	}
	exchange := func(from, to *rotation.Tokens) func() (string, error) {
		return func() (string, error) { return d.exchange(ctx, from, to) }
	}
	for _, s := range []struct {
		what string
		want error
		fn   func() (string, error)
	}{
		{"log in", nil, begin(&first)},
		{"verify the access token", nil, verify(&first)},
		{"verify it with its signature forged", verifier.ErrSignature, func() (string, error) { return d.verify(ctx, forged(first.Access)) }},
		{"exchange the refresh token", nil, exchange(&first, &second)},
		{"the access token that it replaced", denylist.ErrRevoked, verify(&first)},
		{"exchange once more: the answer was lost", nil, exchange(&first, &second)},
		{"exchange the successor", nil, exchange(&second, &third)},
		{"a thief replays the first refresh token", denylist.ErrReused, exchange(&first, new(rotation.Tokens))},
		{"the newest access token of that session", denylist.ErrRevoked, verify(&third)},
		{"the newest refresh token of that session", denylist.ErrRevoked, exchange(&third, new(rotation.Tokens))},
		{"log in again", nil, begin(&other)},
		{"verify the new access token", nil, verify(&other)},
		{"revoke every session of the user", nil, func() (string, error) { return d.revokeSubject(ctx, other.Access) }},
		{"verify the access token after that", denylist.ErrRevoked, verify(&other)},
	} {
		if err := d.step(s.what, s.want, s.fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) revokeSubject(ctx context.Context, access string) (string, error) {
	claims, err := d.sessions.Recognize(ctx, access)
	if err != nil {
		return "", err
	}
	entry := denylist.SubjectEntry(demoIssuer, claims.Subject(), time.Time{}).WithReason("demo")
	entry.Lifetime = demoSession
	receipt, err := d.store.Revoke(ctx, entry)
	if err != nil {
		return "", err
	}
	result := receipt.Results[0]
	return fmt.Sprintf("%s: logins until %s", result.Outcome, instant(result.Entry.Revoked.Cutoff)), nil
}

// forged is a token with one character of its signature changed.
func forged(token string) string {
	i := len(token) - 8
	other := byte('A')
	if token[i] == other {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

// short is the beginning of an id.
func short(id string) string { return id[:min(len(id), 8)] }
