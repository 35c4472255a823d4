// Package lestrratjwx is lestrrat-go/jwx and EXISTS by go-redis.
//
// https://github.com/lestrrat-go/jwx/blob/v3/docs/01-jwt.md#performance: where
// that matters, jws verifies the signature, and the claims are read into a
// struct; https://pkg.go.dev/github.com/lestrrat-go/jwx/v3/jws#VerifyCompactFast
// is its fastest way where the algorithm is known. What jwt.Parse would check of
// the claims is checked here: it takes several times as long.
//
// Version 4 wants GOEXPERIMENT=jsonv2, which changes encoding/json for every
// contender of the process: no ordinary build has it.
package lestrratjwx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "lestrrat-jwx",
		Means: "lestrrat-go/jwx by its fast path, https://pkg.go.dev/github.com/lestrrat-go/jwx/v3@v3.3.0/jws#VerifyCompactFast, " +
			"then EXISTS by go-redis.",
		Guarantee: "strict: EXISTS is sent after each verification has begun",
		Open:      open,
	}
}

// claims are what is checked, and what an application reads of a token.
type claims struct {
	ID        string `json:"jti"`
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"` // which this issuer writes as one string
	Expires   int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	Subject   string `json:"sub"`
	Session   string `json:"sid"`
	Scope     string `json:"scope"`
}

var errClaims = errors.New("a token that has expired, is not valid yet, or is for somebody else")

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	if len(bed.Keys) != 1 {
		return nil, nil, errors.New("its fast path knows one algorithm: measure one at a time")
	}
	key := bed.Keys[0].Key
	alg, ok := jwa.LookupSignatureAlgorithm(string(bed.Keys[0].Algorithm))
	if !ok {
		return nil, nil, fmt.Errorf("no algorithm %s", bed.Keys[0].Algorithm)
	}
	client := redis.NewClient(bed.Redis())
	verify := func(ctx context.Context, raw string) (string, error) {
		payload, err := jws.VerifyCompactFast(key, []byte(raw), alg)
		if err != nil {
			return "", err
		}
		var c claims
		if err := json.Unmarshal(payload, &c); err != nil {
			return "", err
		}
		now := time.Now().Unix()
		if now >= c.Expires || now < c.NotBefore || c.Issuer != bed.Issuer || c.Audience != bed.Audience {
			return "", errClaims
		}
		found, err := client.Exists(ctx, bed.Key(c.ID)).Result()
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		case found > 0:
			return "", denylist.ErrRevoked
		}
		return c.ID, nil
	}
	return verify, client.Close, nil
}
