package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/pflag"
)

// tokenInspect shows what a token says, without believing it: no key, no
// denylist, no clock. The signature is left out, so that what is shown cannot
// be used as a token.
func tokenInspect(fs *pflag.FlagSet) action {
	tokenFile := fs.String("token-file", "", "")
	return func(ctx context.Context, c *call) error {
		raw, err := c.readToken(ctx, *tokenFile)
		if err != nil {
			return err
		}
		header, claims, err := decodeToken(raw)
		if err != nil {
			return err
		}
		c.say("not verified: anybody may have written this")
		if c.json {
			return c.printJSON(map[string]any{"verified": false, "header": header, "claims": claims})
		}
		return c.printInspected(header, claims)
	}
}

// tokenAlone is for what is no token in compact form.
const tokenAlone = "want the token and nothing else: no JSON around it, and all three of its parts"

// maxInspected is the most bytes that a token may have, here as in a verifier.
const maxInspected = 8 << 10

// decodeToken takes the two JSON objects out of a token in compact form.
func decodeToken(raw string) (header, claims json.RawMessage, err error) {
	if len(raw) > maxInspected {
		return nil, nil, refused("the token has more than %d bytes", maxInspected)
	}
	segments := strings.Split(raw, ".")
	if len(segments) != 3 {
		return nil, nil, refused("not a signed token: %d segments, want 3", len(segments)).hint(tokenAlone)
	}
	if header, err = decodeSegment("header", segments[0]); err != nil {
		return nil, nil, err
	}
	claims, err = decodeSegment("claims", segments[1])
	return header, claims, err
}

func decodeSegment(name, segment string) (json.RawMessage, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil || strings.ContainsAny(segment, "\r\n") { // which Go skips
		return nil, refused("the %s is not base64url", name).hint(tokenAlone)
	}
	if !json.Valid(data) || bytes.TrimSpace(data)[0] != '{' {
		return nil, refused("the %s is not a JSON object", name)
	}
	return data, nil
}

// printInspected writes both objects as JSON, with instants in words behind.
func (c *call) printInspected(header, claims json.RawMessage) error {
	for _, part := range []struct {
		name string
		data json.RawMessage
	}{{"header", header}, {"claims", claims}} {
		var out bytes.Buffer
		if err := json.Indent(&out, part.data, "", "  "); err != nil {
			return refused("the %s is nested too deeply", part.name)
		}
		if _, err := fmt.Fprintf(c.stdout, "%s %s\n", part.name, escape(out.String())); err != nil {
			return err
		}
	}
	return c.printFacts(instantsOf(claims)...)
}

// instantsOf reads the claims that are instants.
func instantsOf(claims json.RawMessage) [][2]string {
	var members map[string]any
	if json.Unmarshal(claims, &members) != nil {
		return nil
	}
	var facts [][2]string
	for _, name := range []string{"auth_time", "iat", "nbf", "exp", "session_exp"} {
		seconds, ok := members[name].(float64)
		if ok && seconds >= 0 && seconds <= 253402300799 { // the end of the year 9999
			facts = append(facts, [2]string{name, time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)})
		}
	}
	return facts
}

// escape writes what could drive a terminal as JSON escapes it.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, "\\u%04x", unit)
			}
		}
	}
	return b.String()
}
