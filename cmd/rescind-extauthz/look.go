package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rescindhq/rescind/denylist"
)

// look keeps the keys fresh and the health up to date until ctx ends.
func (v *service) look(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		able := v.refreshKeys(ctx)
		if err := v.probe(ctx); err != nil && ctx.Err() == nil {
			able = false
			v.say("denylist", err)
		} else {
			v.say("denylist", nil)
		}
		state := healthpb.HealthCheckResponse_NOT_SERVING
		if able {
			state = healthpb.HealthCheckResponse_SERVING
		}
		v.health.SetServingStatus("", state)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// refreshKeys reports whether every issuer's keys have been there once. All are
// asked at the same time: one that hangs must not hold up the others, nor the
// health for longer than it has to answer.
func (v *service) refreshKeys(ctx context.Context) bool {
	remotes := v.verifier.Remotes()
	errs := make(map[string]error, len(remotes))
	var lock sync.Mutex
	var asking sync.WaitGroup
	for issuer, remote := range remotes {
		asking.Go(func() {
			err := remote.Refresh(ctx)
			lock.Lock()
			defer lock.Unlock()
			errs[issuer] = err
		})
	}
	asking.Wait()
	able := true
	for issuer, err := range errs {
		v.say("keys of "+issuer, err)
		able = able && !remotes[issuer].Stats().FetchedAt.IsZero()
	}
	return able
}

// probe asks the denylist about a token that nobody has. A mirror is passed by,
// as in rescind's readiness, but must have been complete once.
func (v *service) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	now := time.Now()
	err := v.redis.Check(ctx, denylist.Token{
		Issuer: v.settings.issuer, ID: "readyz", Session: "readyz", Subject: "readyz",
		ExpiresAt: now.Add(time.Minute), Login: now,
	})
	if errors.Is(err, denylist.ErrRevoked) {
		return nil
	}
	return err
}

// say logs what is wrong once, and once that it is over.
func (v *service) say(topic string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if v.last[topic] == text {
		return
	}
	v.last[topic] = text
	if err == nil {
		v.log.Info(topic + ": well again")
		return
	}
	v.log.Error(topic, slog.Any("cause", err))
}

// mirrorState logs a change of the mirror's state, with its reason.
func (v *service) mirrorState(state denylist.MirrorState, reason error) {
	if reason != nil {
		v.log.Warn("mirror: "+state.String(), slog.Any("cause", reason))
		return
	}
	v.log.Info("mirror: " + state.String())
}
