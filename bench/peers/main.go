// Command bench-peers measures rescind and its rivals in turns, on one Redis:
//
//	RESCIND_REDIS=redis://127.0.0.1:6379 bench-peers naive verify --algorithms HS256
//
// The words are scenarios of rescind bench; all rivals, or those of --only, take
// turns with them. Result, table and ratios are those of rescind bench run. A
// rival that cannot be set up, or that takes a forged, an expired or a revoked
// token then, is left out by name.
//
// The exit status is 0 where something was measured, whoever was left out; 1 for
// a wrong answer; 2 for a wrong call; 3 where it was interrupted, Redis could not
// be reached, or no rival was left.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/denylist"
)

const (
	exitDone       = 0
	exitWrong      = 1
	exitUsage      = 2
	exitCannotTell = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		signal.Reset(os.Interrupt, syscall.SIGTERM) // a second one ends it, whatever rivals have registered
	})
	os.Exit(run(ctx, os.Args[1:], rivals(), os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, all []scenario.Rival, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := readSettings(args, all, getenv)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, "bench-peers SCENARIO...: rescind beside its rivals\n\nrivals: ", names(all), "\n\n", s.set.FlagUsages())
		return exitDone
	}
	if err == nil {
		err = (&measurement{settings: s, stdout: stdout, stderr: stderr}).run(ctx)
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
	}
	return exitCode(err)
}

var (
	errWrongAnswers = errors.New("WRONG ANSWERS: a token that is revoked was accepted, or a good one was refused")
	errNoRival      = errors.New("no rival is left to measure")
)

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errWrongAnswers):
		return exitWrong
	case errors.As(err, &usageError{}), errors.Is(err, scenario.ErrKnob), errors.Is(err, scenario.ErrUnknown),
		errors.Is(err, scenario.ErrMissing), errors.Is(err, bench.ErrPlan), errors.Is(err, denylist.ErrInvalid):
		return exitUsage
	}
	return exitCannotTell
}
