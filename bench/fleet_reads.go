package bench

import (
	"math"
	"sort"

	"github.com/rescindhq/rescind/denylist"
)

// leastReads is how often a mirror reads while nothing happens: a quarter of
// max-staleness lies between, and no more than a quarter of a second.
const leastReads = 4

// rests reports whether so many mirrors rest between reads, since more is revoked
// than the share of each.
func (f *Fleet) rests(mirrors int) bool {
	return f.Revocations > float64(denylist.MirrorWakes(mirrors))
}

// each is how often a second each of so many mirrors reads the log.
func (f *Fleet) each(mirrors int) float64 {
	if f.rests(mirrors) {
		return float64(denylist.MirrorWakes(mirrors))
	}
	return f.Reads
}

// reads is how often a second so many mirrors read it, together.
func (f *Fleet) reads(mirrors int) float64 { return float64(mirrors) * f.each(mirrors) }

// ShareAt is how much of a core Redis uses for so many mirrors.
func (f *Fleet) ShareAt(mirrors int) Interval { return f.Share.At(f.reads(mirrors)) }

// P50At is how stale so many mirrors are, in seconds; NaN where they rest, which
// no line tells.
func (f *Fleet) P50At(mirrors int) Interval { return f.stale(f.P50, mirrors) }

func (f *Fleet) stale(l Line, mirrors int) Interval {
	if f.rests(mirrors) {
		return unknown()
	}
	return l.At(float64(mirrors))
}

// measured is how often a second the mirrors of a point read, together.
func (f *Fleet) measured(p FleetPoint) float64 {
	if !finite(p.Reads) {
		return f.reads(p.Mirrors)
	}
	return float64(p.Mirrors) * p.Reads
}

// servers is on how many Redis so many mirrors have to be spread, each of which
// has some room for what they read. What one does without any mirror, each of
// several does too.
func (f *Fleet) servers(mirrors int) int {
	room := max(roomyShare-max(f.Share.Base, 0), 0.1) / f.Share.Each
	fit := sort.Search(mirrors, func(n int) bool { return f.reads(n+1) > room })
	return max(2, int(math.Ceil(float64(mirrors)/float64(max(fit, 1)))))
}
