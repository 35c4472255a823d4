package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

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
