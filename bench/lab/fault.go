package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

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

// FailOver kills the primary while the Sentinel is awake, and returns when the
// replica has taken its place: when the first write there has succeeded. The one
// that was killed stays away until Rejoin.
func (l *Lab) FailOver(ctx context.Context) (from, until time.Time, err error) {
	if !l.Watched() {
		return from, until, errors.New("lab: nobody watches this server: there is nothing to fail over to")
	}
	if err := l.wake(ctx, DownAfter); err != nil {
		return from, until, err
	}
	from = l.Kill()
	heir := redis.NewClient(&redis.Options{Addr: l.replica.addr, MaxRetries: -1})
	defer func() { _ = heir.Close() }()
	err = Poll(ctx, func() error { return heir.Set(ctx, "lab:written", "1", 0).Err() })
	until = time.Now()
	if err != nil {
		return from, until, fmt.Errorf("lab: the replica was not promoted: %w", err)
	}
	l.primary, l.replica = l.replica, l.primary
	return from, until, nil
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
