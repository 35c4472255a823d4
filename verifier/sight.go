package verifier

import (
	"context"
	"sync/atomic"

	"github.com/rescindhq/rescind/denylist"
)

// sight is a token that was found genuine: what stays true of it whenever it is
// seen, what it says and which key said so. What time and the denylist make of
// it is not in here, and is never kept. The cache shares it: many read it at
// once, so that only its atomics are written to then.
//
// It is one piece of memory, in nine cache lines with the eight bytes that the
// allocator puts before it. What every hit reads of it are two: the first of the
// claims, which is that of their token, and the last.
type sight struct {
	_ [16]byte

	key        Key
	kid        string      // as the token has it: it may be none
	generation *Generation // of the issuer's keys, read before the key was
	text       int         // bytes of memory that raw and the claims are parts of

	claims claims
	size   int64 // bytes that it keeps alive

	hash     uint64
	raw      string                     // a copy of the token, if it is kept: a caller's may be a part of something large
	verified atomic.Pointer[Generation] // the last in which the key was found unchanged
	visits   atomic.Uint32              // hits, until they are enough to tell
	issuer   *issuer
	valid    span
}

// holds reports whether the key that verified the token is still the one that
// its issuer has for it. gone: it is not, and will not be. Who asks for a key may
// wait for the network: none is asked for if raw is another token (R1).
func (s *sight) holds(ctx context.Context, raw string) (holds, gone bool) {
	if s.issuer.fixed {
		return true, false
	}
	g := s.issuer.generation()
	if g != nil && s.verified.Load() == g {
		return true, false
	}
	if s.raw != raw {
		return false, false
	}
	if holds, gone = s.issuer.has(ctx, s.kid, s.key); holds {
		s.verified.Store(g)
	}
	return holds, gone
}

// Glancer is a Denylist that answers most checks without I/O: denylist.Mirror
// is one, and so is what embeds it. Its answer is completed with the verifier's
// own reading of the clock.
//
// A Denylist is one by this method alone: any other, though it wraps a mirror,
// is asked by Check each time. Who writes a wrapper lets the compiler see to it:
//
//	var _ verifier.Glancer = (*wrapper)(nil)
type Glancer interface {
	Denylist
	// GlancePrepared does no I/O. The clock is read once it has returned.
	GlancePrepared(t *denylist.Prepared) denylist.Glance
}

var _ Glancer = (*denylist.Mirror)(nil)

// judge is the part of a verdict that is worth nothing a moment later: whether
// the token is in time and nothing denies it. An expired token is expired,
// whatever else it is, and nobody is asked about it (R1). told is false where
// that is no answer: raw is another token, or keys, if not nil, are over.
func (v *Verifier) judge(ctx context.Context, s *sight, raw string, keys *Generation) (told bool, err error) {
	var glance denylist.Glance
	if v.glancer != nil {
		// Before the clock: a process that is suspended between the two must
		// find the mirror too old, and not the clock too early.
		glance = v.glancer.GlancePrepared(&s.claims.token)
	}
	now := v.opts.Now()
	// Only here, though a look-up might do it: whoever reads a clock waits for all
	// that was begun before. What is compared after it, nobody waits for.
	if s.raw != raw || keys != nil && keys.over(now) {
		return false, nil
	}
	if err := v.inTime(s, now); err != nil {
		return true, err
	}
	if v.glancer != nil {
		if err, known := glance.Verdict(now); known {
			return true, err
		}
	}
	return true, v.ask(ctx, s)
}

// recall is the verdict on a token that seems to be one that was verified before.
// told is false where it is not, or has to be verified again.
func (v *Verifier) recall(ctx context.Context, s *sight, raw string) (told bool, err error) {
	if !v.trusts[s.issuer.number] {
		return false, nil
	}
	holds, gone := s.holds(ctx, raw)
	if holds {
		if told, err = v.judge(ctx, s, raw, s.verified.Load()); told || s.raw != raw {
			return told, err
		}
		// A key's time is over: if not this one's, the clock is read again,
		// since asking may have taken long.
		if holds, gone = s.issuer.has(ctx, s.kid, s.key); holds {
			return v.judge(ctx, s, raw, nil)
		}
	}
	if gone {
		v.cache.void(s)
	}
	return false, nil
}
