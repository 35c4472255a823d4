package tune

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What a deadline leaves for answers that are slower than those that were
// measured: a minute is no month.
const (
	overTail    = 3    // times the 99.9th percentile
	overSlowest = 1.25 // times the slowest
	// leastDeadline is for what a calm minute does not show: a Redis that forks,
	// or waits for its disk.
	leastDeadline = 10 * time.Millisecond
)

// Deadline is the least that a check may be given, by the latencies of healthy
// ones: well over their tail, and one of 1, 2 and 5 times a power of ten. 0:
// nothing was measured.
func Deadline(latencies *hdrhistogram.Histogram) time.Duration {
	if latencies == nil || latencies.TotalCount() == 0 {
		return 0
	}
	tail := time.Duration(overTail * float64(latencies.ValueAtPercentile(99.9)))
	slowest := time.Duration(overSlowest * float64(latencies.Max()))
	return roundUp(max(tail, slowest, leastDeadline))
}

// longWay is how many times the median a deadline may be that is raised: what
// took longer than that was held up by something else.
const longWay = 10

// Raise is the deadline that checks need where the usual one is too short for
// them; 0: it is not. It goes by their median, which is the way to Redis and
// back: an answer that is late now and then, since this machine or Redis had
// something else to do, does not move it.
func Raise(latencies *hdrhistogram.Histogram, usual time.Duration) time.Duration {
	if latencies == nil || latencies.TotalCount() == 0 {
		return 0
	}
	median := time.Duration(latencies.ValueAtPercentile(50))
	if overTail*median <= usual {
		return 0
	}
	return min(Deadline(latencies), roundUp(longWay*median))
}

// roundUp is the next of 1, 2 and 5 times a power of ten.
func roundUp(need time.Duration) time.Duration {
	for unit := leastDeadline / 10; ; unit *= 10 {
		for _, times := range []time.Duration{1, 2, 5} {
			if times*unit >= need {
				return times * unit
			}
		}
	}
}
