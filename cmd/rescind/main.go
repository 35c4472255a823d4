// Command rescind revokes JSON Web Tokens.
//
// Run "rescind help" for its commands and settings. This package only reads
// flags, variables and files, wires the packages of the repository together
// and prints what they answer.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is within what time a signal is taken for the one before: timeout(1)
// sends two, to the process and to its group, and so may a supervisor and the
// terminal. Nobody has decided to leave anything behind then.
const sameSignal = 300 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	afterSignal(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.Getenv)
	stop()
	os.Exit(code)
}

// afterSignal calls stop when ctx has ended and the signal is over: from then on
// the next one ends the process at once.
func afterSignal(ctx context.Context, stop func()) {
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
}

// streams are where a command reads and writes: stdout is the answer, stderr
// the rest.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run runs one command and returns its exit code.
func run(ctx context.Context, args []string, std streams, getenv func(string) string) int {
	if wantsHelp(args) {
		_, err := io.WriteString(std.stdout, helpFor(args))
		return report(std.stderr, err)
	}
	c, err := prepare(args, std, getenv)
	if err == nil {
		err = c.run(ctx, c)
	}
	return report(std.stderr, err)
}

// wantsHelp reports whether the arguments ask for the usage text, at whatever
// place.
func wantsHelp(args []string) bool {
	for i, arg := range args {
		switch {
		case arg == "--":
			return false
		case arg == "-h", arg == "--help", i == 0 && arg == "help":
			return true
		}
	}
	return false
}
