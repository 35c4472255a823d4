package scenario

import (
	"context"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/denylist"
)

// checker is a denylist that is asked.
type checker interface {
	Check(ctx context.Context, t denylist.Token) error
}

// nobody is a denylist that must not be asked.
type nobody struct{}

func (nobody) Check(context.Context, denylist.Token) error { return denylist.ErrUnavailable }

// checks is the contender that asks the denylist alone about some tokens, by
// their ids as they were read: their digests are computed each time. A verifier
// with a cache computes them once for each token, which is in verify.
func (s *Stand) checks(ctx context.Context, name string, of func(*population) []uint32, by func() (checker, error)) ([]bench.Contender, error) {
	p, err := s.minted(ctx)
	if err != nil {
		return nil, err
	}
	among := of(p)
	if len(among) == 0 {
		return nil, badKnob("%s has no token to ask about: with %d of %d revoked, change the share", name, len(p.revoked), len(p.tokens))
	}
	list, err := by()
	if err != nil {
		return nil, err
	}
	do := func(ctx context.Context, n uint32) error {
		t := &p.tokens[n]
		return judge(list.Check(ctx, t.known), t.revoked)
	}
	return one(name, newByToken(p, among, do), s.redis.meter...), nil
}
