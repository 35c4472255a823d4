package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/server"
)

const (
	// shadowEvery is that a server compares one of so many of its mirror's
	// answers with Redis's: enough to see within minutes that the two differ,
	// and too few to be felt by either.
	shadowEvery = 10_000
	// progressEvery is how often a long load says how far it is.
	progressEvery = time.Second
)

// mirrorOf puts a mirror before the denylist in Redis, and logs what it does.
func (c *call) mirrorOf(store *denylist.Redis, log *slog.Logger) (*denylist.Mirror, error) {
	t := &mirrorTeller{log: log, now: time.Now}
	opts := c.mirrorOptions()
	opts.OnState, opts.OnProgress = t.state, t.progress
	m, err := denylist.NewMirror(store, opts)
	if err != nil {
		return nil, usageError("--check %s: %w", c.check, err).
			hint("--max-staleness is how old what a mirror says may be, one value for the fleet; --mirror-wakes how many changes a second it reads at once, 1 to 1000, or 0: by how many mirrors there are")
	}
	t.mirror = m
	return m, nil
}

func (c *call) mirrorOptions() denylist.MirrorOptions {
	return denylist.MirrorOptions{Wakes: c.mirrorWakes, Confirmed: c.check == "confirmed", Shadow: shadowEvery}
}

// mirrorTeller writes to the log what a mirror does. The mirror calls it from
// one goroutine.
type mirrorTeller struct {
	mirror *denylist.Mirror
	log    *slog.Logger
	now    func() time.Time

	begun, told time.Time // of the load
	last        denylist.MirrorState
}

// state tells of a change of state, with its reason.
func (t *mirrorTeller) state(state denylist.MirrorState, reason error) {
	last := t.last
	t.last = state
	var attrs []slog.Attr
	if reason != nil {
		attrs = append(attrs, slog.Any("cause", reason))
	}
	say := func(level slog.Level, message string) {
		t.log.LogAttrs(context.Background(), level, "mirror: "+message, attrs...)
	}
	switch state {
	case denylist.MirrorLoading:
		t.begun = t.now()
		t.told = t.begun // a short load says no more than that it is complete
		level := slog.LevelInfo
		if reason != nil {
			level = slog.LevelWarn
		}
		say(level, "loading; until it is complete, checks ask Redis")
	case denylist.MirrorFresh:
		if last == denylist.MirrorStale {
			say(slog.LevelInfo, "fresh again")
			return
		}
		s := t.mirror.Stats()
		attrs = append(attrs, slog.Int64("entries", s.Entries), slog.Int64("bytes", s.Bytes),
			slog.Float64("seconds", t.now().Sub(t.begun).Seconds()))
		say(slog.LevelInfo, "complete")
	case denylist.MirrorStale:
		say(slog.LevelWarn, "stale: checks ask Redis")
	case denylist.MirrorFull:
		say(slog.LevelWarn, "the denylist is larger than its limit: checks ask Redis")
	}
}

// progress tells how far a load is.
func (t *mirrorTeller) progress(p denylist.MirrorProgress) {
	now := t.now()
	if now.Sub(t.told) < progressEvery {
		return
	}
	t.told = now
	t.log.LogAttrs(context.Background(), slog.LevelInfo, "mirror: loading", slog.Int64("entries", p.Entries),
		slog.Float64("share", float64(int(p.Share*1000))/1000), slog.Float64("seconds_left", p.Left.Round(100*time.Millisecond).Seconds()))
}

// serveMirrored runs the server, and the mirror beside it for as long as
// requests are answered. A mirror that cannot be one ends the server: nobody
// would know that every check asks Redis.
func serveMirrored(ctx context.Context, srv *server.Server, m *denylist.Mirror, ready func(addr, adminAddr string)) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	following, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- m.Run(following)
	}()
	err := srv.Run(serving, ready)
	end()
	if trouble := <-ended; !errors.Is(trouble, context.Canceled) {
		return errors.Join(redisTrouble(trouble), servingTrouble(err))
	}
	return servingTrouble(err)
}
