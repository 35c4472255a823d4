package quota

import (
	"context"
	"time"
)

// Watch is for work that comes at a rate of its own, and asks for no permits: it
// ends with an [*Exceeded] when more is used within a second than the limit
// allows. What that work leaves is handed out, to whatever else does ask. It
// returns nil when ctx ends. Any other error is the meter's.
func (k *Keeper) Watch(ctx context.Context) error {
	k.ledger.recent, k.ledger.at = nil, time.Time{} // what was before is not what is watched
	return k.run(ctx, func(time.Time) *Exceeded {
		if k.waiting.Load() == 0 && k.taken.Load() == k.ended.Load() {
			k.ledger.unpaid = 0 // it is not what asks that has used it
		}
		return k.ledger.exceeded()
	})
}

// Insist is Run beside something that uses Redis without asking, and that holding
// others back does not help against. It ends with an [*Exceeded] when for another
// second after the first more is used than the limit allows, or when for two
// seconds nothing at all is left for those who wait.
func (k *Keeper) Insist(ctx context.Context) error {
	var within time.Time // when the limit was last kept to
	return k.run(ctx, func(now time.Time) *Exceeded {
		over := k.ledger.exceeded()
		if over == nil || within.IsZero() {
			within = now
		}
		switch {
		case now.Sub(within) >= window:
			return over
		case now.Sub(k.fed) >= 2*window:
			return k.ledger.took()
		}
		return nil
	})
}
