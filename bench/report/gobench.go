package report

import (
	"io"

	"github.com/rescindhq/rescind/bench"
)

// GoBenchmark writes the Go benchmark format, one line a slice, for benchstat.
func GoBenchmark(w io.Writer, runs ...*bench.Results) error { return errNot }
