// Package golangjwtrueidis is golang-jwt and rueidis with client-side caching: what
// Redis has said of a jti is remembered, and Redis says when it has changed.
//
// https://pkg.go.dev/github.com/redis/rueidis, under "Server-Assisted
// Client-Side Caching": the opt-in mode, which is its default, with GET, since
// EXISTS is none of the commands that can be cached. That a key is not there is
// remembered too. A connection that breaks takes what it has remembered with
// it; one that is silent is found out by pings, ten seconds later. Until then,
// and while a message is on its way, an answer is as old as it happens to be,
// and the minute after which it is asked for again is all that bounds it.
package golangjwtrueidis

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/redis/rueidis"

	"github.com/rescindhq/rescind/bench/peers/golangjwt"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

// remembered is the time to live of an answer: that of the documents' examples.
const remembered = time.Minute

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "golang-jwt-rueidis",
		Means: "golang-jwt, then GET by rueidis' DoCache, which Redis tells of changes (client-side caching), " +
			"https://pkg.go.dev/github.com/redis/rueidis@v1.0.79#readme-server-assisted-client-side-caching.",
		Guarantee: "best effort: when Redis' message of it arrives, which nothing proves; after the minute that answers are kept",
		Open:      open,
	}
}

func open(_ context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	o := bed.Redis()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{o.Addr}, SelectDB: o.DB, Username: o.Username, Password: o.Password,
		DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return o.Dialer(ctx, o.Network, o.Addr) // TLS and all
		},
	})
	if err != nil {
		return nil, nil, err
	}
	reader := golangjwt.NewReader(bed)
	verify := func(ctx context.Context, raw string) (string, error) {
		var claims golangjwt.Claims
		if err := reader.Read(raw, &claims); err != nil {
			return "", err
		}
		err := client.DoCache(ctx, client.B().Get().Key(bed.Key(claims.ID)).Cache(), remembered).Error()
		switch {
		case rueidis.IsRedisNil(err):
			return claims.ID, nil
		case err != nil:
			return "", fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
		}
		return "", denylist.ErrRevoked
	}
	return verify, func() error { client.Close(); return nil }, nil
}
