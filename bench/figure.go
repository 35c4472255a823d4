package bench

import "math"

// figure is one number of a slice: seconds, operations a second, or a share.
// NaN: not known.
type figure func(Slice) float64

func rate(s Slice) float64 {
	if s.Wall <= 0 {
		return math.NaN()
	}
	return float64(s.Operations) / s.Wall.Seconds()
}

func wallByOperation(s Slice) float64 { return byOperation(s, s.Wall.Seconds()) }

func cpuByOperation(process string) figure {
	return func(s Slice) float64 {
		used, ok := s.CPU[process]
		if !ok {
			return math.NaN()
		}
		return byOperation(s, used.Seconds())
	}
}

// allCPUByOperation is that of all processes together.
func allCPUByOperation(s Slice) float64 {
	if len(s.CPU) == 0 {
		return math.NaN()
	}
	var all float64
	for _, used := range s.CPU {
		all += used.Seconds()
	}
	return byOperation(s, all)
}

func byOperation(s Slice, seconds float64) float64 {
	if s.Operations == 0 {
		return math.NaN()
	}
	return seconds / float64(s.Operations)
}

func percentile(percent float64) figure {
	return func(s Slice) float64 {
		if s.Latency == nil || s.Latency.TotalCount() == 0 {
			return math.NaN()
		}
		return float64(s.Latency.ValueAtPercentile(percent)) / 1e9
	}
}

// failures is the share of the operations due that did not succeed: those that
// failed, and in an open loop those that were never begun.
func failures(s Slice) float64 {
	failed := float64(s.Unbegun)
	for _, n := range s.Errors {
		failed += float64(n)
	}
	return failed / (float64(s.Operations) + failed) // NaN where nothing was due
}
