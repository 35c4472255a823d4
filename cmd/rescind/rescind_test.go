package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rescindhq/rescind/internal/redistest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rescind": main})
}

// TestScripts runs the command end to end, as its users do. Beside the usual
// commands of testscript a script has
//
//	exits 2 rescind …       the exact exit code
//	capture PATTERN         named groups of a line of stdout become variables;
//	                        with -stderr before it, of stderr
//	await FILE PATTERN      waits for a line, and captures
//	redis start|kill|flush  a redis-server of its own, as $REDIS
//	rediskeys PATTERN N     so many keys, or "some", match there
//
// and $REDIS, a server that it shares with others, and $PREFIX, a key prefix
// of its own there.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			shared := redistest.Shared(env.T().(testing.TB))
			env.Setenv("REDIS", shared.URL())
			env.Setenv("PREFIX", shared.Prefix())
			// The race detector would let every process wait a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"await": await, "capture": capture,
			"redis": newRedisCommand(t), "rediskeys": redisKeys,
			"idp": newIDPCommand(t), // see there
		},
	})
}

// exits runs a program and wants its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// awaitTime is far longer than a server takes to start on a busy machine.
const awaitTime = 2 * time.Minute

// await polls a file, which a server in the background writes to.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	pattern, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(awaitTime); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && setGroups(ts, pattern, string(text)) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no line of %s matches %s:\n%s", args[0], args[1], text)
		}
	}
}

// capture reads what the last command wrote.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	from := "stdout"
	if len(args) == 2 && args[0] == "-stderr" {
		from, args = "stderr", args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture [-stderr] PATTERN")
	}
	pattern, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	if text := ts.ReadFile(from); !setGroups(ts, pattern, text) {
		ts.Fatalf("no line of %s matches %s:\n%s", from, args[0], text)
	}
}

// setGroups makes variables of a match's named groups.
func setGroups(ts *testscript.TestScript, pattern *regexp.Regexp, text string) bool {
	found := pattern.FindStringSubmatch(text)
	for i, name := range pattern.SubexpNames() {
		if found != nil && name != "" {
			ts.Setenv(name, found[i])
		}
	}
	return found != nil
}

// newRedisCommand gives each script that asks for it a redis-server of its own.
func newRedisCommand(t *testing.T) func(*testscript.TestScript, bool, []string) {
	var servers sync.Map // of *redistest.Server, by script; they run side by side
	own := func(ts *testscript.TestScript) *redistest.Server {
		server, ok := servers.Load(ts)
		if !ok {
			ts.Fatalf("redis start comes first")
		}
		return server.(*redistest.Server)
	}
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: redis start [args...] | kill | flush")
		}
		switch args[0] {
		case "start":
			server := redistest.Start(t, args[1:]...)
			servers.Store(ts, server)
			ts.Setenv("REDIS", server.URL())
		case "kill":
			own(ts).Kill()
		case "flush":
			ts.Check(own(ts).Client().FlushAll(t.Context()).Err())
		default:
			ts.Fatalf("redis %s: no such command", args[0])
		}
	}
}
