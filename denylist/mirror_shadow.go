package denylist

import (
	"context"
	"errors"
)

// shadow has a token compared, unless too many wait for it.
func (m *Mirror) shadow(t Token) {
	select {
	case m.shadowed <- t:
	default:
	}
}

// compare compares what the mirror says with what Redis says.
func (m *Mirror) compare(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-m.shadowed:
			m.compareOne(ctx, t)
		}
	}
}

func (m *Mirror) compareOne(ctx context.Context, t Token) {
	g := m.glance(&t)
	now := m.opts.Now()
	said, known := g.Verdict(now)
	if !known || g.view == nil || g.view.since.IsZero() {
		return // of no age
	}
	answer := m.Redis.Check(ctx, t)
	if answer != nil && !errors.Is(answer, ErrRevoked) {
		return
	}
	m.counters.shadowChecks.Add(1)
	if (said == nil) != (answer == nil) {
		m.counters.disagreed(elapsed(g.view.since, now))
	}
}
