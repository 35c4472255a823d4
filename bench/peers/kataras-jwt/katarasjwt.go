// Package katarasjwt is kataras/jwt with a blocklist in Redis.
//
// https://pkg.go.dev/github.com/kataras/jwt, under "Verify a Token": keys by
// their kid, and what is expected of the claims. Its Blocklist says how one is
// kept in Redis: as a TokenValidator. This one asks what that of kataras/iris,
// which its README links to, asks as well, EXISTS of the jti; but not with DEL
// for a token that has expired, and without the web framework around it.
package katarasjwt

import (
	"context"
	"fmt"

	"github.com/kataras/jwt"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "kataras-jwt",
		Means: "kataras/jwt with a blocklist in Redis, a TokenValidator that asks EXISTS by go-redis, " +
			"https://pkg.go.dev/github.com/kataras/jwt@v0.1.17#Blocklist.",
		Guarantee: "strict: EXISTS is sent after each verification has begun",
		Open:      open,
	}
}

// claims are what an application reads of a token.
type claims struct {
	ID      string `json:"jti"`
	Subject string `json:"sub"`
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	keys := jwt.Keys{}
	for _, k := range bed.Keys {
		alg, ok := algorithms()[k.Algorithm]
		if !ok {
			return nil, nil, fmt.Errorf("no algorithm %s", k.Algorithm)
		}
		keys.Register(alg, k.ID, k.Key, nil)
	}
	client := redis.NewClient(bed.Redis())
	expected := jwt.Expected{Issuer: bed.Issuer, Audience: jwt.Audience{bed.Audience}}
	verify := func(ctx context.Context, raw string) (string, error) {
		var c claims
		err := keys.VerifyToken([]byte(raw), &c, expected, blocklist(ctx, client, bed))
		return c.ID, err
	}
	return verify, client.Close, nil
}

// blocklist refuses tokens whose jti is in Redis. An earlier error stands.
func blocklist(ctx context.Context, client *redis.Client, bed scenario.Bed) jwt.TokenValidatorFunc {
	return func(_ []byte, c jwt.Claims, earlier error) error {
		if earlier != nil {
			return earlier
		}
		found, err := client.Exists(ctx, bed.Key(c.ID)).Result()
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		case found > 0:
			return fmt.Errorf("%w: %w", denylist.ErrRevoked, jwt.ErrBlocked)
		}
		return nil
	}
}

// algorithms are its names of ours.
func algorithms() map[verifier.Algorithm]jwt.Alg {
	return map[verifier.Algorithm]jwt.Alg{
		verifier.HS256: jwt.HS256, verifier.HS384: jwt.HS384, verifier.HS512: jwt.HS512,
		verifier.RS256: jwt.RS256, verifier.RS384: jwt.RS384, verifier.RS512: jwt.RS512,
		verifier.PS256: jwt.PS256, verifier.PS384: jwt.PS384, verifier.PS512: jwt.PS512,
		verifier.ES256: jwt.ES256, verifier.ES384: jwt.ES384, verifier.ES512: jwt.ES512,
		verifier.EdDSA: jwt.EdDSA,
	}
}
