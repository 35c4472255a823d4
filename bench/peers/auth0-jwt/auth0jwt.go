// Package auth0jwt is auth0/go-jwt-middleware and EXISTS by go-redis.
//
// https://pkg.go.dev/github.com/auth0/go-jwt-middleware/v3: its validator, which
// its middlewares for HTTP and gRPC call, with a key, the algorithm, issuer and
// audience, and claims of the application's own. It knows of no denylist: asking
// one is the application's, once a token is valid.
package auth0jwt

import (
	"context"
	"errors"
	"fmt"

	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "auth0-jwt",
		Means: "The validator of auth0/go-jwt-middleware, https://pkg.go.dev/github.com/auth0/go-jwt-middleware/v3@v3.2.0, " +
			"then EXISTS by go-redis.",
		Guarantee: "strict: EXISTS is sent after each verification has begun",
		Open:      open,
	}
}

// claims are what an application reads of a token beside the registered ones.
type claims struct {
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

var _ validator.CustomClaims = (*claims)(nil)

// Validate implements [validator.CustomClaims].
func (*claims) Validate(context.Context) error { return nil }

var errClaims = errors.New("claims of another type")

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	if len(bed.Keys) != 1 {
		return nil, nil, errors.New("a key that is no JWK set is of one algorithm: measure one at a time")
	}
	key := bed.Keys[0]
	v, err := validator.New(
		validator.WithKeyFunc(func(context.Context) (any, error) { return key.Key, nil }),
		validator.WithAlgorithm(validator.SignatureAlgorithm(key.Algorithm)),
		validator.WithIssuer(bed.Issuer),
		validator.WithAudience(bed.Audience),
		validator.WithCustomClaims(func() *claims { return new(claims) }),
	)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(bed.Redis())
	verify := func(ctx context.Context, raw string) (string, error) {
		valid, err := v.ValidateToken(ctx, raw)
		if err != nil {
			return "", err
		}
		c, ok := valid.(*validator.ValidatedClaims)
		if !ok {
			return "", errClaims
		}
		found, err := client.Exists(ctx, bed.Key(c.RegisteredClaims.ID)).Result()
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		case found > 0:
			return "", denylist.ErrRevoked
		}
		return c.RegisteredClaims.ID, nil
	}
	return verify, client.Close, nil
}
