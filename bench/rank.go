package bench

import (
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// exactPairs is up to how many pairs of values the exact distribution of
// Mann-Whitney's U is computed. Beyond, the normal one is close enough.
const exactPairs = 2500

// ratioOf estimates by which factor b's values are over a's, all above zero:
// the Hodges-Lehmann estimate of the shift of their logarithms, with the 95 %
// interval that inverts the Mann-Whitney test (Hollander and Wolfe,
// Nonparametric Statistical Methods, 4.2 and 4.3). Ties make the interval wider
// than it need be, never narrower.
func ratioOf(a, b []float64) Interval {
	if len(a) == 0 || len(b) == 0 {
		return unknown()
	}
	a, b = logarithms(a), logarithms(b)
	pairs := len(a) * len(b)
	in := unknown()
	in.Center = math.Exp((difference(a, b, (pairs+1)/2) + difference(a, b, pairs/2+1)) / 2)
	if k := criticalRank(len(a), len(b)); k > 0 {
		in.Low = math.Exp(difference(a, b, k))
		in.High = math.Exp(difference(a, b, pairs+1-k))
	}
	return in
}

func logarithms(values []float64) []float64 {
	logs := make([]float64, len(values))
	for i, v := range values {
		logs[i] = math.Log(v)
	}
	slices.Sort(logs)
	return logs
}

// criticalRank is the rank, from 1, of the difference that bounds the interval
// from below: the largest k for which U < k has a probability of at most 2.5 %.
// With too few values there is none: 0.
func criticalRank(n, m int) int {
	pairs := float64(n * m)
	deviation := math.Sqrt(pairs * float64(n+m+1) / 12)
	tail := (1 - confidence) / 2
	k := int(math.Floor(pairs/2 + stats.StdNormal.InvCDF(tail)*deviation + 0.5))
	k = max(k, 0)
	if n*m > exactPairs {
		return k
	}
	u := stats.UDist{N1: n, N2: m}
	for k > 0 && u.CDF(float64(k-1)) > tail {
		k--
	}
	for u.CDF(float64(k)) <= tail {
		k++
	}
	return k
}

// difference is the k-th smallest, from 1, of all differences of one of b and
// one of a, which are sorted. It narrows a range down instead of listing them:
// two files may have 20,000 values each.
func difference(a, b []float64, k int) float64 {
	low, high := b[0]-a[len(a)-1], b[len(b)-1]-a[0]
	for range 100 { // by then the range is a 2^100th of what it was
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if differencesUpTo(a, b, middle) >= k {
			high = middle
		} else {
			low = middle
		}
	}
	if differencesUpTo(a, b, low) >= k {
		return low
	}
	return high
}

// differencesUpTo counts the differences of one of b and one of a that are at
// most limit.
func differencesUpTo(a, b []float64, limit float64) int {
	count, j := 0, 0
	for _, v := range a {
		for j < len(b) && b[j]-v <= limit {
			j++
		}
		count += j
	}
	return count
}
