package report

import (
	"errors"
	"io"

	"github.com/rescindhq/rescind/bench"
)

// GoBenchmark writes the Go benchmark format, one line a slice, for benchstat.
func GoBenchmark(w io.Writer, runs ...*bench.Results) error {
	return errors.New("report: not written yet")
}
