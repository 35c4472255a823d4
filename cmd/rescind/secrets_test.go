package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLooksLikeToken(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		"eyJhbGciOiJub25lIn0.e30.":                     true,
		"eyJhbGciOiJub25lIn0":                          true, // cut short
		" eyJhbGciOiJub25lIn0.e30.x\n":                 true,
		encode(` {"alg":"ES256"}`) + ".e30.x":          true, // not eyJ
		encode("\n{\"alg\":\"ES256\"}") + ".e30.x.y.z": true,
		"eyJ":                                     true,
		"7c9e6679-7425-40de-944b-e07fc1f90ae7":    false,
		"e1fc21bd-66a0-4405-809c-79606a5d8b05":    false, // begins as {W
		"login-service.production1.cluster1.test": false,
		"alice": false,
		"":      false,
	} {
		assert.Equal(t, want, looksLikeToken(arg), "looksLikeToken(%q)", arg)
	}
}

func TestHasPassword(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		"redis://:secret@host:6379":                     true,
		"redis://user:secret@host":                      true,
		"redis://user:1?2@host":                         true,
		"rediss+cluster://user:se@cret@host?addr=b:1":   true,
		"redis://:sec/ret@host":                         true,
		"redis://:secret":                               true,
		"unix://user:secret@/run/redis.sock":            true,
		"redis+sentinel://h:1?Sentinel_Password=secret": true,
		"redis://user@host:6379/0":                      false,
		"redis://host:6379/0":                           false,
		"unix:///run/redis.sock?db=1":                   false,
		"redis+cluster://a:1?addr=b:2&addr=c:3":         false,
		"https://id.example:8443/tenant":                false,
		"alice@example.com":                             false,
		"127.0.0.1:8080":                                false,
	} {
		assert.Equal(t, want, hasPassword(arg), "hasPassword(%q)", arg)
	}
}

// Whatever the password is, the command that has it among its arguments ends
// before it can show it.
func FuzzPasswordInArguments(f *testing.F) {
	f.Add("redis", "", "hunter2")
	f.Add("rediss", "user", "a?b#c/d@e")
	f.Add("redis+cluster", "user", "%zz\x00\n ")
	f.Add("-", "=", "hunter2")
	f.Fuzz(func(t *testing.T, scheme, user, password string) {
		url := scheme + "://" + user + ":" + password + "@host.test:6379/0"
		for _, args := range [][]string{{"list", "--redis", url}, {"list", "--redis=" + url}, {"list", url}, {url}} {
			code, stdout, stderr := cli("", args...)
			assert.Equal(t, exitUsage, code, "rescind %q", args)
			assert.Empty(t, stdout)
			assert.Regexp(t, `^error: argument \d (is a URL with a password|looks like a token)\nhint: .*: others can read a command line\n$`, stderr, "rescind %q", args)
		}
	})
}
