// Package redistest runs private, real Redis servers for tests: standalone,
// Cluster and Sentinel, with the faults that a denylist must survive. It needs
// neither root nor the network. Everything ends with the test, or with the
// test binary if that dies first.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTimeout is how long a server may take to answer its first PING: far
// longer than it ever takes, for machines under load.
const startTimeout = 20 * time.Second

// Server is one redis-server as a test sees it.
type Server struct {
	tb     testing.TB
	proc   *process
	prefix string
}

// Start runs a server on a unix socket: nothing persists and no other process
// can reach it. args are redis-server's own and win over the defaults:
// Start(t, "--maxmemory", "2mb").
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return own(tb, socketEndpoint, args)
}

// StartTCP is Start on a port of 127.0.0.1.
func StartTCP(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return own(tb, portEndpoint, args)
}

func own(tb testing.TB, where func() (endpoint, error), args []string) *Server {
	tb.Helper()
	p, err := launch(where, args)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(p.remove)
	return &Server{tb: tb, proc: p, prefix: NextPrefix()}
}

// shared is the server that the tests of one binary share while at least one
// of them uses it.
var shared struct {
	sync.Mutex
	proc  *process
	users int
}

// Shared returns a handle of the one server that all tests of this binary
// share. A test that keeps to its own Prefix may run in parallel with any
// other, and must not harm the server.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.proc == nil {
		p, err := launch(socketEndpoint, nil)
		if err != nil {
			tb.Fatalf("redistest: %v", err)
		}
		shared.proc = p
	}
	shared.users++
	tb.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users == 0 {
			shared.proc.remove()
			shared.proc = nil
		}
	})
	return &Server{tb: tb, proc: shared.proc, prefix: NextPrefix()}
}

var prefixes atomic.Int64

// NextPrefix returns a key prefix that no one else in this process has.
func NextPrefix() string { return "t" + strconv.FormatInt(prefixes.Add(1), 10) }

// Prefix is a key prefix that no other handle in this process has.
func (s *Server) Prefix() string { return s.prefix }

// For returns a handle of the same server for a subtest, with a prefix of its
// own. The server ends with the test that started it.
func (s *Server) For(tb testing.TB) *Server {
	return &Server{tb: tb, proc: s.proc, prefix: NextPrefix()}
}

// BreakDisk keeps the server from saving: something that is no file stands
// where its dump belongs.
func (s *Server) BreakDisk() {
	s.tb.Helper()
	if err := os.MkdirAll(filepath.Join(s.proc.dir, "dump.rdb", "x"), 0o700); err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
}

// URL is where the server is, as denylist.OpenURL takes it.
func (s *Server) URL() string { return s.proc.at.url() }

// Addr is the server's network, "unix" or "tcp", and its address.
func (s *Server) Addr() (network, addr string) { return s.proc.at.network, s.proc.at.addr }

// Options are the client settings that a denylist asks for.
func (s *Server) Options() *redis.Options {
	return &redis.Options{
		Network: s.proc.at.network, Addr: s.proc.at.addr,
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
	}
}

// Client returns a new client, closed at the end of the test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(s.Options())
	s.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Kill ends the server at once (SIGKILL): what it had in memory is lost.
func (s *Server) Kill() {
	s.tb.Helper()
	s.proc.kill()
}

// Restart kills the server if it runs and starts it again at the same address
// with the same arguments.
func (s *Server) Restart() {
	s.tb.Helper()
	s.proc.kill()
	if err := s.proc.start(); err != nil {
		s.tb.Fatalf("redistest: restart: %v", err)
	}
}

// process is one redis-server and its directory.
type process struct {
	dir  string
	at   endpoint
	args []string
	cmd  *exec.Cmd
}

// launch tries a few times: a free port may be taken before Redis binds it.
func launch(where func() (endpoint, error), args []string) (p *process, err error) {
	for range 5 {
		if p, err = launchOnce(where, args); err == nil || errors.Is(err, exec.ErrNotFound) {
			return p, err
		}
	}
	return nil, err
}

func launchOnce(where func() (endpoint, error), args []string) (*process, error) {
	// Not tb.TempDir: a socket's path may have 104 bytes at most.
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		return nil, err
	}
	at, err := where()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := &process{dir: dir, at: at.in(dir), args: args}
	if err := p.start(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

func (p *process) start() error {
	binary, err := Find()
	if err != nil {
		return err
	}
	args := append(p.at.args(), "--dir", p.dir, "--logfile", p.logfile(), "--loglevel", "warning",
		"--save", "", "--appendonly", "no", "--daemonize", "no")
	return p.run(binary, append(args, p.args...))
}

func (p *process) run(binary string, args []string) error {
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir = p.dir
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := p.ready(); err != nil {
		log, _ := os.ReadFile(p.logfile())
		p.kill()
		return fmt.Errorf("%s does not answer: %w\n%s", binary, err, log)
	}
	return nil
}

func (p *process) logfile() string { return filepath.Join(p.dir, "log") }

// ready waits for the first answer, whatever it says: NOAUTH is one.
func (p *process) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return Poll(ctx, func() error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, p.at.network, p.at.addr)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(startTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1))
		return err
	})
}

func (p *process) kill() {
	if p.cmd == nil || p.cmd.Process == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) remove() {
	p.kill()
	_ = os.RemoveAll(p.dir)
}
