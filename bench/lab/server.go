// Package lab runs private, real Redis servers that a run may break: hang,
// kill, start again, fail over. They listen on loopback ports or sockets of
// their own, keep what they have in temporary directories, and end with this
// process: by Close, and on Linux however else it ends. No other Redis is ever
// touched.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startTimeout is how long a server may take to answer its first PING: far
// longer than it ever takes, for machines under load.
const startTimeout = 20 * time.Second

// saidDelay is how long what a process has started may keep its output open.
const saidDelay = time.Second

// Where says on what a server listens.
type Where string

// The places to listen on.
const (
	Socket Where = "unix" // in the server's directory, for this user alone
	Port   Where = "tcp"  // a free one of 127.0.0.1
)

// Server is one server process and its directory. Its methods are for one
// goroutine.
type Server struct {
	dir     string
	network string
	addr    string
	command []string // that starts it
	lock    *os.File // of dir; nil: there are none here
	process *exec.Cmd
	said    *lastSaid     // by the process, beside its log
	ended   chan struct{} // closed when the process has
}

// Start runs an executable as a server that keeps nothing on disk, and waits
// until it answers. args are redis-server's own and win over what is set here:
// Start(ctx, path, lab.Port, "--appendonly", "yes").
func Start(ctx context.Context, executable string, where Where, args ...string) (*Server, error) {
	return launch(ctx, where, func(s *Server) error {
		if err := s.choose(where); err != nil {
			return err
		}
		s.command = append([]string{executable}, s.listens()...)
		s.command = append(s.command, "--dir", s.dir, "--logfile", s.logfile(), "--loglevel", "warning",
			"--save", "", "--appendonly", "no", "--daemonize", "no")
		s.command = append(s.command, args...)
		return nil
	})
}

// Watch runs an executable as a Sentinel of its own that watches a server, which
// it knows under a name. It calls it dead when it has not answered for so long.
func Watch(ctx context.Context, executable, name string, of *Server, down time.Duration) (*Server, error) {
	host, port, err := net.SplitHostPort(of.addr)
	if err != nil {
		return nil, fmt.Errorf("lab: watching a server on a socket: %w", err)
	}
	return launch(ctx, Port, func(s *Server) error {
		if err := s.choose(Port); err != nil {
			return err
		}
		_, own, _ := net.SplitHostPort(s.addr)
		// A Sentinel insists on a file that it may write to.
		conf := filepath.Join(s.dir, "sentinel.conf")
		s.command = []string{executable, conf, "--sentinel"}
		return os.WriteFile(conf, []byte(strings.Join([]string{
			"port " + own, "bind 127.0.0.1", "dir " + strconv.Quote(s.dir), "logfile " + strconv.Quote(s.logfile()),
			fmt.Sprintf("sentinel monitor %s %s %s 1", name, host, port),
			fmt.Sprintf("sentinel down-after-milliseconds %s %d", name, down.Milliseconds()),
			fmt.Sprintf("sentinel failover-timeout %s 2000", name), "",
		}, "\n")), 0o600)
	})
}

// errEnded is of a process that ended before it answered.
var errEnded = errors.New("it ended")

// launch tries a few times: a free port may be taken before Redis binds it, and
// then Redis ends. What else there may be is no better the next time.
func launch(ctx context.Context, where Where, prepare func(*Server) error) (s *Server, err error) {
	for range 5 {
		if s, err = launchOnce(ctx, where, prepare); err == nil || !errors.Is(err, errEnded) || ctx.Err() != nil {
			return s, err
		}
	}
	return nil, err
}

func launchOnce(ctx context.Context, where Where, prepare func(*Server) error) (*Server, error) {
	dir, lock, err := claimedDir(where.room())
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, lock: lock}
	if err := prepare(s); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), s.Close())
	}
	if err := s.run(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// room is where directories of servers are: that for temporary files, unless a
// socket is to be there and its name is too long for that. A socket's path may have
// 104 bytes at most, of which the server's directory takes 30 and others need a few.
func (where Where) room() string {
	dir := os.TempDir()
	if where == Socket && len(dir) > 64 {
		return "/tmp"
	}
	return dir
}

// choose chooses where to listen.
func (s *Server) choose(where Where) (err error) {
	s.network, s.addr = string(where), filepath.Join(s.dir, "s")
	if where == Port {
		s.addr, err = freeAddr()
	}
	return err
}

func (s *Server) listens() []string {
	if s.network == string(Socket) {
		return []string{"--port", "0", "--unixsocket", s.addr, "--unixsocketperm", "700"}
	}
	host, port, _ := net.SplitHostPort(s.addr)
	return []string{"--bind", host, "--port", port}
}

// URL is where the server is, as denylist.OpenURL takes it.
func (s *Server) URL() string {
	if s.network == string(Socket) {
		return (&url.URL{Scheme: "unix", Path: s.addr}).String()
	}
	return (&url.URL{Scheme: "redis", Host: s.addr}).String()
}

// Addr is the server's network, "unix" or "tcp", and its address.
func (s *Server) Addr() (network, addr string) { return s.network, s.addr }

// Dir is the server's directory, which Close removes.
func (s *Server) Dir() string { return s.dir }

// run starts the process and waits until it answers.
func (s *Server) run(ctx context.Context, more ...string) error {
	args := append(slices.Clone(s.command[1:]), more...)
	s.process = exec.Command(s.command[0], args...) // #nosec G204 -- the caller's own program
	s.process.Dir = s.dir
	s.process.SysProcAttr = owned()
	if s.lock != nil {
		s.process.ExtraFiles = []*os.File{s.lock} // where it outlives this process, it needs its directory
	}
	s.said = &lastSaid{}
	s.process.Stdout, s.process.Stderr = s.said, s.said
	s.process.WaitDelay = saidDelay
	s.ended = make(chan struct{})
	if err := s.process.Start(); err != nil {
		close(s.ended)
		return fmt.Errorf("lab: %w", err)
	}
	go func(process *exec.Cmd, ended chan struct{}) {
		_ = process.Wait() // whatever it says: it was killed, or its log tells more
		close(ended)
	}(s.process, s.ended)
	if err := s.ready(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("lab: %s does not answer: %w%s", s.command[0], err, s.lastWords())
	}
	return nil
}

// lastWords is what a server said last that does not answer.
func (s *Server) lastWords() string {
	if words := told(endOf(s.logfile()), s.said.String()); words != "" {
		return "; it said: " + words
	}
	return ""
}

func (s *Server) logfile() string { return filepath.Join(s.dir, "log") }

// ready waits for the first answer, whatever it says: NOAUTH is one. That it
// still reads what it had on disk is none.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	go func(ended chan struct{}) {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}(s.ended)
	err := Poll(ctx, func() error { return s.ping(ctx) })
	select {
	case <-s.ended:
		return errEnded // which says more than that nobody listens
	default:
		return err
	}
}

// ping asks once, on a connection of its own.
func (s *Server) ping(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, s.network, s.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if strings.HasPrefix(string(answer[:n]), "-LOADING") {
		return errors.New("it is loading")
	}
	return err
}

// Kill ends the server at once (SIGKILL), be it hung: what it had in memory
// alone is lost.
func (s *Server) Kill() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
}

// Restart kills the server if it runs and starts it again at the same address,
// with the same arguments and, this time, some more. It returns once it answers.
func (s *Server) Restart(ctx context.Context, more ...string) error {
	s.Kill()
	return s.run(ctx, more...)
}

// Close kills the server and removes its directory.
func (s *Server) Close() error {
	s.Kill()
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		_ = s.lock.Close() // closed twice is closed
	}
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}
