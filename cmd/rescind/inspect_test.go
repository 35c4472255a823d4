package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBareToken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" a.b.c\n":                         "a.b.c",
		"Bearer a.b.c":                     "a.b.c",
		"authorization: bearer  a.b.c\r\n": "a.b.c",
		"Cookie: Bearer a.b.c":             "Cookie: Bearer a.b.c",
		"Authorization: Basic a.b.c":       "Authorization: Basic a.b.c",
		"Authorization: a.b.c":             "Authorization: a.b.c",
		"Bearer a.b.c d":                   "Bearer a.b.c d",
		"Bearer Bearer a.b.c":              "Bearer Bearer a.b.c",
		"Bearer":                           "Bearer",
		"\n":                               "",
	} {
		assert.Equal(t, want, bareToken(text), "%q", text)
	}
}

// Whatever a token holds, what is shown of it drives no terminal.
func FuzzInspect(f *testing.F) {
	f.Add(encode(`{"alg":"ES256"}`) + "." + encode(`{"sub":"alice","exp":1700000000}`) + ".c2ln")
	f.Add(encode(`{"alg":"none"}`) + "." + encode("{\"sub\":\"\u009b31m\u202e\"}") + ".")
	f.Add(encode(`{"a":1e999}`) + "." + encode(`{"exp":1e400,"iat":-1,"nbf":"x"}`) + ".x")
	f.Add(encode(` {} `) + "." + encode("{\"\xff\":\"\U000e0041\"}") + ".x")
	f.Add("..")
	f.Add(encode("[]") + "." + encode("null") + ".x")
	f.Fuzz(func(t *testing.T, token string) {
		var out, errs bytes.Buffer
		c := &call{streams: streams{strings.NewReader(""), &out, &errs}}
		header, claims, err := decodeToken(token)
		if err == nil {
			err = c.printInspected(header, claims)
		}
		if err != nil {
			assert.Equal(t, exitRefused, exitCode(err), "inspecting %q", token)
		}
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("inspecting %q shows %U", token, r)
			}
		}
	})
}

// What could drive a terminal is escaped in JSON as well, and means the same.
func TestJSONDrivesNoTerminal(t *testing.T) {
	t.Parallel()
	id := "\x1b[2J\u009b2J\x7f\u202e\U000e0041é\U0001f511 <&>"
	var stdout bytes.Buffer
	c := &call{streams: streams{stdout: &stdout}}
	require.NoError(t, c.printJSON(map[string]string{"id": id}))
	assert.Equal(t, "{\n  \"id\": \"\\u001b[2J\\u009b2J\\u007f\\u202e\\udb40\\udc41é🔑 <&>\"\n}\n", stdout.String())
	var back map[string]string
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &back))
	assert.Equal(t, id, back["id"])
}
