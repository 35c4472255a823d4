package report

import (
	"io"

	"github.com/rescindhq/rescind/bench"
)

const (
	// ticksPerHalf is how many lines there are from each percentile to halfway
	// between it and the maximum: what HdrHistogram's plotter is used to.
	ticksPerHalf = 5

	nanosecondsPerMillisecond = 1e6
)

// HGRM writes the percentile distribution of one series in HdrHistogram's own
// text form, in milliseconds.
func HGRM(w io.Writer, s bench.Summary) error {
	_, err := s.Latency.PercentilesPrint(w, ticksPerHalf, nanosecondsPerMillisecond)
	return err
}
