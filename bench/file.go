package bench

import (
	"errors"
	"io"
)

// Errors of result files.
var (
	ErrSchema    = errors.New("bench: not a result file that this version reads")
	ErrCutOff    = errors.New("bench: result file is cut off")
	ErrMalformed = errors.New("bench: result file is malformed")
)

// Writer writes a result file line by line, each in one Write: what was
// measured is kept whatever happens next. It is for one goroutine.
type Writer struct{ out io.Writer }

// NewWriter writes the header.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	return nil, errors.New("bench: not written yet")
}

// Slice writes one slice.
func (w *Writer) Slice(s Slice) error { return errors.New("bench: not written yet") }

// Stages writes where a verification's time goes.
func (w *Writer) Stages(s Stages) error { return errors.New("bench: not written yet") }

// End writes the last line, without which a file counts as cut off.
func (w *Writer) End(e End) error { return errors.New("bench: not written yet") }

// Read reads a result file, which anybody may have written: sizes are limited,
// and a file of another schema, cut off or malformed is refused with the line.
func Read(in io.Reader) (*Results, error) { return nil, errors.New("bench: not written yet") }
