package rotation

import (
	"time"

	"github.com/rescindhq/rescind/verifier"
)

var _ verifier.Versioned = (*KeyRing)(nil)

// keysInForce are the keys at one instant, and the generation that they are to
// the caches of verifiers.
type keysInForce struct {
	keys       ring
	generation verifier.Generation
	since      time.Time // zero: no key has an end
}

// newKeysInForce finds out which of the keys ends next.
func newKeysInForce(keys ring, now time.Time) *keysInForce {
	f := &keysInForce{keys: keys}
	for _, k := range keys {
		if k.state() != Verifying {
			continue
		}
		f.since = now
		next := f.generation.Until
		if !k.dead(now) && (next.IsZero() || k.verifiesUntil.Before(next)) {
			f.generation.Until = k.verifiesUntil
		}
	}
	return f
}

// force puts keys in force. Writers take turns: see loading.
func (r *KeyRing) force(keys ring) { r.current.Store(newKeysInForce(keys, r.now())) }

// inForce returns the keys. Where one of them has ended since, what is left is a
// generation of its own: until the next one ends, caches need not ask again. So
// is what a clock that was put back brings to life.
func (r *KeyRing) inForce() ring {
	f := r.current.Load()
	if f.since.IsZero() {
		return f.keys
	}
	until := f.generation.Until
	if now := r.now(); now.Before(f.since) || !until.IsZero() && !now.Before(until) {
		// Whoever has changed the keys meanwhile has asked the clock too.
		r.current.CompareAndSwap(f, newKeysInForce(f.keys, now))
	}
	return f.keys
}

// Generation implements verifier.Versioned: one atomic load.
func (r *KeyRing) Generation() *verifier.Generation { return &r.current.Load().generation }
