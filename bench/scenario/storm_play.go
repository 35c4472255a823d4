package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

// Play implements bench.Staged: after a calm, the storm.
func (s *storm) Play(ctx context.Context, at time.Duration) error {
	began := time.Now().Add(-at)
	if !rest(ctx, s.stand.knobs.Calm) {
		s.told.say(s.of() + ": the turn ended before the storm began: take a longer duration, or a shorter calm")
		return nil
	}
	loads := s.loads()
	s.held.Store(0)
	s.phase.Store(during)
	from := time.Now()
	done, err := s.revokeAll(ctx)
	until, held := time.Now(), time.Duration(s.held.Load())
	s.phase.Store(after)
	s.told.happened(bench.Event{
		Contender: s.name, Concurrency: s.concurrency, Name: "storm", From: from.Sub(began), Until: until.Sub(began),
	})
	heard := ""
	if err == nil {
		heard, err = s.hear(ctx, until)
	}
	if err == nil {
		err = s.sweep(ctx)
	}
	if err == nil {
		<-ctx.Done()
	}
	s.told.say(s.sum(done, until.Sub(from), heard, s.loads()-loads))
	if s.keeper != nil {
		s.told.say(s.heldNote(done, held, until.Sub(from)))
	}
	return err
}

// of names the turn as tables do.
func (s *storm) of() string { return fmt.Sprintf("%s@%d", s.name, s.concurrency) }

// size is how many tokens a call revokes, and how many calls are under way.
func (s *storm) size() (batch, writers int) {
	if s.keeper == nil {
		return maxBatch, stormWriters
	}
	return min(max(int(shareStormBatch*s.stand.knobs.MaxShare), leastStormBatch), maxBatch), 1
}

// piece does a piece of what happens when it may be done.
func (s *storm) piece(ctx context.Context, work func() error) error {
	began := time.Now()
	err := s.keeper.Acquire(ctx)
	s.held.Add(int64(time.Since(began)))
	if err != nil {
		return err
	}
	defer s.keeper.Release()
	return work()
}

// revokeAll revokes all of the storm's tokens, in full calls, and returns how
// many were.
func (s *storm) revokeAll(ctx context.Context) (int, error) {
	var done atomic.Int64
	_, atOnce := s.size()
	writers, group := errgroup.WithContext(ctx) // which ends when all are done
	writers.SetLimit(atOnce)
	s.batches(func(entries []denylist.Entry, victims []int) bool {
		writers.Go(func() error {
			if err := s.piece(group, func() error { return s.revoke(group, entries, victims) }); err != nil {
				return err
			}
			done.Add(int64(len(entries)))
			return nil
		})
		return group.Err() == nil
	})
	err := writers.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return int(done.Load()), err
}

// batches are the storm's entries, and which of the ledger's tokens are among
// them: evenly spread, the last of all the last.
func (s *storm) batches(yield func(entries []denylist.Entry, victims []int) bool) {
	l, all := s.ledger.Load(), s.stand.knobs.Storm
	size, _ := s.size()
	ids := freshIDs{from: stream(s.population.seed, "storm of "+s.of(), int(s.turns.Load()))}
	var entries []denylist.Entry
	var victims []int
	for n := range all {
		id := ""
		if due := (n + 1) * len(l.tokens) / all; due > n*len(l.tokens)/all {
			victims = append(victims, due-1)
			id = l.tokens[due-1].known.ID
		} else {
			id = ids.next()
		}
		entries = append(entries, denylist.TokenEntry(issuer, id, s.population.expiresAt))
		if len(entries) == size || n == all-1 {
			if !yield(entries, victims) {
				return
			}
			entries, victims = nil, nil
		}
	}
}

// revoke is one call, by another than those who verify. It is repeated until
// Redis has acknowledged it: that is safe.
func (s *storm) revoke(ctx context.Context, entries []denylist.Entry, victims []int) error {
	l := s.ledger.Load()
	for _, i := range victims {
		l.try(i)
	}
	for {
		_, err := s.stand.redis.filler.Revoke(ctx, entries...)
		switch {
		case err == nil:
			for _, i := range victims {
				l.acknowledge(i)
			}
			return nil
		case !errors.Is(err, denylist.ErrUnavailable) || ctx.Err() != nil:
			return fmt.Errorf("scenario: revoking: %w", err)
		}
		rest(ctx, 10*time.Millisecond)
	}
}

