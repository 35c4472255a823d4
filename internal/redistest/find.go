package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ErrNoServer is what Find returns where there is no Redis to test against.
var ErrNoServer = fmt.Errorf("no redis-server: install redis-server or valkey-server, or name one in REDIS_SERVER: %w", exec.ErrNotFound)

// Find returns the server binary: REDIS_SERVER, or redis-server or
// valkey-server on the PATH.
func Find() (string, error) {
	if named := os.Getenv("REDIS_SERVER"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("REDIS_SERVER: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoServer
}

// Poll calls try until it returns nil. When ctx ends first it returns the last
// error.
func Poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// endpoint is where a server listens.
type endpoint struct{ network, addr string }

const socketName = "s"

func socketEndpoint() (endpoint, error) { return endpoint{network: "unix"}, nil }

func portEndpoint() (endpoint, error) {
	port, err := freePort()
	return endpoint{network: "tcp", addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, err
}

// in places a socket in the server's directory.
func (e endpoint) in(dir string) endpoint {
	if e.network == "unix" {
		e.addr = filepath.Join(dir, socketName)
	}
	return e
}

func (e endpoint) args() []string {
	if e.network == "unix" {
		return []string{"--port", "0", "--unixsocket", e.addr, "--unixsocketperm", "700"}
	}
	host, port, _ := net.SplitHostPort(e.addr)
	return []string{"--bind", host, "--port", port}
}

func (e endpoint) url() string {
	if e.network == "unix" {
		return (&url.URL{Scheme: "unix", Path: e.addr}).String()
	}
	return (&url.URL{Scheme: "redis", Host: e.addr}).String()
}

// freePort returns a port that nothing listened on a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
