package denylist

import "time"

// merge is R10: what two entries for the same tokens deny together. Nothing of
// either is weakened, shortened or postponed, so that entries may be merged
// over and over. The first revocation's instant and reason stand.
func merge(have, add Entry) Entry {
	have.Revoked = mergeRevoked(have.Revoked, add.Revoked)
	have.Rotated = mergeRotated(have.Rotated, add.Rotated)
	have.ExpiresAt = later(have.ExpiresAt, add.ExpiresAt)
	return have
}

func mergeRevoked(have, add *Revoked) *Revoked {
	if have == nil || add == nil {
		return either(have, add)
	}
	return &Revoked{At: have.At, Reason: have.Reason, Cutoff: later(have.Cutoff, add.Cutoff)}
}

func mergeRotated(have, add *Rotated) *Rotated {
	if have == nil || add == nil {
		return either(have, add)
	}
	return &Rotated{
		At:            earlier(have.At, add.At),
		EffectiveFrom: earlier(have.EffectiveFrom, add.EffectiveFrom),
	}
}

// either returns a copy of the half that there is.
func either[T any](a, b *T) *T {
	if a == nil {
		a = b
	}
	if a == nil {
		return nil
	}
	half := *a
	return &half
}

// clone returns a copy that shares no halves with e.
func (e Entry) clone() Entry {
	e.Revoked, e.Rotated = either(e.Revoked, nil), either(e.Rotated, nil)
	return e
}

// equal reports whether two stored entries say the same.
func (e Entry) equal(o Entry) bool {
	return e.Scope == o.Scope && e.Issuer == o.Issuer && e.ID == o.ID &&
		e.ExpiresAt.Equal(o.ExpiresAt) && sameHalf(e.Revoked, o.Revoked) && sameHalf(e.Rotated, o.Rotated)
}

// sameHalf compares with ==, which is right for stored instants: see instant.
func sameHalf[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// denies reports whether e, an entry of one of t's ids, denies t at now.
func (e Entry) denies(t Token, now time.Time) bool {
	return e.revokes(t) || e.Rotated != nil && !now.Before(e.Rotated.EffectiveFrom)
}

// revokes reports whether the revoked half of e, an entry of one of t's ids,
// denies t. A login in the very millisecond of a cutoff is not later (R6).
func (e Entry) revokes(t Token) bool {
	if e.Revoked == nil {
		return false
	}
	return !e.Scope.Wide() || millis(t.Login) <= millis(e.Revoked.Cutoff)
}
