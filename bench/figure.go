package bench

import "math"

// figure is one number of a slice in which something was done: seconds,
// operations a second, or a share. NaN: not known.
type figure func(Slice) float64

func wallByOperation(s Slice) float64 { return s.Wall.Seconds() / float64(s.Operations) }

func cpuByOperation(process string) figure {
	return func(s Slice) float64 {
		used, ok := s.CPU[process]
		if !ok {
			return math.NaN()
		}
		return used.Seconds() / float64(s.Operations)
	}
}

func allCPUByOperation(s Slice) float64 {
	if len(s.CPU) == 0 {
		return math.NaN()
	}
	var all float64
	for _, used := range s.CPU {
		all += used.Seconds()
	}
	return all / float64(s.Operations)
}

func percentile(percent float64) figure {
	return func(s Slice) float64 {
		if s.Latency == nil || s.Latency.TotalCount() == 0 {
			return math.NaN()
		}
		return float64(s.Latency.ValueAtPercentile(percent)) / 1e9
	}
}
