// Command rescind-extauthz is rescind's forward auth for Envoy: a gRPC server of
// ext_authz v3 that verifies tokens and asks the denylist in Redis itself.
//
//	RESCIND_REDIS=redis://127.0.0.1:6379 RESCIND_ISSUER=https://id.example rescind-extauthz
//
// Its settings are rescind's, by the same names: flags, RESCIND_… variables, or
// a --config file, which may be the same one. docs/envoy.md shows Envoy's side.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

// Exit codes, as those of rescind: 2 is a setting that is wrong, 3 a Redis that
// did not answer.
const (
	exitDone       = 0
	exitUsage      = 2
	exitCannotTell = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s, err := readSettings(args, getenv)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, "rescind-extauthz: forward auth for Envoy\n\n", new(settings).flags().FlagUsages())
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return exitUsage
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	err = s.serve(ctx, log, func(addr string) { fmt.Fprintln(stdout, "serving ext_authz on", addr) })
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "error:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "error:", err)
	return exitCannotTell
}

// usageError is an error that asking again does not help.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
