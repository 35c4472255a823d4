package denylist

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// What mirrors that adapt (MirrorOptions.Wakes 0) share.
const (
	// readsOfAll is how many reads of the log a second the mirrors of one Redis
	// share. Each costs it some 60 µs, with the kernel's part (the scenario fleet
	// of the bench): a quarter of a core, which leaves it to those who check.
	readsOfAll = 4000
	// mostShare is what each of a few mirrors takes: the rest between reads is
	// then 8 ms, and a mirror's own process spends some hundredth of a core.
	mostShare = 128
	// leastShare is what no rest may be longer than anyway, so that proofs come
	// in time: see mirrorRests. More than 500 mirrors take more than readsOfAll:
	// half a core are a thousand.
	leastShare = 8
	// firstShare is what a mirror begins with that does not know yet how many
	// there are.
	firstShare = 16

	// A mirror asks again after longer and longer.
	soonestAsk, latestAsk = time.Second, 16 * time.Second

	maxCommandStats = 256 << 10 // bytes; of Redis's 400 commands each takes some hundred
)

// MirrorWakes is how many changes a second each of so many mirrors of one Redis
// reads as they happen, where MirrorOptions.Wakes is 0: from 128 of up to 31 to
// 8 of 500 and more.
func MirrorWakes(mirrors int) int {
	return shareOf(1, int64(mirrors))
}

// shareOf is the share of who makes so many of all reads.
func shareOf(own, all int64) int {
	return int(min(max(readsOfAll*own/max(all, 1), leastShare), mostShare))
}

// mirrorShare is how often a mirror reads changes as they happen, which it
// learns from Redis unless it was told. It is of one goroutine.
//
// Redis counts the reads of all (each has one XREVRANGE); a mirror knows its
// own. While all do the same, the one is as many times the other as there are
// mirrors, whatever they do: rest, wait or read. How many clients are blocked
// would not tell: hardly any is while much is written, which is when it matters.
// What others read counts as well, and only makes the share smaller.
type mirrorShare struct {
	wakes  int
	adapts bool
	reads  int64 // of this mirror, since Redis was asked
	before int64 // what Redis had counted then; 0: it did not tell
	due    time.Time
	pause  time.Duration // until it is asked again
}

func newMirrorShare(wakes int) mirrorShare {
	if wakes > 0 {
		return mirrorShare{wakes: wakes}
	}
	return mirrorShare{wakes: firstShare, adapts: true, pause: soonestAsk}
}

// begin is for a mirror that has just loaded. Fleets do so together, after a
// deployment: what is learned first is soon learned again.
func (s *mirrorShare) begin() {
	s.reads, s.before, s.due, s.pause = 0, 0, time.Time{}, soonestAsk
}

// asks reports whether to ask Redis now. Mirrors that began together do not ask
// together.
func (s *mirrorShare) asks(now time.Time) bool {
	if !s.adapts || now.Before(s.due) {
		return false
	}
	s.due = now.Add(s.pause/2 + randomUpTo(s.pause/2))
	s.pause = min(2*s.pause, latestAsk)
	return true
}

// learn takes what Redis has counted by now. The share shrinks at once, and
// doubles at the most: one figure may be odd, as after a failover.
func (s *mirrorShare) learn(counted int64) {
	all := counted - s.before
	if s.before > 0 && s.reads > 0 && all >= s.reads { // else it began to count anew
		s.wakes = min(shareOf(s.reads, all), 2*s.wakes)
	}
	s.before, s.reads = counted, 0
}

// unknown is for a Redis that does not tell. What was learned of a large fleet
// still holds; it may be what keeps Redis from answering.
func (s *mirrorShare) unknown(forever bool) {
	s.wakes = min(s.wakes, firstShare)
	s.before, s.reads = 0, 0
	s.adapts = !forever
}

// adapt asks Redis now and then how much all read, and rests accordingly. What
// it does not tell ails no check: it is no error.
func (m *Mirror) adapt(ctx context.Context, rests mirrorRests) {
	now := m.opts.Now()
	if !m.share.asks(now) {
		return
	}
	counted, err := m.countedReads(ctx)
	if err != nil {
		m.share.unknown(forbidden(err))
	} else {
		m.share.learn(counted)
	}
	rests.set(now, m.share.wakes)
	m.wakes.Store(int64(m.share.wakes))
}

var errNotCounted = errors.New("INFO does not tell how often the log is read")

// countedReads is how often all clients have read a log of this Redis's since it
// began to count. It takes no longer than one wait for a change.
func (m *Mirror) countedReads(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, min(m.patience, m.Redis.opts.WriteTimeout))
	defer cancel()
	var text string
	var err error
	switch c := m.client.(type) {
	case *redis.ClusterClient: // the other nodes have none of it
		var node *redis.Client
		if node, err = c.MasterForKey(ctx, m.keys.log(0)); err == nil {
			text, err = node.Info(ctx, "commandstats").Result()
		}
	case *redis.Client:
		text, err = c.Info(ctx, "commandstats").Result()
	}
	if err != nil {
		return 0, because(ctx, err)
	}
	if counted := commandCalls(text, "xrevrange"); counted > 0 {
		return counted, nil
	}
	return 0, errNotCounted
}

// commandCalls is how often a command was called, of INFO commandstats; 0 where
// that does not say so.
func commandCalls(text, command string) int64 {
	if len(text) > maxCommandStats {
		return 0
	}
	figures, ok := strings.CutPrefix(parseInfo(text)["cmdstat_"+command], "calls=")
	if !ok {
		return 0
	}
	calls, _, _ := strings.Cut(figures, ",")
	n, err := strconv.ParseInt(calls, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
