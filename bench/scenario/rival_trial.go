package scenario

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rescindhq/rescind/denylist"
)

// ruling is what a rival says of a token.
type ruling string

const (
	saysGood    ruling = "accepted"
	saysRevoked ruling = "refused as revoked"
	saysBad     ruling = "refused"
)

// trial is one question whose answer is known.
type trial struct {
	what string
	raw  string
	id   string
	want ruling
}

// trials are what a rival has to get right before it is measured: one that does
// not verify is no rival.
type trials struct {
	all     []trial
	planted []denylist.Entry // revoked for the trials alone
}

// trials makes them, for each algorithm, and revokes what has to be revoked. No
// token of the population is in them.
func (s *Stand) trials(ctx context.Context) (*trials, error) {
	all := &trials{}
	for _, key := range s.population.keys {
		if err := all.add(s.population, key); err != nil {
			return nil, err
		}
	}
	return all, s.redis.plant(ctx, all.planted)
}

// trialClaims are claims that may have one more, which ours never have.
type trialClaims struct {
	accessClaims
	NotBefore int64 `json:"nbf,omitzero"`
}

// add makes the trials of one key.
func (a *trials) add(p *population, key *signingKey) error {
	stranger := *key // who says that it is us
	private, err := newPrivate(stream(p.seed, "stranger "+string(key.alg), 0), key.alg)
	if err != nil {
		return fmt.Errorf("scenario: making a key for %s: %w", key.alg, err)
	}
	stranger.private = private
	ids := newIDs(stream(p.seed, "trials "+string(key.alg), 0), 8)
	as := func(n int, key *signingKey, change func(*trialClaims)) string {
		t := token{key: key, known: p.tokens[0].known}
		t.known.ID = ids[n]
		claims := trialClaims{accessClaims: t.claims()}
		change(&claims)
		text, e := json.Marshal(claims)
		raw, e2 := key.sign(text)
		err = errors.Join(err, e, e2)
		return raw
	}
	nothing := func(*trialClaims) {}
	past := func(c *trialClaims) { c.IssuedAt, c.ExpiresAt = c.IssuedAt-2*3600, c.IssuedAt-3600 }
	early := func(c *trialClaims) { c.NotBefore = c.ExpiresAt - 1 }
	elsewhere := func(c *trialClaims) { c.Audience = "somebody-else" }
	others := func(c *trialClaims) { c.Issuer = "https://somebody-else.example" }
	a.all = append(a.all,
		trial{"a good token", as(0, key, nothing), ids[0], saysGood},
		trial{"a revoked token", as(1, key, nothing), ids[1], saysRevoked},
		trial{"a token that another key has signed", as(2, &stranger, nothing), "", saysBad},
		trial{"an unsigned token", unsigned(as(3, key, nothing)), "", saysBad},
		trial{"an expired token", as(4, key, past), "", saysBad},
		trial{"a token for another audience", as(5, key, elsewhere), "", saysBad},
		trial{"a token of another issuer", as(6, key, others), "", saysBad},
		trial{"a token that is not valid yet", as(7, key, early), "", saysBad},
	)
	a.planted = append(a.planted, denylist.TokenEntry(issuer, ids[1], p.expiresAt))
	return err
}

// unsigned is a token with the same claims, and alg none.
func unsigned(raw string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"` + accessType + `"}`))
	return header + "." + strings.Split(raw, ".")[1] + "."
}

// stand asks all of it twice: the second answer may be a cache's.
func (a *trials) stand(ctx context.Context, verify Verify) error {
	for range 2 {
		for _, t := range a.all {
			if err := t.stand(ctx, verify); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t trial) stand(ctx context.Context, verify Verify) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	id, err := verify(ctx, t.raw)
	got := saysBad
	switch {
	case errors.Is(err, denylist.ErrUnavailable):
		return fmt.Errorf("it could not tell about %s: %w", t.what, err)
	case errors.Is(err, denylist.ErrRevoked):
		got = saysRevoked
	case err == nil:
		got = saysGood
	}
	switch {
	case got != t.want && err != nil:
		return fmt.Errorf("%s was %s: %w", t.what, got, err)
	case got != t.want:
		return fmt.Errorf("%s was %s", t.what, got)
	case got == saysGood && id != t.id:
		return fmt.Errorf("%s came with another's jti", t.what)
	}
	return nil
}
