package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const (
	// maxTokenInput is far over what a token may have, so that one too large
	// is refused as that by the verifier, and nothing is ever read whole.
	maxTokenInput = 64 << 10
	maxPassword   = 1 << 10
)

// errInterrupted is what reading ends with when the command is told to end.
var errInterrupted = errors.New("interrupted")

// untilDone is read, but ends with ctx: nothing else wakes a read from standard
// input, and whoever presses Ctrl-C at a prompt wants to leave. The read that
// is left behind ends with the process.
func untilDone[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// readToken reads a token from a file, or from standard input where path is
// empty or "-".
func (c *call) readToken(ctx context.Context, path string) (string, error) {
	in := c.stdin
	if path != "" && path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", usageError("--token-file: %w", err)
		}
		defer f.Close()
		in = f
	} else if _, ok := terminal(in); ok {
		c.say("paste the token and press Enter, then Ctrl-D")
	}
	data, err := untilDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(in, maxTokenInput)) })
	switch {
	case err != nil && in != c.stdin && !errors.Is(err, errInterrupted):
		return "", usageError("--token-file: %w", err)
	case err != nil:
		return "", cannotTell("reading the token: %w", err)
	}
	token := bareToken(string(data))
	if token == "" {
		return "", usageError("no token on standard input").hint("pipe it in, or name its file with --token-file")
	}
	return token, nil
}

// bareToken takes off what was copied along with a token: white space, and the
// header that it was sent in. A token has no space in it.
func bareToken(text string) string {
	text = strings.TrimSpace(text)
	words := strings.Fields(text)
	if len(words) > 0 && strings.EqualFold(words[0], "Authorization:") {
		words = words[1:]
	}
	if len(words) == 2 && strings.EqualFold(words[0], "Bearer") {
		return words[1]
	}
	return text
}

// readPassword reads a password from standard input, or asks for it twice at a
// terminal without showing it.
func (c *call) readPassword(ctx context.Context) (string, error) {
	if fd, ok := terminal(c.stdin); ok {
		return c.askPassword(ctx, fd)
	}
	data, err := untilDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.stdin, maxPassword+1)) })
	if err != nil {
		return "", cannotTell("reading the password: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case password == "":
		return "", usageError("no password on standard input").hint("pipe it in as one line, or run the command at a terminal")
	case len(data) > maxPassword:
		return "", usageError("the password has more than %d bytes", maxPassword)
	case strings.ContainsAny(password, "\r\n"):
		return "", usageError("more than one line on standard input").hint("a password is one line")
	}
	return password, nil
}

func (c *call) askPassword(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", cannotTell("reading the password: %w", err)
	}
	once := func(prompt string) (string, error) {
		fmt.Fprint(c.stderr, prompt)
		password, err := untilDone(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
		fmt.Fprintln(c.stderr)
		if errors.Is(err, errInterrupted) {
			err = errors.Join(err, term.Restore(fd, before)) // what is typed next is to be seen
		}
		return string(password), err
	}
	first, err := once("password: ")
	if err != nil {
		return "", cannotTell("reading the password: %w", err)
	}
	second, err := once("again: ")
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", cannotTell("reading the password: %w", err)
	case first == "":
		return "", usageError("no password")
	case first != second:
		return "", usageError("the two passwords differ")
	}
	return first, nil
}

// terminal returns the descriptor of a stream that is a terminal.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}
