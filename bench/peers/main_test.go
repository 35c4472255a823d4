package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench"
	"github.com/rescindhq/rescind/internal/redistest"
)

// call runs the program with the variables of an environment.
func call(ctx context.Context, env map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, rivals(), func(name string) string { return env[name] }, &out, &errs)
	return code, out.String(), errs.String()
}

func keysOf(t *testing.T, server *redistest.Server) []string {
	keys, err := server.Client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	return keys
}

// short are the flags of a run that takes no time.
func short() []string {
	return []string{"--duration", "60ms", "--slice", "10ms", "--warmup", "0", "--tokens", "100", "--entries", "100", "--concurrency", "2"}
}

// All rivals are measured in one run, and none gives a wrong answer.
func TestEverybodyIsMeasured(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	file := filepath.Join(t.TempDir(), "out.jsonl")
	code, stdout, stderr := call(t.Context(), map[string]string{"RESCIND_REDIS": server.URL()},
		append(short(), "naive", "verify", "--algorithms", "HS256", "--seed", "7", "--out", file, "--left-out", "some: does not build")...)
	require.Equal(t, exitDone, code, stderr)
	assert.Empty(t, keysOf(t, server))
	assert.Contains(t, stderr, "left out: some: does not build")
	data, err := os.Open(file)
	require.NoError(t, err)
	defer data.Close()
	results, err := bench.Read(data)
	require.NoError(t, err)
	assert.True(t, results.End.Complete)
	assert.Contains(t, results.End.Notes, "left out: some: does not build")
	assert.Equal(t, "naive", results.Header.Baseline)
	want := []string{"naive", "verify"}
	for _, r := range rivals() {
		want = append(want, r.Name)
	}
	for i, s := range results.Summarize() {
		assert.Equal(t, want[i], s.Contender)
		assert.Positive(t, s.Operations, s.Contender)
		assert.Empty(t, s.Errors, s.Contender)
		assert.Contains(t, stdout, s.Contender)
	}
}

// Each says in a sentence what it is, by the version that go.mod has, and what
// it guarantees.
func TestRivalsAreDescribed(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`https://pkg\.go\.dev/([^@ ]+)@(v[0-9.]*[0-9])`)
	for _, r := range rivals() {
		assert.DirExists(t, r.Name)
		assert.True(t, strings.HasSuffix(r.Means, "."), r.Means)
		assert.Regexp(t, `^(strict|best effort): `, r.Guarantee)
		links := version.FindAllStringSubmatch(r.Means, -1)
		assert.NotEmpty(t, links, r.Means)
		for _, link := range links {
			assert.Contains(t, string(mod), "\t"+link[1]+" "+link[2]+"\n")
		}
	}
}

func TestWrongCalls(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	there := filepath.Join(t.TempDir(), "there")
	require.NoError(t, os.WriteFile(there, []byte("x"), 0o600))
	env := map[string]string{"RESCIND_REDIS": server.URL()}
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{env, nil, "name rescind's own scenarios"},
		{env, []string{"naive", "--nonsense"}, "unknown flag"},
		{env, []string{"nonsense"}, "unknown scenario"},
		{nil, []string{"naive"}, "no Redis"},
		{env, []string{"naive", "--redis", "redis://:hunter2@127.0.0.1"}, "without a password"},
		{env, []string{"naive", "--redis", "redis://127.0.0.1?sentinel_password=hunter2"}, "without a password"},
		{map[string]string{"RESCIND_REDIS": "redis://x", "RESCIND_REDIS_PASSWORD_FILE": there + "x"}, []string{"naive"}, "PASSWORD_FILE"},
		{env, []string{"naive", "--only", "nobody"}, "there are kataras-jwt"},
		{env, []string{"naive", "--algorithms", "none"}, "no algorithm"},
		{env, []string{"naive", "--duration", "0"}, "--duration"},
		{env, []string{"naive", "--duration", "-1s"}, "duration"},
		{env, []string{"naive", "--slice", "1h"}, "slice"},
		{env, []string{"naive", "--tokens", "0"}, "--tokens"},
		{env, []string{"naive", "--tokens", "-5"}, "tokens"},
		{env, []string{"naive", "--entries", "-1"}, "entries"},
		{env, []string{"naive", "--sample", "0"}, "--sample"},
		{env, []string{"naive", "--concurrency", "0"}, "concurrency"},
		{env, []string{"naive", "--delay", "-1s"}, "delay"},
		{env, append(short(), "naive", "--baseline", "nobody"), "--baseline"},
		{env, []string{"naive", "--out", there}, "exists"},
	} {
		code, stdout, stderr := call(t.Context(), c.env, c.args...)
		assert.Equal(t, exitUsage, code, "%v: %s", c.args, stderr)
		assert.Contains(t, stderr, c.want, "%v", c.args)
		assert.NotContains(t, stderr, "hunter2")
		assert.Empty(t, stdout)
	}
	assert.Empty(t, keysOf(t, server))
}

