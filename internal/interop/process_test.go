package interop

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/internal/redistest"
)

// patience is far longer than any program takes to start, on a busy machine.
const patience = 2 * time.Minute

// binary is the program under test: INTEROP_RESCIND, or a build of this tree.
// The build stays until the test binary ends.
var binary = sync.OnceValues(func() (string, error) {
	if named := os.Getenv("INTEROP_RESCIND"); named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(room, "rescind")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/rescind")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// room is a directory of this test binary, gone at its end.
var room string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if room, err = os.MkdirTemp("", "interop"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		defer func() { _ = os.RemoveAll(room) }()
		return m.Run()
	}())
}

// program is where a third party's program is. None is skipped: one that is
// missing fails the test.
func program(t *testing.T, names ...string) string {
	t.Helper()
	// Debian keeps servers where only root looks.
	places := filepath.SplitList(os.Getenv("PATH"))
	places = append(places, "/usr/local/sbin", "/usr/sbin", "/sbin")
	for _, name := range names {
		for _, dir := range places {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	require.FailNow(t, "missing: "+strings.Join(names, " or "), "make interop installs it (INSTALL=1 where you are not root)")
	return ""
}

// run runs a program to its end and returns what it wrote to standard output.
// Anything but exit code 0 fails the test with what it said.
func run(t *testing.T, dir string, env []string, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = endWithTests()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	require.NoError(t, err, "%s %s\n%s%s", filepath.Base(name), strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String()
}

// process is a server that a test started.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed once it has ended
}

// start runs a server until the end of the test and waits until it accepts at
// addr. The last that it wrote is logged where the test fails.
func start(t *testing.T, dir, addr string, env []string, name string, args ...string) *process {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), filepath.Base(name))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	p := &process{cmd: exec.Command(name, args...), log: file.Name(), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.SysProcAttr = endWithTests()
	require.NoError(t, p.cmd.Start())
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(name), p.said())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, redistest.Poll(ctx, func() error { return p.accepts(addr, cancel) }), "%s does not start:\n%s", name, p.said())
	return p
}

// accepts reports whether the server listens, and gives up once it has ended.
func (p *process) accepts(addr string, giveUp func()) error {
	select {
	case <-p.done:
		giveUp()
		return fmt.Errorf("ended: %v", p.cmd.ProcessState)
	default:
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// stop ends the server and waits for it: politely, so that one with children
// ends those, and then not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// said is what the server wrote: the last of it.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// freeAddr is an address that nothing listened at a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
