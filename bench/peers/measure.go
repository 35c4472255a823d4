package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/report"
	"github.com/rescindhq/rescind/bench/scenario"
)

// tellEvery is how often a run says how far it is.
const tellEvery = 5 * time.Second

// measurement is one run.
type measurement struct {
	*settings
	stdout, stderr io.Writer
	memory         bytes.Buffer // the lines of the result, for the table
	told           time.Time
}

// run measures, and prints the table of what was measured, whatever ended it.
func (m *measurement) run(ctx context.Context) error {
	file, err := create(m.out)
	if err != nil {
		return err
	}
	err = errors.Join(m.measure(ctx, io.MultiWriter(&m.memory, file)), file.close())
	if m.memory.Len() == 0 {
		return err
	}
	done, e := bench.Read(&m.memory)
	if e != nil || len(done.Slices) == 0 {
		return errors.Join(err, e)
	}
	err = errors.Join(err, report.Table(m.stdout, done))
	for _, s := range done.Summarize() {
		if s.Errors[bench.WrongAnswer] > 0 {
			return errors.Join(errWrongAnswers, err)
		}
	}
	return err
}

// measure sets up, measures, and removes what was set up.
func (m *measurement) measure(ctx context.Context, out io.Writer) (err error) {
	fmt.Fprintf(m.stderr, "setting up %s, and %s\n", strings.Join(m.scenarios, ", "), names(m.rivals))
	stand, err := scenario.OpenWith(ctx, m.scenarios, m.rivals, m.knobs(), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stand.Close()) }()
	for _, left := range stand.LeftOut() {
		m.leftOut = append(m.leftOut, left.Name+": "+left.Reason)
	}
	for i, left := range m.leftOut {
		m.leftOut[i] = "left out: " + left
		fmt.Fprintln(m.stderr, m.leftOut[i])
	}
	if len(stand.Contenders()) == len(m.scenarios) {
		return errNoRival
	}
	header, err := m.header(ctx, stand)
	if err != nil {
		return err
	}
	writer, err := bench.NewWriter(out, header)
	if err != nil {
		return err
	}
	plan := m.plan(stand.Contenders())
	plan.Progress = m.progress
	notes, err := bench.Run(ctx, plan, writer.Slice)
	end := bench.End{Complete: err == nil, Notes: append(m.leftOut, notes...)}
	if err != nil {
		end.Reason = err.Error()
	}
	return errors.Join(err, writer.End(end))
}

// header says what is measured here.
func (m *measurement) header(ctx context.Context, stand *scenario.Stand) (bench.Header, error) {
	described := stand.Descriptions()
	if !slices.ContainsFunc(described, func(d bench.Description) bool { return d.Name == m.baseline }) {
		return bench.Header{}, usage("--baseline %.40q takes no part", m.baseline)
	}
	overhead, err := bench.MeasureOverhead(ctx)
	if err != nil {
		return bench.Header{}, err
	}
	environment := bench.CurrentEnvironment()
	environment.Redis = stand.Redis()
	shaping, command := m.shown()
	return bench.Header{
		Time: time.Now().UTC().Truncate(time.Millisecond), Command: command, Environment: environment, Settings: shaping,
		Scenarios: described, Baseline: m.baseline, Seed: m.seed, Overhead: overhead,
	}, nil
}

func (m *measurement) progress(p bench.Progress) {
	if time.Since(m.told) < tellEvery {
		return
	}
	m.told = time.Now()
	fmt.Fprintf(m.stderr, "%s left, %s@%d, %.0f/s\n", p.Left.Round(time.Second), p.Contender, p.Concurrency, p.Rate)
}

// resultFile is the file of --out; its zero value is none.
type resultFile struct {
	file  *os.File
	wrote bool
}

// create makes the file before anything is measured, and takes none that exists.
func create(path string) (*resultFile, error) {
	if path == "" {
		return &resultFile{}, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, usage("--out: %w", err)
	}
	return &resultFile{file: file}, nil
}

func (r *resultFile) Write(line []byte) (int, error) {
	if r.file == nil {
		return len(line), nil
	}
	r.wrote = true
	return r.file.Write(line)
}

// close removes a file that nothing was written to.
func (r *resultFile) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if !r.wrote {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}
