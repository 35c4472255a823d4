package main

import (
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

// readToken reads a token from a file, or from standard input where path is
// empty or "-".
func (c *call) readToken(path string) (string, error) {
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
	data, err := io.ReadAll(io.LimitReader(in, maxTokenInput))
	if err != nil {
		return "", cannotTell("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", usageError("no token on standard input").hint("pipe it in, or name its file with --token-file")
	}
	return token, nil
}

// readPassword reads a password from standard input, or asks for it twice at a
// terminal without showing it.
func (c *call) readPassword() (string, error) {
	if fd, ok := terminal(c.stdin); ok {
		return c.askPassword(fd)
	}
	data, err := io.ReadAll(io.LimitReader(c.stdin, maxPassword+1))
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

func (c *call) askPassword(fd int) (string, error) {
	once := func(prompt string) (string, error) {
		fmt.Fprint(c.stderr, prompt)
		password, err := term.ReadPassword(fd)
		fmt.Fprintln(c.stderr)
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
