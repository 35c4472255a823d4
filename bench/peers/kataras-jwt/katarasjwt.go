// Package katarasjwt is kataras/jwt with the Redis blocklist that its README
// links to, which is a part of kataras/iris.
//
// https://pkg.go.dev/github.com/kataras/jwt, under "Verify a Token" and
// "Blocklist": keys by their kid, what is expected of the claims, and the
// blocklist as a validator, which asks EXISTS.
package katarasjwt

import (
	"context"
	"errors"
	"fmt"

	blocklist "github.com/kataras/iris/v12/middleware/jwt/blocklist/redis"
	"github.com/kataras/jwt"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "kataras-jwt",
		Means: "kataras/jwt, https://pkg.go.dev/github.com/kataras/jwt@v0.1.17, with the Redis blocklist that it names, " +
			"https://pkg.go.dev/github.com/kataras/iris/v12@v12.2.11/middleware/jwt/blocklist/redis.",
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
	list := blocklist.NewBlocklist()
	list.Prefix, list.ClientOptions = bed.Prefix, *bed.Redis()
	if err := list.Connect(); err != nil {
		return nil, nil, err
	}
	expected := jwt.Expected{Issuer: bed.Issuer, Audience: jwt.Audience{bed.Audience}}
	asked := worded(list)
	verify := func(_ context.Context, raw string) (string, error) {
		var c claims
		err := keys.VerifyToken([]byte(raw), &c, expected, asked)
		return c.ID, err
	}
	return verify, nil, nil // its client ends with the process
}

// worded tells what the blocklist says from what is wrong with a token.
func worded(list jwt.TokenValidator) jwt.TokenValidatorFunc {
	return func(token []byte, c jwt.Claims, earlier error) error {
		err := list.ValidateToken(token, c, earlier)
		switch {
		case earlier != nil || err == nil:
			return err
		case errors.Is(err, jwt.ErrBlocked):
			return fmt.Errorf("%w: %w", denylist.ErrRevoked, err)
		}
		return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
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
