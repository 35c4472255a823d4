package main

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// sink takes the lines of a result: to memory, for the table, where they are
// far smaller than what they say; to the file of --out; and with --json to
// standard output. What goes wrong there ends the run, but not the lines in
// memory: whoever has measured for an hour wants to see the table.
type sink struct {
	memory bytes.Buffer
	file   *resultFile // nil: none
	stdout io.Writer   // nil without --json
	broken error       // a *failure
}

func (m *measurement) openSink() (err error) {
	if m.c.json {
		m.sink.stdout = m.c.stdout
	}
	m.sink.file, err = createResult(m.flags.out)
	return err
}

// Write never fails: see broken.
func (s *sink) Write(line []byte) (int, error) {
	if s.broken == nil && s.file != nil {
		if _, err := s.file.Write(line); err != nil {
			s.broken = cannotTell("--out: %w", err)
		}
	}
	if s.broken == nil && s.stdout != nil {
		if _, err := s.stdout.Write(line); err != nil {
			s.broken = cannotTell("%w", err)
		}
	}
	return s.memory.Write(line)
}

// resultFile is the file of --out.
type resultFile struct {
	file  *os.File
	wrote bool
}

// createResult makes the file before anything is measured, and never takes one
// that exists. Results hold nothing secret: others may read it.
func createResult(path string) (*resultFile, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, usageError("--out: %s exists", path).hint("nothing is overwritten: name another file")
	case err != nil:
		return nil, usageError("--out: %w", err)
	}
	return &resultFile{file: file}, nil
}

func (r *resultFile) Write(line []byte) (int, error) {
	r.wrote = true
	return r.file.Write(line)
}

// close removes a file that nothing was written to.
func (r *resultFile) close() error {
	if r == nil {
		return nil
	}
	err := r.file.Close()
	if !r.wrote {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}
