package quota

import (
	"context"
	"time"
)

// Watch holds nobody back, but ends with an [*Exceeded] when more is used within
// a second than the limit allows; it is what can be done about work that comes
// at a rate of its own. It returns nil when ctx ends. Any other error is the
// meter's.
func (k *Keeper) Watch(ctx context.Context) error {
	err := k.watch(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (k *Keeper) watch(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	k.ledger.recent, k.ledger.at = nil, time.Time{} // what was before is not what is watched
	for {
		if err := k.look(ctx, true); err != nil {
			return err
		}
		if over := k.ledger.exceeded(); over != nil {
			return over
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
