package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Read reads a result file, which anybody may have written: sizes are limited,
// and a file of another schema, cut off or malformed is refused with the line
// (ErrSchema, ErrCutOff, ErrMalformed). A run that was interrupted reads like
// any other; its End says so. Control characters in strings are replaced, and
// no Slice is without a Latency.
func Read(in io.Reader) (*Results, error) {
	r := &reader{in: bufio.NewReader(in), memory: maxMemory}
	for !r.ended {
		line, err := r.next()
		if err != nil {
			return nil, err
		}
		if err := r.take(line); err != nil {
			return nil, err
		}
	}
	if _, err := r.in.Peek(1); err == nil {
		return nil, r.refuse(ErrMalformed, errors.New("it is the end, but more follows"))
	}
	return &r.results, nil
}

type reader struct {
	in      *bufio.Reader
	number  int // of the line, from 1
	last    bool
	results Results
	ended   bool
	memory  int                     // left for latencies
	series  map[Series]map[int]bool // the rounds that each has a slice of
}

// missing says what is not there at the end of a file.
func (r *reader) missing() error {
	if r.number == 1 {
		return errors.New("there is nothing in it")
	}
	return errors.New("missing: the one that says how the run ended")
}

// next is the next line. One that lacks its newline is the last.
func (r *reader) next() ([]byte, error) {
	r.number++
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, r.refuse(ErrMalformed, fmt.Errorf("more than %d bytes", maxLine))
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, r.refuse(ErrCutOff, r.missing())
		case errors.Is(err, io.EOF):
			r.last = true
		case err != nil:
			return nil, fmt.Errorf("bench: reading results: %w", err)
		}
		return line, nil
	}
}

// take takes a line in.
func (r *reader) take(line []byte) error {
	var probe struct {
		Kind   jsontext.Value `json:"kind"`
		Schema jsontext.Value `json:"schema"`
	}
	err := json.Unmarshal(line, &probe)
	switch {
	case r.number == 1 && !bytes.HasPrefix(line, []byte("{")):
		return r.refuse(ErrSchema, errors.New("no JSON object"))
	case err != nil && r.last:
		return r.refuse(ErrCutOff, errors.New("it ends in the middle"))
	case err != nil:
		return r.refuse(ErrMalformed, err)
	}
	if r.number == 1 {
		if err := checkSchema(probe.Schema); err != nil {
			return r.refuse(ErrSchema, err)
		}
	}
	var kind string
	if err := json.Unmarshal(probe.Kind, &kind); err != nil {
		return r.refuse(ErrMalformed, errors.New("no kind"))
	}
	if err := r.takeKind(kind, line); err != nil {
		return r.refuse(ErrMalformed, err)
	}
	return nil
}

func (r *reader) refuse(as, cause error) error {
	return fmt.Errorf("%w: line %d: %w", as, r.number, cause)
}

func checkSchema(found jsontext.Value) error {
	var schema string
	if json.Unmarshal(found, &schema) != nil {
		return fmt.Errorf("it names no schema, want %q", Schema)
	}
	if schema != Schema {
		return fmt.Errorf("its schema is %.40q, want %q", schema, Schema)
	}
	return nil
}

func (r *reader) takeKind(kind string, line []byte) error {
	if (kind == kindHeader) != (r.number == 1) {
		return fmt.Errorf("a line of the kind %.40q: the header comes first, and once", kind)
	}
	switch kind {
	case kindHeader:
		return r.header(line)
	case kindSlice:
		return r.slice(line)
	case kindStages:
		return r.stages(line)
	case kindEnd:
		return r.end(line)
	}
	return fmt.Errorf("a line of the kind %.40q", kind)
}

func (r *reader) header(line []byte) error {
	var h headerLine
	if err := json.Unmarshal(line, &h, dialect()); err != nil {
		return err
	}
	h.Header.clean()
	r.results.Header = h.Header
	r.series = make(map[Series]map[int]bool)
	return h.check()
}

func (r *reader) slice(line []byte) error {
	var s sliceLine
	if err := json.Unmarshal(line, &s, dialect()); err != nil {
		return err
	}
	latency, err := decodeLatency(s.Latency)
	if err != nil {
		return fmt.Errorf("latency_ns: %w", err)
	}
	slice := Slice{
		Contender: plain(s.Contender), Concurrency: s.Concurrency, Round: s.Round,
		At: s.At, Wall: s.Wall, Operations: s.Operations, Errors: plainMap(s.Errors, same), Unbegun: s.Unbegun,
		CPU: plainMap(s.CPU, same), Gauges: plainMap(s.Gauges, same), Latency: latency,
	}
	if err := slice.check(r.results.Header); err != nil {
		return err
	}
	r.results.Slices = append(r.results.Slices, slice)
	if err := r.enter(slice); err != nil {
		return err
	}
	if r.memory -= latency.ByteSize(); r.memory < 0 || len(r.results.Slices) > maxSlices || len(r.series) > maxSeries {
		return fmt.Errorf("more than %d slices of %d series, or than %d MiB of latencies: longer slices make fewer",
			maxSlices, maxSeries, maxMemory>>20)
	}
	return nil
}

// enter makes sure that each series has one slice of a round: that is what is
// paired by.
func (r *reader) enter(s Slice) error {
	rounds := r.series[s.series()]
	if rounds == nil {
		rounds = make(map[int]bool)
		r.series[s.series()] = rounds
	}
	if rounds[s.Round] {
		return fmt.Errorf("round %d of %.80q at %d is there twice", s.Round, s.Contender, s.Concurrency)
	}
	rounds[s.Round] = true
	return nil
}

func (r *reader) stages(line []byte) error {
	var s stagesLine
	if err := json.Unmarshal(line, &s, dialect()); err != nil {
		return err
	}
	s.Stages.clean()
	if err := s.check(); err != nil {
		return err
	}
	r.results.Stages = append(r.results.Stages, s.Stages)
	if len(r.results.Stages) > maxStages {
		return fmt.Errorf("more than %d lines of stages", maxStages)
	}
	return nil
}

func (r *reader) end(line []byte) error {
	var e endLine
	if err := json.Unmarshal(line, &e, dialect()); err != nil {
		return err
	}
	e.End.clean()
	r.results.End = e.End
	r.ended = true
	return e.check(r.results.Header)
}
