package main

import (
	"encoding/base64"
	"io"
	"net/url"
	"os"
	"strings"
)

// minAdminToken is the fewest characters of an admin token.
const minAdminToken = 32

// secret reads the variable name, or the file that name_FILE names. It is
// empty where neither is set. Secrets have no flag and no key in the file of
// settings: those are seen by others, in lists of processes and in backups.
func secret(getenv func(string) string, name string) (string, error) {
	value, path := getenv(name), getenv(name+"_FILE")
	if path == "" {
		return value, nil
	}
	if value != "" {
		return "", usageError("%s and %s_FILE are both set", name, name).hint("keep one of them")
	}
	data, err := readFile(path, 4<<10)
	if err != nil {
		return "", usageError("%s_FILE: %w", name, err)
	}
	value = strings.TrimRight(string(data), "\r\n")
	if value == "" {
		return "", usageError("%s_FILE: %s is empty", name, path)
	}
	return value, nil
}

// adminToken reads RESCIND_ADMIN_TOKEN.
func adminToken(getenv func(string) string) (string, error) {
	token, err := secret(getenv, "RESCIND_ADMIN_TOKEN")
	if err != nil {
		return "", err
	}
	if token != "" && len(token) < minAdminToken {
		return "", usageError("RESCIND_ADMIN_TOKEN has %d characters: want at least %d", len(token), minAdminToken).
			hint("make one with: openssl rand -hex 32")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", usageError("RESCIND_ADMIN_TOKEN is not one line of printable ASCII without spaces").
			hint("make one with: openssl rand -hex 32")
	}
	return token, nil
}

// refuseSecrets looks through the arguments, whatever they are for, before
// anything is parsed: no error message may come to echo a secret (R19).
func refuseSecrets(args []string) error {
	for i, arg := range args {
		_, value, _ := strings.Cut(arg, "=") // of a flag, if it is one
		if looksLikeToken(arg) || looksLikeToken(value) {
			return usageError("argument %d looks like a token", i+1).
				hint("tokens are read from standard input, or from a file with --token-file: others can read a command line")
		}
		if strings.HasPrefix(arg, "rsk_") || strings.HasPrefix(value, "rsk_") {
			return usageError("argument %d looks like a client's key", i+1).
				hint("a client is named by its NAME: others can read a command line")
		}
		if hasPassword(arg) {
			return usageError("argument %d is a URL with a password", i+1).
				hint("leave the password out and set RESCIND_REDIS_PASSWORD or RESCIND_REDIS_PASSWORD_FILE: others can read a command line")
		}
	}
	return nil
}

// looksLikeToken reports whether arg begins as a token in compact form does:
// with a JSON object in base64url, whole or cut short. The quotation mark
// counts: many a UUID begins as a brace does.
func looksLikeToken(arg string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(arg), ".")
	if strings.HasPrefix(first, "eyJ") && len(first) > 8 {
		return true // {"
	}
	header, err := base64.RawURLEncoding.DecodeString(first)
	inside, object := strings.CutPrefix(strings.TrimSpace(string(header)), "{")
	return err == nil && object && strings.HasPrefix(strings.TrimSpace(inside), `"`)
}

// hasPassword reports whether arg is a URL with a password in it. It does not
// parse it, for a password with odd characters makes a URL that cannot be, or
// is another: redis://user:1?2@host has the host "user" and the port 1. So it
// takes a colon before any @ for the one before a password.
func hasPassword(arg string) bool {
	_, rest, ok := strings.Cut(arg, "://")
	if !ok {
		return false
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 && strings.Contains(rest[:at], ":") {
		return true
	}
	return strings.HasPrefix(rest, ":") || strings.Contains(strings.ToLower(rest), "password=")
}

// splitPassword takes the password out of a URL, so that the URL can be shown.
func splitPassword(rawURL string) (clean, password string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", "", usageError("the Redis URL cannot be parsed") // its error would echo it
	}
	password, has := u.User.Password()
	if !has {
		return rawURL, "", nil
	}
	u.User = url.User(u.User.Username())
	if u.User.Username() == "" {
		u.User = nil
	}
	return u.String(), password, nil
}

// readFile reads a small file, and says so of one that is not.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, usageError("%s has more than %d bytes", path, limit)
	}
	return data, nil
}