// hear waits until the mirror denies the last token, and says when it did.
func (s *storm) hear(ctx context.Context, since time.Time) (string, error) {
	if s.mirror == nil {
		return "", nil
	}
	l := s.ledger.Load()
	last := l.tokens[len(l.tokens)-1].known
	for {
		now := time.Now()
		err, known := s.mirror.Mirror.Glance(last).Verdict(now)
		if known && errors.Is(err, denylist.ErrRevoked) {
			return briefly(max(now.Sub(since), 0)), nil
		}
		if !rest(ctx, time.Millisecond) {
			return "", ctx.Err()
		}
	}
}

// sweep asks about every token of the storm once it has to be denied.
func (s *storm) sweep(ctx context.Context) error {
	l := s.ledger.Load()
	if !rest(ctx, s.grace+time.Millisecond) {
		return ctx.Err()
	}
	for first := 0; first < len(l.tokens); first += sweepBatch {
		err := s.piece(ctx, func() error { return s.sweepSome(ctx, l, first, min(first+sweepBatch, len(l.tokens))) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *storm) sweepSome(ctx context.Context, l *ledger, from, to int) error {
	for i := from; i < to; i++ {
		began := l.now()
		if err := l.judge(i, began, s.answer(ctx, &l.tokens[i])); verdict(err) == bench.WrongAnswer {
			return err
		}
	}
	return nil
}

// loads is how often the mirror has loaded all there is.
func (s *storm) loads() uint64 {
	if s.mirror == nil {
		return 0
	}
	return s.mirror.Stats().Loads
}

// sum is a turn in words.
func (s *storm) sum(done int, took time.Duration, heard string, loads uint64) string {
	batch, writers := s.size()
	said := []string{fmt.Sprintf("%s: %d of %d tokens revoked in %s, %.0f a second (%d a call, %d at once)",
		s.of(), done, s.stand.knobs.Storm, briefly(took), float64(done)/took.Seconds(), batch, writers)}
	p99 := s.p99()
	said = append(said, fmt.Sprintf("p99 of a verification %s before, %s during, %s after", p99[before], p99[during], p99[after]))
	if heard != "" {
		said = append(said, fmt.Sprintf("the mirror denied the last of them %s after Redis had acknowledged it", heard))
	}
	switch {
	case s.mirror == nil:
	case loads == 0:
		said = append(said, "it followed without a gap")
	default:
		said = append(said, fmt.Sprintf("it missed changes and loaded all anew %d times", loads))
	}
	return strings.Join(said, "; ")
}

// heldNote says that the storm was not as fast as it could be.
func (s *storm) heldNote(done int, held, took time.Duration) string {
	note := fmt.Sprintf("%s: the revocations, too, were held back, for %s of %s, so that Redis gives at most %.3g %% of a core: "+
		"how fast they were says nothing of what is possible", s.of(), briefly(held), briefly(took), 100*s.stand.knobs.MaxShare)
	if done < s.stand.knobs.Storm {
		note += "; not all of them fitted: take a longer --duration, a smaller --storm or a larger --max-share"
	}
	return note
}

// p99 is that of each phase.
func (s *storm) p99() [phaseCount]string {
	var all [phaseCount]*hdrhistogram.Histogram
	for i := range all {
		all[i] = hdrhistogram.New(1, int64(time.Minute), 2)
	}
	s.timed.each(func(p *phases) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, h := range p.each {
			all[i].Merge(h)
			h.Reset()
		}
	})
	var texts [phaseCount]string
	for i, h := range all {
		if texts[i] = "unknown"; h.TotalCount() > 0 {
			texts[i] = briefly(time.Duration(h.ValueAtPercentile(99)))
		}
	}
	return texts
}
