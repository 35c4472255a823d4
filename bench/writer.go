package bench

import (
	"fmt"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Writer writes a result file line by line, each in one Write: what was
// measured is kept whatever happens next. It refuses lines that [Read] would
// refuse. After an error of the file it writes nothing more, so that a line
// that was written in part stays the last. It is for one goroutine.
type Writer struct {
	out    io.Writer
	header Header
	broken error
}

// NewWriter writes the header, as of the schema [Schema].
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	h.Schema = Schema
	w := &Writer{out: out, header: h}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("bench: writing the header: %w", err)
	}
	if err := w.line(headerLine{kindHeader, h}); err != nil {
		return nil, err
	}
	return w, nil
}

// Slice writes one slice.
func (w *Writer) Slice(s Slice) error {
	if err := s.check(w.header); err != nil {
		return fmt.Errorf("bench: writing a slice: %w", err)
	}
	latency, err := encodeLatency(s.Latency)
	if err != nil {
		return err
	}
	return w.line(sliceLine{
		Kind: kindSlice, Contender: s.Contender, Concurrency: s.Concurrency, Round: s.Round,
		At: s.At, Wall: s.Wall, Operations: s.Operations, Errors: s.Errors, Unbegun: s.Unbegun,
		CPU: s.CPU, Gauges: s.Gauges, Latency: latency,
	})
}

// Stages writes where a verification's time goes.
func (w *Writer) Stages(s Stages) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("bench: writing stages: %w", err)
	}
	return w.line(stagesLine{kindStages, s})
}

// End writes the last line, without which a file counts as cut off.
func (w *Writer) End(e End) error {
	if err := e.check(w.header); err != nil {
		return fmt.Errorf("bench: writing the end: %w", err)
	}
	return w.line(endLine{kindEnd, e})
}

func (w *Writer) line(v any) error {
	if w.broken != nil {
		return w.broken
	}
	// An error that ends up in a note may hold any bytes.
	line, err := json.Marshal(v, dialect(), json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("bench: encoding a result: %w", err)
	}
	line = append(line, '\n')
	if len(line) > maxLine {
		return fmt.Errorf("bench: a line of %d bytes; the most that a result file may have is %d", len(line), maxLine)
	}
	if _, err := w.out.Write(line); err != nil {
		w.broken = fmt.Errorf("bench: writing results: %w", err)
	}
	return w.broken
}

func encodeLatency(h *hdrhistogram.Histogram) (string, error) {
	if h == nil {
		return "", nil
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return "", fmt.Errorf("bench: encoding latencies: %w", err)
	}
	return string(text), nil
}
