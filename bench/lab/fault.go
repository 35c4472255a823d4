package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// written is a key that is written to see whether it can be.
const written = "lab:written"

// Sync returns when what the primary has acknowledged survives whatever happens
// from here on: on its disk, and where there is a replica, there.
func (l *Lab) Sync(ctx context.Context) error {
	primary := redis.NewClient(&redis.Options{Addr: l.primary.addr, MaxRetries: -1})
	defer func() { _ = primary.Close() }()
	always := func(ctx context.Context) error {
		if err := primary.ConfigSet(ctx, "appendfsync", "always").Err(); err != nil {
			return err
		}
		return primary.Set(ctx, written, "1", 0).Err()
	}
	err := errors.Join(always(ctx), primary.ConfigSet(ctx, "appendfsync", "everysec").Err())
	if err == nil && l.Watched() {
		err = Poll(ctx, func() error {
			n, err := primary.Wait(ctx, 1, time.Second).Result()
			if err == nil && n == 0 {
				err = errors.New("the replica lags behind")
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("lab: syncing: %w", err)
	}
	return nil
}

// Hang stops the primary (SIGSTOP): connections stay open, nothing answers.
func (l *Lab) Hang() (from time.Time, err error) {
	from = time.Now()
	return from, l.primary.Hang()
}

// Resume lets a hung primary go on.
func (l *Lab) Resume() (until time.Time, err error) {
	err = l.primary.Resume()
	return time.Now(), err
}

// Kill ends the primary at once. Nobody takes its place.
func (l *Lab) Kill() (from time.Time) {
	from = time.Now()
	l.primary.Kill()
	return from
}

// Revive starts a killed primary again, and returns when it has read what it had
// on disk, and answers.
func (l *Lab) Revive(ctx context.Context) (until time.Time, err error) {
	err = l.primary.Restart(ctx)
	return time.Now(), err
}

// Depose kills the primary while the Sentinel is awake, which is to have the
// replica take its place: see Succeed. It stays away until Rejoin.
func (l *Lab) Depose(ctx context.Context) (from time.Time, err error) {
	if !l.Watched() {
		return from, errors.New("lab: nobody watches this server: there is nothing to fail over to")
	}
	if err := l.wake(ctx, DownAfter); err != nil {
		return from, err
	}
	return l.Kill(), nil
}

// Succeed returns when the replica has taken the place of the primary that was
// deposed: when the first write there has succeeded.
func (l *Lab) Succeed(ctx context.Context) (until time.Time, err error) {
	heir := redis.NewClient(&redis.Options{Addr: l.replica.addr, MaxRetries: -1})
	defer func() { _ = heir.Close() }()
	err = Poll(ctx, func() error { return heir.Set(ctx, written, "1", 0).Err() })
	until = time.Now()
	if err != nil {
		return until, fmt.Errorf("lab: the replica was not promoted: %w", err)
	}
	l.primary, l.replica = l.replica, l.primary
	return until, nil
}

// Rejoin starts the server that a failover has left dead, as a replica of the
// one that took its place. The Sentinel sleeps again.
func (l *Lab) Rejoin(ctx context.Context) error {
	if err := l.replica.Restart(ctx, l.primary.followed()...); err != nil {
		return err
	}
	if err := l.wake(ctx, asleep); err != nil {
		return err
	}
	return Replicated(ctx, l.replica)
}

// wake has the Sentinel call the primary dead after so long, from now on.
func (l *Lab) wake(ctx context.Context, downAfter time.Duration) error {
	watch := redis.NewSentinelClient(&redis.Options{Addr: l.sentinel.addr})
	defer func() { _ = watch.Close() }()
	if err := watch.Set(ctx, watchedName, "down-after-milliseconds", fmt.Sprint(downAfter.Milliseconds())).Err(); err != nil {
		return fmt.Errorf("lab: setting the Sentinel: %w", err)
	}
	return nil
}
