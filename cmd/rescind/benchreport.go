package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	benchreport "github.com/rescindhq/rescind/bench/report"
)

// benchReport shows the results in files, in one form or another.
func benchReport(fs *pflag.FlagSet) action {
	var format string
	choice(fs, &format, "format", "table", "table", "markdown", "json", "gobench", "hgrm")
	page := fs.String("html", "", "")
	force := fs.Bool("force", false, "")
	series := fs.String("series", "", "")
	return func(ctx context.Context, c *call) error {
		if c.json {
			if fs.Changed("format") && format != "json" {
				return usageError("--json and --format %s", format).hint("name one of them")
			}
			format = "json"
		}
		if *series != "" && format != "hgrm" {
			return usageError("--series is for --format hgrm")
		}
		runs, err := c.readResults(ctx, c.args)
		if err != nil {
			return err
		}
		if *page != "" {
			if err := c.writePage(*page, *force, runs); err != nil {
				return err
			}
			if !fs.Changed("format") && !c.json {
				return nil
			}
		}
		return c.printReport(format, *series, runs)
	}
}

func (c *call) printReport(format, series string, runs []*bench.Results) error {
	switch format {
	case "markdown":
		return benchreport.Markdown(c.stdout, runs...)
	case "json":
		return benchreport.JSON(c.stdout, runs...)
	case "gobench":
		return benchreport.GoBenchmark(c.stdout, runs...)
	case "hgrm":
		chosen, err := oneSeries(series, runs)
		if err != nil {
			return err
		}
		return benchreport.HGRM(c.stdout, chosen)
	}
	return benchreport.Table(c.stdout, runs...)
}

// writePage writes the page of HTML.
func (c *call) writePage(path string, force bool, runs []*bench.Results) error {
	replace, err := c.mayReplace(path, force)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := benchreport.HTML(&page, runs...); err != nil {
		return err
	}
	if err := writeWhole(path, replace, page.Bytes()); err != nil {
		return onFile("--html: %w", err)
	}
	c.say("wrote %s", path)
	return nil
}

// mayReplace says whether there is a file in the page's place that it takes
// over: with force, and never one of the results that are shown, which nobody
// could measure again, or a device.
func (c *call) mayReplace(path string, force bool) (bool, error) {
	if path == "-" {
		return false, usageError("--html -: want the name of a file").hint("such as --html report.html")
	}
	there, err := os.Stat(path)
	if err != nil { // writing will say what is wrong
		return false, nil
	}
	for _, input := range c.args {
		if in, err := os.Stat(input); err == nil && os.SameFile(in, there) {
			return false, usageError("--html: %s is the result that is to be shown", path).hint("name another file")
		}
	}
	switch {
	case !there.Mode().IsRegular():
		return false, usageError("--html: %s exists, and is no file", path).hint("name another one")
	case !force:
		return false, usageError("--html: %s exists", path).hint("name another file, or overwrite it with --force")
	}
	return true, nil
}

// writeWhole writes a file whole or not at all: what it replaces stays until
// then.
func writeWhole(path string, replace bool, data []byte) error {
	target := path
	if replace {
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		path, target = fmt.Sprintf("%s.%d.new", resolved, os.Getpid()), resolved
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return usageError("%w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Close())
	if err == nil && replace {
		err = os.Rename(path, target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// oneSeries finds the series that NAME@CONCURRENCY means, or the only one.
func oneSeries(name string, runs []*bench.Results) (bench.Summary, error) {
	var found []bench.Summary
	var names []string
	for _, r := range runs {
		for _, s := range r.Summarize() {
			names = append(names, fmt.Sprintf("%s@%d", s.Contender, s.Concurrency))
			if name == "" || name == names[len(names)-1] {
				found = append(found, s)
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && name != "":
		return bench.Summary{}, usageError("--series %s is in several of the files", name).hint("name one file")
	case name != "":
		return bench.Summary{}, usageError("--series %s: there is none", name).hint("want one of: %s", strings.Join(names, ", "))
	}
	return bench.Summary{}, usageError("--format hgrm shows one series of %d", len(names)).
		hint("name it with --series: one of %s", strings.Join(names, ", "))
}

// readResults reads files of results; "-" is standard input.
func (c *call) readResults(ctx context.Context, paths []string) ([]*bench.Results, error) {
	piped := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path != "-" })
	if len(piped) > 1 {
		return nil, usageError("standard input is named twice")
	}
	var runs []*bench.Results
	for _, path := range paths {
		run, err := c.readResult(ctx, path)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// openFile opens a file to read, but ends with ctx: a named pipe waits for
// somebody who writes.
func openFile(ctx context.Context, path string) (*os.File, error) {
	return untilDone(ctx, func() (*os.File, error) { return os.Open(path) })
}

func (c *call) readResult(ctx context.Context, path string) (*bench.Results, error) {
	in := c.stdin
	if path != "-" {
		f, err := openFile(ctx, path)
		switch {
		case errors.Is(err, errInterrupted):
			return nil, cannotTell("reading %s: %w", path, err)
		case errors.Is(err, os.ErrNotExist):
			return nil, usageError("%w", err).hint("rescind bench run --out FILE writes one")
		case err != nil:
			return nil, usageError("%w", err)
		}
		defer f.Close()
		in = f
	}
	run, err := untilDone(ctx, func() (*bench.Results, error) { return bench.Read(in) })
	switch {
	case errors.Is(err, errInterrupted):
		return nil, cannotTell("reading %s: %w", path, err)
	case errors.Is(err, bench.ErrSchema), errors.Is(err, bench.ErrCutOff), errors.Is(err, bench.ErrMalformed):
		return nil, benchTrouble(fmt.Errorf("%s: %w", path, err))
	case err != nil:
		return nil, usageError("%s: %w", path, err)
	}
	return run, nil
}
