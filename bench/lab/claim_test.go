//go:build linux

package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/bench/lab"
)

// TestMain is another process of TestKilledOwner, too: one that has a server, and
// does not end by itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "own" {
		own(os.Args[2])
	}
	os.Exit(m.Run())
}

func own(executable string) {
	s, err := lab.Start(context.Background(), executable, lab.Port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, addr := s.Addr()
	fmt.Println(s.Dir(), addr)
	select {}
}

// What a process leaves behind that was killed is removed by the next one, and its
// servers have ended; nothing else is touched.
func TestKilledOwner(t *testing.T) {
	room := t.TempDir()
	t.Setenv("TMPDIR", room)
	owner := exec.Command(os.Args[0], "own", executable(t))
	owner.Stderr = os.Stderr
	said, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	var dir, addr string
	_, err = fmt.Sscan(line, &dir, &addr)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "owner"))
	require.NoError(t, err)
	foreign := map[string]string{
		"rescind-lab-of-somebody": string(text), "rescind-lab": string(text), // names
		"rescind-lab1": "", "rescind-lab2": "me", "rescind-lab3": strings.TrimSpace(string(text)) + ".example\n", "rescind-lab4": string(text) + "\n",
	}
	for name, text := range foreign {
		require.NoError(t, os.Mkdir(filepath.Join(room, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(room, name, "owner"), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(room, "rescind-lab5"), 0o700))
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.Mkdir(target, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(target, "owner"), text, 0o600))
	require.NoError(t, os.Symlink(target, filepath.Join(room, "rescind-lab6")))

	mine := open(t, false)
	assert.DirExists(t, dir, "its owner lives")
	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait() // killed
	gone := func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}
	require.Eventually(t, gone, 10*time.Second, 10*time.Millisecond, "the server has ended with its owner")
	removed := func() bool {
		require.NoError(t, open(t, false).Close())
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}
	require.Eventually(t, removed, 10*time.Second, 10*time.Millisecond)
	for name := range foreign {
		assert.FileExists(t, filepath.Join(room, name, "owner"), "what is not surely ours")
	}
	assert.DirExists(t, filepath.Join(room, "rescind-lab5"), "nobody's is not ours")
	assert.FileExists(t, filepath.Join(target, "owner"), "what a link leads to is not ours")
	assert.NoError(t, impatient(t, mine).Ping(t.Context()).Err(), "those that live are not touched")
}

// What a server says that cannot start is told: the end of it, on one line.
func TestLastWords(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "server")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nyes 'many words' | head -n 5000\nprintf 'lib\\033[31m.so: no such file\\n' >&2\nexit 1\n"), 0o700)) // #nosec G306 -- it is to run
	_, err := lab.Start(t.Context(), script, lab.Port)
	require.ErrorContains(t, err, "many words; lib [31m.so: no such file")
	assert.Less(t, len(err.Error()), 1000)
	assert.NotContains(t, err.Error(), "\x1b")

	_, err = lab.Start(t.Context(), executable(t), lab.Port, "--no-such-setting", "1")
	assert.ErrorContains(t, err, "no-such-setting")
	_, err = lab.Start(t.Context(), executable(t), lab.Port, "--appendonly", "yes", "--appenddirname", "a/b")
	assert.ErrorContains(t, err, "; it said: ")
}
