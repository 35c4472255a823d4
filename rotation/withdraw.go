package rotation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/verifier"
)

// Withdraw denies everything that a key signed, at once: for a key that may
// have leaked. Its tokens are verifier.ErrKeyWithdrawn from now on, which tells
// clients to log in again, until they would have been dead anyway. The key set
// that is published no longer has it, and its secret is erased from the
// directory. If it was the one that signs, another takes over as in Rotate: a
// key that waited where one does, so make sure first that none of those leaked.
//
// Other processes that share the directory follow at their next Reload, and
// verifiers with a copy of the published set when they fetch it again.
//
// Withdrawing twice changes nothing.
func (r *KeyRing) Withdraw(kid string) (KeyInfo, error) {
	return r.change(func(keys ring, now time.Time) (ring, string, error) {
		i, ok := keys.find(kid)
		if !ok {
			return nil, "", fmt.Errorf("rotation: withdrawing a key: %w", verifier.ErrUnknownKey)
		}
		switch keys[i].state() {
		case Withdrawn:
			return keys, kid, nil
		case Signing:
			var err error
			if keys, _, err = r.rotate(keys, now); err != nil {
				return nil, "", err
			}
		}
		keys[i] = keys[i].withdraw(now, now.Add(r.tokenLife+denylist.MaxLeeway+handover))
		return slices.DeleteFunc(keys, func(k ringKey) bool { return k.state() == Withdrawn && k.dead(now) }), kid, nil
	})
}

// withdraw is what is left of a key: its name, until the last token that it
// signed, or that a process which has not heard of it yet signs, is dead.
func (k ringKey) withdraw(now, until time.Time) ringKey {
	if !k.verifiesUntil.IsZero() && k.verifiesUntil.Before(until) {
		until = k.verifiesUntil
	}
	return ringKey{
		id: k.id, alg: k.alg, createdAt: k.createdAt, signsSince: k.signsSince,
		verifiesUntil: until, withdrawnAt: now,
	}
}

// withdrawn reports whether the key with that kid was withdrawn. That it was
// is said for as long as the ring remembers: nothing is let in by it.
func (ks ring) withdrawn(kid string) bool {
	i, ok := ks.find(kid)
	return ok && ks[i].state() == Withdrawn
}

// tombstone is a withdrawn key in the file.
func tombstone(k ringKey) keyRecord {
	return keyRecord{
		CreatedAt: k.createdAt, SignsSince: k.signsSince, VerifiesUntil: k.verifiesUntil,
		WithdrawnAt: k.withdrawnAt, KeyID: k.id, Algorithm: k.alg,
	}
}

// withdrawn reads a tombstone.
func (rec keyRecord) withdrawn() (ringKey, error) {
	switch {
	case len(rec.JWK) != 0:
		return ringKey{}, errors.New("withdrawn, with a JWK")
	case rec.VerifiesUntil.IsZero():
		return ringKey{}, errors.New("withdrawn without an end")
	case !slices.Contains(verifier.Algorithms(), rec.Algorithm):
		return ringKey{}, errors.New("withdrawn, of no algorithm")
	}
	return ringKey{
		id: rec.KeyID, alg: rec.Algorithm, createdAt: rec.CreatedAt, signsSince: rec.SignsSince,
		verifiesUntil: rec.VerifiesUntil, withdrawnAt: rec.WithdrawnAt,
	}, checkKeyID(rec.KeyID)
}
