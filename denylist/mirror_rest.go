package denylist

import (
	"time"

	"golang.org/x/time/rate"
)

// mostWakes is how many a second a mirror may be told to read: see
// MirrorOptions.Wakes.
const mostWakes = 1000

// mirrorRests are the rests of a mirror between being woken and reading, so that
// it reads at once what many writes left. They are of one goroutine.
type mirrorRests struct {
	wakes *rate.Limiter
	most  time.Duration // what a rest leaves of the time for the next proof
}

func newMirrorRests(wakes int, most time.Duration) mirrorRests {
	return mirrorRests{wakes: rate.NewLimiter(rate.Limit(wakes), wakes), most: most}
}

// set changes how many wakes there may be in a second.
func (r mirrorRests) set(now time.Time, wakes int) {
	r.wakes.SetLimitAt(now, rate.Limit(wakes))
	r.wakes.SetBurstAt(now, wakes)
}

// next is how long to rest after a wake at now: not at all, until there were
// more of them than there may be in a second; then for what is left of the share
// of a second that each has. Where proofs are due more often than that, what a
// wake does too much is not made up for by later ones.
func (r mirrorRests) next(now time.Time) time.Duration {
	wake := r.wakes.ReserveN(now, 1)
	if rest := wake.DelayFrom(now); rest <= r.most {
		return rest
	}
	wake.CancelAt(now)
	return r.most
}
