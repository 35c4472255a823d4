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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}, os.Getenv)
	stop()
	os.Exit(code)
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
		_, err := io.WriteString(std.stdout, usageText)
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
