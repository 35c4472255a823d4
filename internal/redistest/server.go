// Package redistest runs private, real Redis servers for tests: standalone,
// Cluster and Sentinel, with the faults that a denylist must survive. It needs
// neither root nor the network. Everything ends with the test, or with the
// test binary if that dies first.
package redistest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rescindhq/rescind/bench/lab"
)

// startTimeout is how long servers may take to find each other: far longer than
// they ever take, for machines under load.
const startTimeout = time.Minute

// Server is one redis-server as a test sees it.
type Server struct {
	tb     testing.TB
	proc   *lab.Server
	prefix string
}

// Start runs a server on a unix socket: nothing persists and no other process
// can reach it. args are redis-server's own and win over the defaults:
// Start(t, "--maxmemory", "2mb").
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return own(tb, lab.Socket, args)
}

// StartTCP is Start on a port of 127.0.0.1.
func StartTCP(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return own(tb, lab.Port, args)
}

func own(tb testing.TB, where lab.Where, args []string) *Server {
	tb.Helper()
	p, err := launch(where, args)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return &Server{tb: tb, proc: p, prefix: NextPrefix()}
}

func launch(where lab.Where, args []string) (*lab.Server, error) {
	binary, err := Find()
	if err != nil {
		return nil, err
	}
	return lab.Start(context.Background(), binary, where, args...)
}

// shared is the server that the tests of one binary share while at least one
// of them uses it.
var shared struct {
	sync.Mutex
	proc  *lab.Server
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
		p, err := launch(lab.Socket, nil)
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
			_ = shared.proc.Close()
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
	if err := os.MkdirAll(filepath.Join(s.proc.Dir(), "dump.rdb", "x"), 0o700); err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
}

// URL is where the server is, as denylist.OpenURL takes it.
func (s *Server) URL() string { return s.proc.URL() }

// Addr is the server's network, "unix" or "tcp", and its address.
func (s *Server) Addr() (network, addr string) { return s.proc.Addr() }

// Options are the client settings that a denylist asks for.
func (s *Server) Options() *redis.Options {
	network, addr := s.Addr()
	return &redis.Options{
		Network: network, Addr: addr,
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
	s.proc.Kill()
}

// Restart kills the server if it runs and starts it again at the same address
// with the same arguments.
func (s *Server) Restart() {
	s.tb.Helper()
	s.need(s.proc.Restart(context.Background()))
}

// Stop hangs the server (SIGSTOP): connections stay open, nothing answers.
func (s *Server) Stop() {
	s.tb.Helper()
	s.need(s.proc.Hang())
}

// Continue lets a stopped server run again (SIGCONT).
func (s *Server) Continue() {
	s.tb.Helper()
	s.need(s.proc.Resume())
}

func (s *Server) need(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
}
