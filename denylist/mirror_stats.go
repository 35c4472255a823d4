package denylist

import (
	"sync/atomic"
	"time"
)

// counterStripes keep checks that run at once from writing to one cache line.
const counterStripes = 16

// mirrorCounters count what a mirror does.
type mirrorCounters struct {
	answered, confirmed [counterStripes]struct {
		atomic.Uint64
		_ [56]byte
	}
	asked, loads, overtaken, gaps, forgotten, givenBack, kept atomic.Uint64

	shadowChecks, shadowDisagree atomic.Uint64
	shadowAge                    atomic.Int64
}

func (c *mirrorCounters) stats() MirrorStats {
	s := MirrorStats{
		Asked: c.asked.Load(), Loads: c.loads.Load(), Overtaken: c.overtaken.Load(), Gaps: c.gaps.Load(),
		Forgotten: c.forgotten.Load(), GivenBack: c.givenBack.Load(), Kept: c.kept.Load(),
		ShadowChecks: c.shadowChecks.Load(), ShadowDisagree: c.shadowDisagree.Load(),
		ShadowAge: time.Duration(c.shadowAge.Load()),
	}
	for i := range c.answered {
		s.Answered += c.answered[i].Load()
		s.Confirmed += c.confirmed[i].Load()
	}
	return s
}

// disagreed notes that the mirror and Redis did, at an age.
func (c *mirrorCounters) disagreed(age time.Duration) {
	c.shadowDisagree.Add(1)
	for {
		have := c.shadowAge.Load()
		if int64(age) <= have || c.shadowAge.CompareAndSwap(have, int64(age)) {
			return
		}
	}
}
