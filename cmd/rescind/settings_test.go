package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/cmd/internal/duration"
	"github.com/rescindhq/rescind/denylist"
)

// environment is a lookup of variables in a map.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// prepared reads the settings of a call.
func prepared(t *testing.T, vars map[string]string, args ...string) *call {
	t.Helper()
	c, err := prepare(args, streams{new(bytes.Buffer), new(bytes.Buffer), new(bytes.Buffer)}, environment(vars))
	require.NoError(t, err)
	return c
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rescind.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestSettingsPrecedence(t *testing.T) {
	t.Parallel()
	file := configFile(t, `
		replay_window = "3s"
		audience = ["a", "b"]
		rotate_denies_access = false
		partitions = 16
		style = "single"
	`)
	vars := map[string]string{"RESCIND_CONFIG": file}

	c := prepared(t, nil, "serve")
	assert.Equal(t, 10*time.Second, c.replayWindow, "the default")
	assert.Equal(t, 50*time.Millisecond, c.checkTimeout, "the default of a server")
	assert.Equal(t, patience, prepared(t, nil, "list").checkTimeout, "the default elsewhere")
	assert.False(t, c.set("replay-window"))

	c = prepared(t, vars, "serve")
	assert.Equal(t, 3*time.Second, c.replayWindow, "the file over the default")
	assert.Equal(t, []string{"a", "b"}, c.audience)
	assert.False(t, c.rotateDeniesAccess)
	assert.Equal(t, 16, c.partitions)
	assert.Equal(t, "single", c.style)
	assert.True(t, c.set("replay-window"))

	vars["RESCIND_REPLAY_WINDOW"] = "1d12h"
	vars["RESCIND_AUDIENCE"] = "c,d"
	vars["RESCIND_STYLE"] = "" // as good as not set
	c = prepared(t, vars, "serve")
	assert.Equal(t, 36*time.Hour, c.replayWindow, "the variable over the file")
	assert.Equal(t, []string{"c", "d"}, c.audience)
	assert.Equal(t, "single", c.style)

	c = prepared(t, vars, "serve", "--replay-window", "0", "--audience=e", "--rotate-denies-access")
	assert.Zero(t, c.replayWindow, "the flag over the variable")
	assert.Equal(t, []string{"e"}, c.audience)
	assert.True(t, c.rotateDeniesAccess)

	other := configFile(t, `replay_window = "4s"`)
	delete(vars, "RESCIND_REPLAY_WINDOW")
	assert.Equal(t, 4*time.Second, prepared(t, vars, "serve", "--config", other).replayWindow, "--config over RESCIND_CONFIG")
}

// TestSettingsOfSpeed: what the file says of shared checks, wakes and the cache
// is what the libraries are given.
func TestSettingsOfSpeed(t *testing.T) {
	t.Parallel()
	c := prepared(t, nil, "serve", "--check-timeout", "1ms")
	_, err := denylist.NewRedis(aClient(t), c.redisOptions())
	assert.NoError(t, err, "the default of check-window gives way")

	c = prepared(t, map[string]string{"RESCIND_CONFIG": configFile(t, `
		redis = "redis://127.0.0.1:1"
		check = "mirror"
		check_flights = 8
		check_batch = 64
		check_window = "7ms"
		mirror_wakes = 3
		cache_entries = 1234
	`)}, "serve")
	opts := c.redisOptions()
	assert.Equal(t, 8, opts.CheckFlights)
	assert.Equal(t, 64, opts.CheckBatch)
	assert.Equal(t, 7*time.Millisecond, opts.CheckWindow)
	assert.Equal(t, 3, c.mirrorOptions().Wakes)
	assert.Equal(t, 1234, c.verifierOptions().CacheEntries)
	assert.NoError(t, c.refuseIdle())
}

func aClient(t *testing.T) redis.UniversalClient {
	t.Helper()
	client, err := denylist.OpenURL("redis://127.0.0.1:1", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "15m": 15 * time.Minute, "24h": day,
		"30d": 30 * day, "1d12h": 36 * time.Hour, "0d": 0, "1d0.5h": day + 30*time.Minute, "106751d": 106751 * day,
	} {
		got, err := parseDuration(text)
		if assert.NoError(t, err, "parseDuration(%q)", text) {
			assert.Equal(t, want, got, "parseDuration(%q)", text)
		}
	}
	for _, text := range []string{
		"", "d", "10", "-1s", "+1s", "-1d", "1d-1h", "1.5d", "1d1d", "1h1d", "1d ", " 1d", "1D", "106752d", "99999999999d", "106751d99h", "soon", "1w",
	} {
		_, err := parseDuration(text)
		assert.ErrorIs(t, err, duration.ErrInvalid, "parseDuration(%q)", text)
	}
	for d, want := range map[time.Duration]string{
		0: "0", 30 * day: "30d", 36 * time.Hour: "1d12h", 15 * time.Minute: "15m", time.Minute + time.Second: "1m1s",
		50 * time.Millisecond: "50ms", day + time.Second: "1d1s", 90 * time.Minute: "1h30m",
	} {
		assert.Equal(t, want, formatDuration(d), "formatDuration(%d)", d)
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"30d", "1d12h", "500ms", "-1d", "d", "1d1d", "106751d99h", "0.5h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err != nil {
			return
		}
		assert.GreaterOrEqual(t, d, time.Duration(0), "parseDuration(%q)", text)
		again, err := parseDuration(formatDuration(d))
		require.NoError(t, err, "parseDuration(%q), of %q", formatDuration(d), text)
		assert.Equal(t, d, again, "parseDuration(%q), of %q", formatDuration(d), text)
	})
}

