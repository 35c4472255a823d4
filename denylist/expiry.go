package denylist

import (
	"fmt"
	"time"
)

// Instants are whole milliseconds of Unix time, between these two.
const (
	minMillis int64 = -62135596800000 // 0001-01-01: the zero Time
	maxMillis int64 = 253402300799999 // 9999-12-31: the last that RFC 3339 can write
)

// Defaults of both stores.
const (
	defaultSkewMargin = time.Minute
	defaultLifetime   = 90 * 24 * time.Hour
)

// millis is t in milliseconds, rounded down and capped, so that no arithmetic
// on it can overflow: an exp of 18446744073709552 must not wrap into the past.
func millis(t time.Time) int64 {
	switch s := t.Unix(); {
	case s > maxMillis/1000:
		return maxMillis
	case s < minMillis/1000:
		return minMillis
	}
	return t.UnixMilli()
}

// atMillis is the inverse of millis.
func atMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// instant is t as stores keep it: UTC, whole milliseconds, capped, and without
// a monotonic reading.
func instant(t time.Time) time.Time { return atMillis(millis(t)) }

// later returns the later of two instants.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// earlier returns the earlier of two instants.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// policy is what a store adds to what it is told.
type policy struct {
	skewMargin time.Duration // how far clocks may be apart
	lifetime   time.Duration // of tokens whose exp is not known
}

func newPolicy(skewMargin, lifetime time.Duration) policy {
	if skewMargin <= 0 {
		skewMargin = defaultSkewMargin
	}
	if lifetime <= 0 {
		lifetime = defaultLifetime
	}
	return policy{skewMargin: skewMargin, lifetime: lifetime}
}

// outlive is when nothing that ends at t can be alive for any verifier of the
// fleet: its leeway and its clock's error are over (R5).
func (p policy) outlive(t time.Time) time.Time {
	return instant(instant(t).Add(MaxLeeway).Add(p.skewMargin))
}

// stamp is e as it is written at now: instants filled in, its expiry computed.
// ErrInvalid: its cutoff is further ahead than the skew margin (R10).
func (p policy) stamp(e Entry, now time.Time, overlap time.Duration) (Entry, error) {
	e = e.clone()
	if r := e.Revoked; r != nil {
		r.At = now
		if e.Scope.Wide() {
			if r.Cutoff.IsZero() {
				r.Cutoff = now
			}
			r.Cutoff = instant(r.Cutoff)
			if r.Cutoff.After(now.Add(p.skewMargin)) {
				return Entry{}, fmt.Errorf("%w: cutoff is further ahead than %v", ErrInvalid, p.skewMargin)
			}
		}
	}
	if r := e.Rotated; r != nil {
		r.At, r.EffectiveFrom = now, instant(now.Add(overlap))
	}
	e.ExpiresAt = p.expiry(e, now)
	e.Until, e.Lifetime = time.Time{}, 0
	return e, nil
}

// expiry is when e, written at now, is forgotten: computed from what it denies
// (R5), and lengthened where the caller's ExpiresAt is later.
func (p policy) expiry(e Entry, now time.Time) time.Time {
	until := e.Until
	if until.IsZero() {
		until = now
		if e.Revoked != nil {
			until = later(until, e.Revoked.Cutoff)
		}
		lifetime := e.Lifetime
		if lifetime == 0 {
			lifetime = p.lifetime
		}
		until = until.Add(lifetime)
	}
	return later(p.outlive(until), instant(e.ExpiresAt))
}
