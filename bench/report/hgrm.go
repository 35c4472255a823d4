package report

import (
	"errors"
	"io"

	"github.com/rescindhq/rescind/bench"
)

// HGRM writes the percentile distribution of one series in HdrHistogram's own
// text form, in milliseconds.
func HGRM(w io.Writer, s bench.Summary) error { return errors.New("report: not written yet") }
