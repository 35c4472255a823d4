package bench

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exponentials(values ...float64) []float64 {
	for i, v := range values {
		values[i] = math.Exp(v)
	}
	return values
}

// Hollander and Wolfe, Nonparametric Statistical Methods, table 4.1
// (permeability of the human chorioamnion): a shift of -0.305, with a 96 %
// interval from -0.76 to 0.15. R's wilcox.test has the data as its example.
func TestRatioOfPublishedData(t *testing.T) {
	t.Parallel()
	term := exponentials(0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
	early := exponentials(1.15, 0.88, 0.90, 0.74, 1.21)
	got := ratioOf(term, early)
	assert.InDelta(t, -0.305, math.Log(got.Center), 1e-9)
	assert.InDelta(t, -0.76, math.Log(got.Low), 1e-9)
	assert.InDelta(t, 0.15, math.Log(got.High), 1e-9)
}

func TestRatioIsThatOfAllPairs(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		a, b := sample(random, 1+random.IntN(12), 1), sample(random, 1+random.IntN(12), 3)
		if random.IntN(2) == 0 { // with ties
			for i := range a {
				a[i] = math.Round(a[i]*10)/10 + 0.1
			}
		}
		a, b = logarithms(a), logarithms(b)
		var all []float64
		for _, x := range a {
			for _, y := range b {
				all = append(all, y-x)
			}
		}
		slices.Sort(all)
		for k, want := range all {
			require.InDelta(t, want, difference(a, b, k+1), 1e-12, "the %d. of %v and %v", k+1, a, b)
		}
	}
}

// The exact distribution, by writing down every order in which the values of
// two samples can stand.
func TestCriticalRankByEnumeration(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 7; n++ {
		for m := 1; m <= 7; m++ {
			below := make([]float64, n*m+2) // how many orders have U < k
			orders := 0.0
			for order := range uint(1) << (n + m) {
				if bits.OnesCount(order) != n {
					continue
				}
				orders++
				for k := statisticU(order, n+m) + 1; k < len(below); k++ {
					below[k]++
				}
			}
			want := 0
			for k := range below {
				if below[k]/orders <= 0.025 {
					want = k
				}
			}
			assert.Equal(t, want, criticalRank(n, m), "of %d and %d values", n, m)
		}
	}
}

// statisticU counts, in an order of values where a bit that is set is one of
// the first sample, the pairs in which the first is the larger.
func statisticU(order uint, length int) int {
	u, smaller := 0, 0
	for i := range length {
		if order>>i&1 == 0 {
			smaller++
		} else {
			u += smaller
		}
	}
	return u
}

func TestTheNormalApproximationMeetsTheExactOne(t *testing.T) {
	t.Parallel()
	exact := criticalRank(50, 50)
	approximate := criticalRank(50, 51)
	assert.InDelta(t, exact, approximate, 25, "a value more moves the middle by 25")
	assert.Less(t, exact, approximate)
}

// In 95 of 100 runs the interval has the truth in it, whatever the noise.
func TestRatioCovers(t *testing.T) {
	t.Parallel()
	const truth, runs = 1.1, 2000
	for _, n := range []int{8, 20, 60} {
		random := rand.New(rand.NewPCG(3, uint64(n)))
		covered := 0
		for range runs {
			in := ratioOf(sample(random, n, 1), sample(random, n, truth))
			if in.Low <= truth && truth <= in.High {
				covered++
			}
		}
		share := float64(covered) / runs
		assert.True(t, share > 0.93 && share < 0.97, "%d slices: the truth is in %.1f %% of the intervals", n, 100*share)
	}
}

// sample is n figures around a level with a long tail upwards, as latencies
// have.
func sample(random *rand.Rand, n int, level float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = level * (1 + random.ExpFloat64())
	}
	return values
}

func TestTooFewValuesHaveNoInterval(t *testing.T) {
	t.Parallel()
	in := ratioOf([]float64{1, 2, 3}, []float64{2, 4, 6})
	assert.InDelta(t, 2, in.Center, 1e-9)
	assert.True(t, math.IsNaN(in.Low) && math.IsNaN(in.High))
	assert.True(t, math.IsNaN(ratioOf(nil, []float64{1}).Center))
}

func TestManySlicesAreQuick(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	in := ratioOf(sample(random, maxSlices, 1), sample(random, maxSlices, 2)) // 400 million pairs
	assert.InDelta(t, 2, in.Center, 0.05)
}
