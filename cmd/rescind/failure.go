package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/server"
	"github.com/rescindhq/rescind/verifier"
)

// The exit codes. A script that lets a token pass on 0 alone is safe.
const (
	exitDone       = 0 // done, valid, nothing denies it
	exitRefused    = 1 // refused, denied, not found, nothing written
	exitUsage      = 2 // the command line, a setting, or what it names is wrong; asking again does not help
	exitCannotTell = 3 // the denylist, or something else that must be known, did not answer
)

// failure is an error with the exit code that it causes and a way out.
type failure struct {
	code  int
	err   error
	hints []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// hint adds a line that says what to do.
func (f *failure) hint(format string, args ...any) *failure {
	f.hints = append(f.hints, fmt.Sprintf(format, args...))
	return f
}

func usageError(format string, args ...any) *failure {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func refused(format string, args ...any) *failure {
	return &failure{code: exitRefused, err: fmt.Errorf(format, args...)}
}

// onFile is for keys, users and clients, where what is not a usage error was refused:
// nothing was written.
func onFile(format string, args ...any) *failure {
	f := refused(format, args...)
	if exitCode(f.err) == exitUsage {
		f.code = exitUsage
	}
	return f
}

func cannotTell(format string, args ...any) *failure {
	return &failure{code: exitCannotTell, err: fmt.Errorf(format, args...)}
}

// report prints an error with its hints and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "error: %s\n", oneLine(err.Error()))
	var f *failure
	if errors.As(err, &f) {
		for _, hint := range f.hints {
			fmt.Fprintf(stderr, "hint: %s\n", hint)
		}
	}
	return exitCode(err)
}

// exitCode is what an error of ours, or of a library, means to a script.
// Whatever is not known means "cannot tell", which nobody takes for a pass.
func exitCode(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, denylist.ErrRevoked), errors.Is(err, denylist.ErrReused):
		return exitRefused // a denial that was read stays one (R14)
	case errors.Is(err, denylist.ErrUnavailable):
		return exitCannotTell
	case errors.Is(err, denylist.ErrInvalid), errors.Is(err, denylist.ErrUnfit), errors.Is(err, rotation.ErrInvalid),
		errors.Is(err, server.ErrUserName), errors.Is(err, server.ErrPassword), errors.Is(err, server.ErrUserScope),
		errors.Is(err, server.ErrClientName), errors.Is(err, server.ErrClientScope), errors.Is(err, server.ErrPublicClient):
		return exitUsage // asking again does not help
	}
	for _, sentinel := range []error{
		denylist.ErrExpired, denylist.ErrNotFound, denylist.ErrSpent,
		rotation.ErrTooOften, rotation.ErrNotExchangeable,
		verifier.ErrMissing, verifier.ErrTooLarge, verifier.ErrMalformed, verifier.ErrHeader,
		verifier.ErrAlgorithm, verifier.ErrUnknownKey, verifier.ErrSignature, verifier.ErrIssuer,
		verifier.ErrAudience, verifier.ErrType, verifier.ErrClaims, verifier.ErrLifetime,
		verifier.ErrExpired, verifier.ErrNotYetValid, verifier.ErrScope,
	} {
		if errors.Is(err, sentinel) {
			return exitRefused
		}
	}
	return exitCannotTell
}

// oneLine keeps an error on its line and free of bytes that drive a terminal.
func oneLine(message string) string {
	lines := strings.FieldsFunc(message, func(r rune) bool { return r == '\n' || r == '\r' })
	return printable(strings.Join(lines, "; "))
}
