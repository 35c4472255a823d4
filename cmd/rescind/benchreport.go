package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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

// writePage writes the page of HTML whole or not at all.
func (c *call) writePage(path string, force bool, runs []*bench.Results) error {
	var page bytes.Buffer
	if err := benchreport.HTML(&page, runs...); err != nil {
		return err
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(path, how, 0o644)
	switch {
	case errors.Is(err, os.ErrExist):
		return usageError("--html: %s exists", path).hint("name another file, or overwrite it with --force")
	case err != nil:
		return usageError("--html: %w", err)
	}
	_, err = file.Write(page.Bytes())
	if err := errors.Join(err, file.Close()); err != nil {
		return refused("--html: %w", errors.Join(err, os.Remove(path)))
	}
	c.say("wrote %s", path)
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

func (c *call) readResult(ctx context.Context, path string) (*bench.Results, error) {
	in := c.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError("%w", err).hint("rescind bench run --out FILE writes one")
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