// What the hand-written usage text says of commands, settings and defaults is
// what there is.
func TestUsageText(t *testing.T) {
	t.Parallel()
	assert.True(t, wantsHelp([]string{"help"}))
	for _, cmd := range commands() {
		assert.Contains(t, usageText, "rescind "+cmd.name, "the usage text has no %s", cmd.name)
	}
	var s settings
	all := s.flags()
	taken := map[string]bool{}
	for _, cmd := range commands() {
		for name := range strings.FieldsSeq(cmd.settings) {
			require.NotNil(t, all.Lookup(name), "%s takes a setting %s that there is not", cmd.name, name)
			taken[name] = true
		}
	}
	_, table, _ := strings.Cut(usageText, "\nSettings,")
	for name := range taken {
		line := lineWith(table, "    --"+name+" ")
		if !assert.NotEmpty(t, line, "the usage text has no --%s", name) {
			continue
		}
		if preset := strings.Trim(all.Lookup(name).DefValue, "[]"); preset != "" {
			assert.True(t, slices.ContainsFunc(strings.Fields(line), same(preset)), "the default of --%s is %s:\n%s", name, preset, line)
		}
	}
	for line := range strings.Lines(usageText) {
		assert.LessOrEqual(t, len([]rune(line)), 81, "a line for 80 columns: %s", line)
	}
}

// Help of one command has its lines and its settings, in 80 columns; of what is
// no command, or is bench, it is all.
func TestHelpOfACommand(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands() {
		help := helpFor(append(strings.Fields(cmd.name), "--help"))
		if strings.HasPrefix(cmd.name, "bench ") {
			assert.Equal(t, usageText, help)
			continue
		}
		assert.Equal(t, 1, strings.Count(help, "\n    rescind "), "one command:\n%s", help)
		assert.Contains(t, help, "\n    rescind "+cmd.name)
		for name := range strings.FieldsSeq(cmd.settings) {
			assert.Contains(t, help, "\n    --"+name+" ", cmd.name)
		}
		for line := range strings.Lines(help) {
			assert.LessOrEqual(t, len([]rune(line)), 81, line)
		}
	}
	assert.Equal(t, 5, strings.Count(helpFor([]string{"help", "keys"}), "\n    rescind keys "), "a group")
	for _, args := range [][]string{nil, {"--help"}, {"help"}, {"help", "nonsense"}, {"nonsense", "-h"}} {
		assert.Equal(t, usageText, helpFor(args), "%v", args)
	}
}

// same compares words, and durations by their length: 24h is 1d.
func same(preset string) func(string) bool {
	want, isDuration := parseDuration(preset)
	return func(word string) bool {
		got, err := parseDuration(word)
		return word == preset || isDuration == nil && err == nil && got == want
	}
}

func lineWith(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}
