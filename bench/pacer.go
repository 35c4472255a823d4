package bench

import (
	"math/rand/v2"
	"sort"
	"time"
)

// arrivalTable is after how many arrivals a Poisson schedule repeats itself:
// often enough that nobody sees it, and 128 KB.
const arrivalTable = 1 << 14

// schedule says when the operations of an open loop are due: at instants that
// are fixed beforehand, whatever becomes of the operations. It is read by all
// workers at once and never changes.
type schedule struct {
	period float64   // nanoseconds, of the table as a whole
	due    []float64 // nanoseconds, from the beginning of a period
}

// newSchedule makes the same schedule of the same arrivals, rate and seed.
func newSchedule(arrivals Arrivals, rate float64, seed uint64) *schedule {
	gap := 1e9 / rate
	if arrivals != Poisson {
		return &schedule{period: gap, due: []float64{0}}
	}
	random := rand.New(rand.NewPCG(seed, 0x61727269)) // #nosec G404 -- what is due when is no secret
	s := &schedule{period: gap * arrivalTable, due: make([]float64, arrivalTable)}
	sum := 0.0
	for i := range s.due {
		sum += random.ExpFloat64()
		s.due[i] = sum
	}
	// The table lasts exactly as long as its rate says: chance decides when
	// operations are due, not how many.
	for i := range s.due {
		s.due[i] *= s.period / sum
	}
	return s
}

// at is when arrival n is due.
func (s *schedule) at(n int64) time.Duration {
	size := int64(len(s.due))
	return time.Duration(float64(n/size)*s.period + s.due[n%size])
}

// before is how many arrivals are due before an instant.
func (s *schedule) before(instant time.Duration) int64 {
	// All of a period before the one of the instant, at most two periods on.
	size := int64(len(s.due))
	from := max(int64(float64(instant)/s.period)-1, 0) * size
	return from + int64(sort.Search(int(3*size), func(i int) bool { return s.at(from+int64(i)) >= instant }))
}
