// Package golangjwtpiped is golang-jwt and go-redis with auto-pipelining: commands
// of all callers go to Redis together.
//
// https://pkg.go.dev/github.com/redis/go-redis/v9#Client.AutoPipeline: the
// blocking face takes the place of a client, and its own settings are those
// that it recommends for callers who wait for each answer. What it says of
// contexts holds: one that ends does not take a command back.
package golangjwtpiped

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/peers/golangjwt"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "golang-jwt-piped",
		Means: "golang-jwt, then EXISTS by go-redis' auto-pipelining, " +
			"https://pkg.go.dev/github.com/redis/go-redis/v9@v9.23.0#Client.AutoPipeline.",
		Guarantee: "strict: EXISTS is sent after each verification has begun",
		Open:      open,
	}
}

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	client := redis.NewClient(bed.Redis())
	piped, err := client.AutoPipeline()
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	reader := golangjwt.NewReader(bed)
	verify := func(ctx context.Context, raw string) (string, error) {
		var claims golangjwt.Claims
		if err := reader.Read(raw, &claims); err != nil {
			return "", err
		}
		found, err := piped.Exists(ctx, bed.Key(claims.ID)).Result()
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		case found > 0:
			return "", denylist.ErrRevoked
		}
		return claims.ID, nil
	}
	return verify, func() error { return errors.Join(piped.Close(), client.Close()) }, nil
}
