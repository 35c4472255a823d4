// Package report shows results: as a table for a terminal, as one page of HTML,
// as Markdown, and in the formats of other tools.
package report

import (
	"errors"
	"io"

	"github.com/rescindhq/rescind/bench"
)

var errNot = errors.New("report: not written yet")

// Table writes what people read first: percentiles, rate, CPU by operation and
// the ratio to the baseline, then the notes. Several runs follow each other.
func Table(w io.Writer, runs ...*bench.Results) error { return errNot }

// Markdown writes the table of ratios for a document.
func Markdown(w io.Writer, runs ...*bench.Results) error { return errNot }

// JSON writes the same figures as Table for programs.
func JSON(w io.Writer, runs ...*bench.Results) error { return errNot }

// HTML writes one page that needs nothing else: no script, no network.
func HTML(w io.Writer, runs ...*bench.Results) error { return errNot }

// Comparison writes the table of compare.
func Comparison(w io.Writer, differences []bench.Difference) error { return errNot }

// ComparisonJSON writes the same for programs.
func ComparisonJSON(w io.Writer, differences []bench.Difference) error { return errNot }
