// Package lestrratjwx is lestrrat-go/jwx and EXISTS by go-redis.
//
// https://pkg.go.dev/github.com/lestrrat-go/jwx/v3. Version 4 wants
// GOEXPERIMENT=jsonv2, which would change encoding/json for every contender of
// the process, so that it is none of what an ordinary build measures.
package lestrratjwx

import (
	"context"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "lestrrat-jwx",
		Means: "lestrrat-go/jwx, https://pkg.go.dev/github.com/lestrrat-go/jwx/v3@v3.3.0/jwt, " +
			"then EXISTS by go-redis.",
		Guarantee: "strict: EXISTS is sent after each verification has begun",
		Open:      open,
	}
}

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	if len(bed.Keys) != 1 {
		return nil, nil, errors.New("a key that is no JWK set is of one algorithm: measure one at a time")
	}
	alg, ok := jwa.LookupSignatureAlgorithm(string(bed.Keys[0].Algorithm))
	if !ok {
		return nil, nil, fmt.Errorf("no algorithm %s", bed.Keys[0].Algorithm)
	}
	options := []jwt.ParseOption{
		jwt.WithKey(alg, bed.Keys[0].Key), jwt.WithIssuer(bed.Issuer), jwt.WithAudience(bed.Audience),
		jwt.WithRequiredClaim("exp"),
	}
	client := redis.NewClient(bed.Redis())
	verify := func(ctx context.Context, raw string) (string, error) {
		token, err := jwt.ParseString(raw, options...)
		if err != nil {
			return "", err
		}
		var sid, scope string
		if err := errors.Join(token.Get("sid", &sid), token.Get("scope", &scope)); err != nil {
			return "", err
		}
		id, _ := token.JwtID()
		found, err := client.Exists(ctx, bed.Key(id)).Result()
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		case found > 0:
			return "", denylist.ErrRevoked
		}
		return id, nil
	}
	return verify, client.Close, nil
}