// What was measured until Ctrl-C is kept, and no key is.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	file := filepath.Join(t.TempDir(), "out.jsonl")
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		defer interrupt()
		_ = redistest.Poll(t.Context(), func() error { // until there are some slices
			if text, err := os.ReadFile(file); err != nil || bytes.Count(text, []byte("\n")) < 4 {
				return errors.New("not yet")
			}
			return nil
		})
	}()
	code, stdout, stderr := call(ctx, nil, "naive", "--redis", server.URL(), "--only", "golang-jwt-piped", "--duration", "30s",
		"--slice", "50ms", "--warmup", "0", "--concurrency", "1", "--tokens", "100", "--out", file)
	assert.Equal(t, exitCannotTell, code, stderr)
	assert.Contains(t, stdout, "golang-jwt-piped")
	assert.Empty(t, keysOf(t, server))
	data, err := os.Open(file)
	require.NoError(t, err)
	defer data.Close()
	results, err := bench.Read(data)
	require.NoError(t, err)
	assert.False(t, results.End.Complete)
	assert.NotEmpty(t, results.Slices)
}

// Where nobody is left, nothing is measured, and no file stays.
func TestNobodyIsLeft(t *testing.T) {
	t.Parallel()
	server := redistest.StartTCP(t)
	file := filepath.Join(t.TempDir(), "out.jsonl")
	code, _, stderr := call(t.Context(), nil, append(short(), "naive", "--redis", server.URL(), "--only", "auth0-jwt,lestrrat-jwx",
		"--algorithms", "HS256,ES256", "--out", file)...)
	assert.Equal(t, exitCannotTell, code)
	assert.Contains(t, stderr, "left out: auth0-jwt: ")
	assert.Contains(t, stderr, "left out: lestrrat-jwx: ")
	assert.Contains(t, stderr, errNoRival.Error())
	assert.NoFileExists(t, file)
	assert.Empty(t, keysOf(t, server))
}

// One that does not compile and one that panics at its start are named; the
// program is built without them, and measures the others.
func TestBrokenRivalsAreLeftOut(t *testing.T) {
	t.Parallel()
	root, room := t.TempDir(), t.TempDir()
	peers := filepath.Join(root, "bench/peers")
	require.NoError(t, os.CopyFS(peers, os.DirFS(".")))
	require.NoError(t, os.CopyFS(filepath.Join(root, ".ci"), os.DirFS("../../.ci")))
	change := func(path, from, to string) {
		text, err := os.ReadFile(filepath.Join(peers, path))
		require.NoError(t, err)
		require.Contains(t, string(text), from)
		require.NoError(t, os.WriteFile(filepath.Join(peers, path), []byte(strings.Replace(string(text), from, to, 1)), 0o600))
	}
	repository, err := filepath.Abs("../..")
	require.NoError(t, err)
	change("go.mod", "=> ../..", "=> "+repository)
	change("lestrrat-jwx/lestrratjwx.go", "import (", "this is no Go")
	change("golang-jwt-bloom/golangjwtbloom.go", "type list struct", "var _ = func() int { panic(\"no luck today\") }()\n\ntype list struct")

	server := redistest.StartTCP(t)
	build := exec.Command(filepath.Join(root, ".ci/peers-build"), room, "lestrrat-jwx", "golang-jwt-bloom", "golang-jwt-piped")
	build.Env = append(os.Environ(), "RESCIND_REDIS="+server.URL(), "GOFLAGS="+os.Getenv("GOFLAGS")+sameBuild(t))
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	left, err := os.ReadFile(filepath.Join(room, "left-out"))
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^golang-jwt-bloom: panics: no luck today\nlestrrat-jwx: does not build: [^\n]*syntax error[^\n]*\n$`, string(left))

	measure := exec.Command(filepath.Join(room, "bench-peers"), append(short(), "naive", "--redis", server.URL())...)
	table, err := measure.Output()
	require.NoError(t, err)
	assert.Contains(t, string(table), "golang-jwt-piped")
	assert.NotContains(t, string(table), "bloom")
	assert.Empty(t, keysOf(t, server))
}

// sameBuild are the flags that this test was built with, as far as everything
// would have to be compiled once more without them.
func sameBuild(t *testing.T) string {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	if slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return " -race"
	}
	return ""
}
