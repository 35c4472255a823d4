// Package golangjwtbloom is golang-jwt and a Bloom filter of the revoked jtis in
// this process. What the filter does not know is good; of what it may know,
// Redis is asked.
//
// https://pkg.go.dev/github.com/bits-and-blooms/bloom/v3 wants to be told
// beforehand how many entries there will be: twice as many as there are. It
// takes none back, so that a new filter is made from time to time, of all keys
// that Redis has. A revocation is unknown until then, and for longer where that
// fails.
package golangjwtbloom

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/peers/golangjwt"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

const (
	// refreshEvery: what a refresh costs, a scan of all keys, is in everybody's
	// figures. Of some ten thousand that is some 10 ms of each process.
	refreshEvery = 10 * time.Second
	// falsePositives are asked about for nothing: fewer than the usual 1 %.
	falsePositives = 0.001
	scanCount      = 1000
)

// Rival is the contender.
func Rival() scenario.Rival {
	return scenario.Rival{
		Name: "golang-jwt-bloom",
		Means: "golang-jwt, then a Bloom filter of the revoked jtis, and EXISTS for those that may be in it, " +
			"https://pkg.go.dev/github.com/bits-and-blooms/bloom/v3@v3.7.1.",
		Guarantee: "best effort: when the filter is made again, every 10 s, without a proof that it was",
		Open:      open,
	}
}

// list is the revoked jtis.
type list struct {
	bed    scenario.Bed
	client *redis.Client
	filter atomic.Pointer[bloom.BloomFilter]
}

func open(ctx context.Context, bed scenario.Bed) (scenario.Verify, func() error, error) {
	l := &list{bed: bed, client: redis.NewClient(bed.Redis())}
	if err := l.load(ctx); err != nil {
		return nil, nil, errors.Join(err, l.client.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.refresh(running)
	}()
	reader := golangjwt.NewReader(bed)
	verify := func(ctx context.Context, raw string) (string, error) {
		var claims golangjwt.Claims
		if err := reader.Read(raw, &claims); err != nil {
			return "", err
		}
		return claims.ID, l.check(ctx, claims.ID)
	}
	return verify, func() error {
		stop()
		<-ended
		return l.client.Close()
	}, nil
}

// refresh makes the filter again from time to time. One that cannot be made
// leaves the old one in its place.
func (l *list) refresh(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = l.load(ctx)
		}
	}
}

// load makes a filter of the keys that are in Redis.
func (l *list) load(ctx context.Context) error {
	filter := bloom.NewWithEstimates(2*uint(max(l.bed.Revoked, 1)), falsePositives)
	keys := l.client.Scan(ctx, 0, l.bed.Key("*"), scanCount).Iterator()
	for keys.Next(ctx) {
		filter.AddString(keys.Val()[len(l.bed.Prefix):])
	}
	if err := keys.Err(); err != nil {
		return err
	}
	l.filter.Store(filter)
	return nil
}

func (l *list) check(ctx context.Context, jti string) error {
	if !l.filter.Load().TestString(jti) {
		return nil
	}
	found, err := l.client.Exists(ctx, l.bed.Key(jti)).Result()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", denylist.ErrUnavailable, err)
	case found > 0:
		return denylist.ErrRevoked
	}
	return nil
}
