package bench

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestScheduleKeepsTheRate: over whole periods of its table a schedule has
// exactly as many arrivals as its rate says, and between them a constant one
// never and a Poisson one hardly strays.
func TestScheduleKeepsTheRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 1000, 3e6} {
		constant := newSchedule(Constant, rate, 1)
		poisson := newSchedule(Poisson, rate, 1)
		for _, n := range []int64{1, 10, arrivalTable, 5 * arrivalTable, 1000 * arrivalTable} {
			want := float64(n) / rate * 1e9
			assert.InDelta(t, want, constant.at(n), 1, "constant arrival %d at %v/s", n, rate)
			// The last arrival of a period ends it.
			if n%arrivalTable == 0 {
				assert.InDelta(t, want, poisson.at(n-1), 1+want*1e-12, "Poisson arrival %d at %v/s", n-1, rate)
			}
		}
	}
}

// TestPoissonGaps: the gaps are exponential, of which mean and standard
// deviation are equal, and 1/e are longer than the mean.
func TestPoissonGaps(t *testing.T) {
	t.Parallel()
	s := newSchedule(Poisson, 1000, 7)
	var squares, long float64
	for n := range int64(arrivalTable) {
		gap := float64(s.at(n+1)-s.at(n)) / 1e6
		assert.GreaterOrEqual(t, gap, 0.0)
		squares += (gap - 1) * (gap - 1)
		if gap > 1 {
			long++
		}
	}
	assert.InDelta(t, 1, math.Sqrt(squares/arrivalTable), 0.05)
	assert.InDelta(t, 1/math.E, long/arrivalTable, 0.02)
}

func TestScheduleIsSeeded(t *testing.T) {
	t.Parallel()
	one, same, other := newSchedule(Poisson, 1000, 1), newSchedule(Poisson, 1000, 1), newSchedule(Poisson, 1000, 2)
	assert.Equal(t, one, same)
	assert.NotEqual(t, one.due, other.due)
}

// TestScheduleBefore: before counts what at says.
func TestScheduleBefore(t *testing.T) {
	t.Parallel()
	for _, arrivals := range []Arrivals{Constant, Poisson} {
		for _, rate := range []float64{0.3, 999, 1e6} {
			s := newSchedule(arrivals, rate, 3)
			for _, n := range []int64{0, 1, 2, 100, arrivalTable - 1, arrivalTable, 3*arrivalTable + 5} {
				at := s.at(n)
				assert.LessOrEqual(t, s.before(at), n, "%s at %v/s", arrivals, rate)
				assert.Greater(t, s.before(at+1), n, "%s at %v/s", arrivals, rate)
			}
			assert.Zero(t, s.before(0))
			second := s.before(1000 * time.Second)
			assert.InDelta(t, 1000*rate, second, 6*math.Sqrt(1000*rate)+1)
		}
	}
}
